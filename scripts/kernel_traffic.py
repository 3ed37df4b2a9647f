"""Estimates the bytes that the kernels of an optimised GPU program read and write, from its HLO text.

Each kernel reads its operands and writes its results once. A fusion that slices an operand reads the slice alone, one
that updates a slice in place writes the slice alone. Work space of library calls is not counted.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import re

_SIZES = {"pred": 1, "s8": 1, "u8": 1, "s16": 2, "u16": 2, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "f32": 4}
_SIZES |= {"s64": 8, "u64": 8, "f64": 8}
_COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\) -> .* \{$")
_INSTRUCTION = re.compile(r"^\s+(ROOT )?%?([\w.\-]+) = (\(.*?\)|\S+) ([\w\-]+)\((.*)$")
_NO_KERNEL = {"parameter", "tuple", "get-tuple-element", "bitcast", "constant"}
_SLICES = {"slice", "dynamic-slice", "gather"}


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One line of a computation; `operands` are names, `rest` is the text after the operation."""

    is_root: bool
    name: str
    shape: str
    operation: str
    operands: tuple[str, ...]
    rest: str


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A kernel or library call of the program and the bytes it moves."""

    name: str
    operation: str
    nbytes: float


def kernels(text: str) -> list[Kernel]:
    """Kernels of the entry computation of an HLO module's text, in order."""
    computations, entry = _parse(text)
    shapes = {i.name: i.shape for i in computations[entry]}
    found = []
    for instruction in computations[entry]:
        if instruction.operation in _NO_KERNEL:
            continue
        if instruction.operation == "fusion":
            called = re.search(r"calls=%?([\w.\-]+)", instruction.rest).group(1)
            nbytes = _fusion_bytes(computations[called])
        else:
            space = instruction.operation == "custom-call"
            parts = (instruction.shape, *(shapes.get(o, "") for o in instruction.operands))
            nbytes = sum(_nbytes(shape, without_bytes=space) for shape in parts)
        found.append(Kernel(instruction.name, instruction.operation, nbytes))
    return found


def _parse(text: str) -> tuple[dict[str, list[Instruction]], str]:
    computations, current, entry = collections.defaultdict(list), None, ""
    for line in text.split("\n"):
        if head := _COMPUTATION.match(line):
            current = head.group(2)
            entry = current if head.group(1) else entry
        elif line.startswith("}"):
            current = None
        elif current and (match := _INSTRUCTION.match(line)):
            root, name, shape, operation, rest = match.groups()
            operands = tuple(re.findall(r"%([\w.\-]+)", rest.split("), ")[0]))
            computations[current].append(Instruction(bool(root), name, shape, operation, operands, rest))
    return computations, entry


def _fusion_bytes(body: list[Instruction]) -> float:
    by_name = {i.name: i for i in body}
    root = next(i for i in body if i.is_root)
    wanted = _wanted(body, by_name, root)
    read = sum(
        _nbytes(i.shape) * min(1.0, wanted[i.name] / max(1, _elements(i.shape)))
        for i in body
        if i.operation == "parameter"
    )
    results = [by_name[o] for o in root.operands] if root.operation == "tuple" else [root]
    return read + sum(_written(result, by_name) for result in results)


def _wanted(body: list[Instruction], by_name: dict, root: Instruction) -> collections.Counter:
    """How many elements of each value of a fusion are needed, from the root upwards."""
    wanted = collections.Counter({root.name: _elements(root.shape)})
    for user in reversed(body):  # users come after what they use
        for place, name in enumerate(user.operands):
            if name in by_name:
                wanted[name] += _wanted_of_operand(
                    user, place, _elements(by_name[name].shape), wanted, by_name
                )
    return wanted


def _wanted_of_operand(
    user: Instruction, place: int, size: int, wanted: collections.Counter, by_name
) -> float:
    whole = _elements(user.shape)
    needed = min(whole, wanted[user.name])
    if user.operation == "tuple":
        return size
    if not needed:
        return 0
    if user.operation in ("reduce", "concatenate"):
        return min(size, size * needed / max(1, whole))
    if user.operation in _SLICES:
        return needed if place == 0 else size
    if user.operation == "dynamic-update-slice":
        if place:
            return size
        update = by_name.get(user.operands[1])
        return 0 if user.is_root else max(0, needed - (_elements(update.shape) if update else 0))
    return min(size, needed) if whole >= size else size


def _written(result: Instruction, by_name: dict[str, Instruction]) -> int:
    while result.operation == "bitcast" and result.operands[0] in by_name:
        result = by_name[result.operands[0]]
    if result.operation == "dynamic-update-slice":
        return _nbytes(by_name[result.operands[1]].shape)
    return _nbytes(result.shape)


def _arrays(shape: str) -> list[tuple[str, int]]:
    found = re.findall(r"(\w+)\[([\d,]*)\]", shape)
    return [
        (dtype, math.prod(int(n) for n in sides.split(",") if n)) for dtype, sides in found if dtype in _SIZES
    ]


def _elements(shape: str) -> int:
    return sum(size for _, size in _arrays(shape))


def _nbytes(shape: str, *, without_bytes: bool = False) -> int:
    """Bytes of all arrays of a shape; `without_bytes` leaves out int8 arrays: the work space of library calls."""
    return sum(
        size * _SIZES[dtype]
        for dtype, size in _arrays(shape)
        if not (without_bytes and dtype in ("u8", "s8"))
    )
