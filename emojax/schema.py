"""Checks that a JSON value has the shape of a type, and says where it has not.

A schema is a type of the `typing` module: ``int``, ``float`` (integers, too), ``str``, ``bool``, ``None``, ``Any``,
``list[X]``, ``tuple[X, ...]`` (a list), ``dict[str, X]``, ``X | Y``, ``Literal``, and `TypedDict` for an object with
named fields (those marked `NotRequired` may be missing; more fields than named are allowed).

    class Split(TypedDict):
        num_records: int
        shards: list[str]

    check({"num_records": None, "shards": []}, Split)  # Mismatch: num_records is null, not an integer
"""

from __future__ import annotations

import types
import typing
from typing import Any, Literal, NotRequired, Union, get_args, get_origin

_NAMES = {
    **{int: "an integer", float: "a number", str: "a text", bool: "true or false"},
    **{list: "a list", tuple: "a list", dict: "an object", types.NoneType: "null"},
}


class Mismatch(ValueError):
    """The value has not the shape of the schema; the message names the field."""


def check(value: Any, schema: Any, where: str = "") -> None:
    """Raises `Mismatch` unless `value`, made of JSON values, has the shape of `schema`."""
    origin = get_origin(schema) or schema
    if schema is Any:
        return
    if origin in (Union, types.UnionType):
        _check_union(value, schema, where)
    elif origin is Literal:
        _require(value in get_args(schema), value, schema, where)
    elif typing.is_typeddict(schema):
        _check_fields(value, schema, where)
    elif origin in (list, tuple):
        _require(isinstance(value, (list, tuple)), value, schema, where)
        for i, item in enumerate(value):
            check(item, get_args(schema)[0] if get_args(schema) else Any, f"{where}[{i}]")
    elif origin is dict:
        _require(isinstance(value, dict), value, schema, where)
        for name, item in value.items():
            check(item, get_args(schema)[1] if get_args(schema) else Any, f"{where}.{name}")
    else:
        _require(_is_scalar(value, types.NoneType if schema is None else schema), value, schema, where)


def _is_scalar(value: Any, kind: type) -> bool:
    if isinstance(value, bool):  # which Python counts among the integers
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _check_fields(value: Any, schema: Any, where: str) -> None:
    _require(isinstance(value, dict), value, schema, where)
    for name, kind in typing.get_type_hints(schema, include_extras=True).items():
        optional = get_origin(kind) is NotRequired or name not in schema.__required_keys__
        if name in value:
            check(
                value[name], get_args(kind)[0] if get_origin(kind) is NotRequired else kind, f"{where}.{name}"
            )
        elif not optional:
            raise Mismatch(f"{_field(where)} has no {name!r}")


def _check_union(value: Any, schema: Any, where: str) -> None:
    mismatches = []
    for kind in get_args(schema):
        try:
            return check(value, kind, where)
        except Mismatch as mismatch:
            mismatches.append((str(mismatch), _same_container(value, kind)))
    inner = [text for text, same in mismatches if same]
    if inner:
        raise Mismatch(inner[0])
    _require(False, value, schema, where)


def _same_container(value: Any, kind: Any) -> bool:
    origin = dict if typing.is_typeddict(kind) else get_origin(kind) or kind
    return isinstance(value, (dict, list)) and isinstance(value, list if origin is tuple else origin)


def _require(fits: bool, value: Any, schema: Any, where: str) -> None:
    if not fits:
        raise Mismatch(f"{_field(where)} is {_described(value)}, not {_expected(schema)}")


def _field(where: str) -> str:
    return where.removeprefix(".") or "the file"


def _described(value: Any) -> str:
    if isinstance(value, (dict, list, tuple)):
        return _NAMES[type(value)]
    return "null" if value is None else repr(value)[:60]


def _expected(schema: Any) -> str:
    origin = get_origin(schema) or schema
    if origin in (Union, types.UnionType):
        return " or ".join(_expected(kind) for kind in get_args(schema))
    if origin is Literal:
        return f"one of {', '.join(map(repr, get_args(schema)))}"
    if typing.is_typeddict(schema):
        return "an object"
    return _NAMES[types.NoneType if origin is None else origin]
