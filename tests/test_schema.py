"""JSON values are checked against types; a mismatch names the field."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

import pytest

from emojax.schema import Mismatch, check


class Split(TypedDict):
    num_records: int
    shards: list[str]
    note: NotRequired[str]


class Described(TypedDict):
    name: str
    splits: dict[str, Split]
    score: float | None
    kind: Literal["raw", "png"]
    free: Any


GOOD = {
    "name": "a",
    "splits": {"train": {"num_records": 1, "shards": ["x"]}},
    "score": 1,
    "kind": "raw",
    "free": [],
}


@pytest.mark.parametrize("change", [{}, {"score": None}, {"score": 0.5}, {"more": 1}, {"free": {"a": None}}])
def test_a_value_of_the_right_shape_passes(change):
    check(GOOD | change, Described)


@pytest.mark.parametrize(
    "value, message",
    [
        (None, "the file is null, not an object"),
        ([1], "the file is a list, not an object"),
        ({}, "the file has no 'name'"),
        (GOOD | {"name": 3}, "name is 3, not a text"),
        (GOOD | {"splits": None}, "splits is null, not an object"),
        (GOOD | {"splits": {"train": []}}, "splits.train is a list, not an object"),
        (GOOD | {"splits": {"train": {"shards": []}}}, "splits.train has no 'num_records'"),
        (
            GOOD | {"splits": {"train": {"num_records": True, "shards": []}}},
            "num_records is True, not an integer",
        ),
        (
            GOOD | {"splits": {"train": {"num_records": 1.5, "shards": []}}},
            "num_records is 1.5, not an integer",
        ),
        (
            GOOD | {"splits": {"train": {"num_records": 1, "shards": [None]}}},
            r"shards\[0\] is null, not a text",
        ),
        (GOOD | {"splits": {"train": {"num_records": 1, "shards": "x"}}}, "shards is 'x', not a list"),
        (
            GOOD | {"splits": {"t": {"num_records": 1, "shards": [], "note": 1}}},
            "splits.t.note is 1, not a text",
        ),
        (GOOD | {"score": "high"}, "score is 'high', not a number or null"),
        (GOOD | {"kind": "gif"}, "kind is 'gif', not one of 'raw', 'png'"),
    ],
)
def test_a_mismatch_names_the_field_and_what_it_should_be(value, message):
    with pytest.raises(Mismatch, match=message):
        check(value, Described)


def test_a_mismatch_inside_an_optional_object_names_the_inner_field():
    with pytest.raises(Mismatch, match="num_records is null, not an integer"):
        check({"num_records": None, "shards": []}, Split | None)
