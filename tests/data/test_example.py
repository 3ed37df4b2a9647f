"""The tf.train.Example codec against the wire format, protobuf, and damaged input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_datasets.proto.tf_example_generated_pb2 import Example

from emojax.data.example import (
    FeatureFinder,
    decode_example,
    encode_example,
    find_features,
    lone_bytes_head,
    read_float,
    read_integer,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
VALUES = st.one_of(
    st.lists(st.binary(max_size=300), max_size=3),
    st.lists(INT64, min_size=1, max_size=5).map(lambda numbers: np.array(numbers, np.int64)),
    st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=5).map(
        lambda numbers: np.array(numbers, np.float32)
    ),
)
# The machine may be busy, and a hundred examples find no more than fifty.
unhurried = settings(deadline=None, max_examples=50)
RECORDS = st.dictionaries(st.text(max_size=6), VALUES, max_size=6)


def protobuf_example(features):
    """The same record built with protobuf's own classes."""

    example = Example()
    example.features.SetInParent()
    for name, value in features.items():
        feature = example.features.feature[name]
        if isinstance(value, list):
            feature.bytes_list.SetInParent()
            feature.bytes_list.value.extend(value)
        elif value.dtype.kind == "f":
            feature.float_list.value.extend(value.tolist())
        else:
            feature.int64_list.value.extend(value.tolist())
    return example


def same_features(decoded, features):
    assert decoded.keys() == features.keys()
    for name, value in features.items():
        if isinstance(value, list):
            assert [bytes(item) for item in decoded[name]] == value
        else:
            assert decoded[name].dtype == value.dtype
            np.testing.assert_array_equal(decoded[name], value)


def test_a_known_example_has_these_bytes():
    assert encode_example({"a": 1}) == b"\x0a\x0c\x0a\x0a\x0a\x01a\x12\x05\x1a\x03\x0a\x01\x01"
    assert encode_example({"b": 1.0}) == b"\x0a\x0f\x0a\x0d\x0a\x01b\x12\x08\x12\x06\x0a\x04\x00\x00\x80\x3f"
    assert encode_example({"c": b"hi"}) == b"\x0a\x0d\x0a\x0b\x0a\x01c\x12\x06\x0a\x04\x0a\x02hi"
    minus_one = encode_example({"d": -1})
    assert minus_one.endswith(b"\x1a\x0c\x0a\x0a" + b"\xff" * 9 + b"\x01")


# No name is the beginning of another: protobuf libraries disagree on the order of such names.
@given(st.dictionaries(st.text(min_size=1, max_size=1), VALUES, max_size=6))
@unhurried
def test_bytes_equal_those_of_protobuf(features):
    assert encode_example(features) == protobuf_example(features).SerializeToString(deterministic=True)


@given(RECORDS)
@unhurried
def test_values_come_back_here_and_in_protobuf(features):
    encoded = encode_example(features)
    assert Example.FromString(encoded) == protobuf_example(features)
    same_features(decode_example(encoded), features)
    same_features(decode_example(np.frombuffer(encoded, np.uint8)), features)


def test_python_scalars_and_arrays_of_any_number_type_are_taken():
    decoded = decode_example(
        encode_example({"i": 7, "t": True, "f": 0.5, "u": np.uint8([[1, 200]]), "d": np.float64(2.5)})
    )
    assert {name: (value.dtype, value.tolist()) for name, value in decoded.items()} == {
        "i": (np.int64, [7]),
        "t": (np.int64, [1]),
        "f": (np.float32, [0.5]),
        "u": (np.int64, [1, 200]),
        "d": (np.float32, [2.5]),
    }


@pytest.mark.parametrize("value", ["text", ["text"], None, 2**63, np.array(["a"]), 1j])
def test_a_value_an_example_cannot_hold_is_refused(value):
    with pytest.raises((TypeError, OverflowError)):
        encode_example({"x": value})


def test_only_the_named_features_are_decoded():
    encoded = encode_example({"a": 1, "b": 2, "c": b"x"})
    assert set(decode_example(encoded, ["a", "c", "absent"])) == {"a", "c"}


def test_bytes_are_views_of_the_message():
    encoded = encode_example({"image": b"pixels"})
    (value,) = decode_example(encoded)["image"]
    assert isinstance(value, memoryview) and value.obj is encoded


def test_numbers_that_are_not_packed_are_read():
    # Feature{float_list{1: 1.0, 1: 2.0}} and Feature{int64_list{1: 3, 1: 300}} with one tag a value.
    floats = b"\x12\x0a" + b"\x0d\x00\x00\x80\x3f" + b"\x0d\x00\x00\x00\x40"
    integers = b"\x1a\x05" + b"\x08\x03" + b"\x08\xac\x02"
    entries = b"".join(
        b"\x0a" + bytes([len(feature) + 5]) + b"\x0a\x01" + name + b"\x12" + bytes([len(feature)]) + feature
        for name, feature in ((b"f", floats), (b"i", integers))
    )
    decoded = decode_example(b"\x0a" + bytes([len(entries)]) + entries)
    np.testing.assert_array_equal(decoded["f"], np.float32([1, 2]))
    np.testing.assert_array_equal(decoded["i"], [3, 300])


def test_unknown_fields_are_skipped():
    # Fields 9 (varint), 10 (fixed 64), 11 (length-delimited) and 12 (fixed 32) of a later version of Example.
    later = b"\x48\x96\x01" + b"\x51" + bytes(8) + b"\x5a\x02ab" + b"\x65" + bytes(4)
    assert decode_example(later + encode_example({"a": 1}) + later)["a"].tolist() == [1]


def test_every_truncation_is_noticed():
    encoded = encode_example({"age": -1, "image": b"x" * 200, "landmarks": np.arange(3.0)})
    for stop in range(1, len(encoded)):
        with pytest.raises(ValueError):
            decode_example(encoded[:stop])


@given(st.binary(max_size=60))
@unhurried
def test_any_bytes_give_a_record_or_a_value_error(junk):
    try:
        decode_example(junk)
    except ValueError:
        return
    # Protobuf refuses some bytes that we accept (it checks field numbers), never the other way round:
    # what comes back must at least be of the declared types.
    assert all(isinstance(value, list | np.ndarray) for value in decode_example(junk).values())


@given(st.lists(RECORDS, max_size=6), st.binary(max_size=3))
@unhurried
def test_the_finder_that_remembers_layouts_finds_what_the_plain_one_finds(records, front):
    finder = FeatureFinder()
    for features in records + records[::-1]:
        encoded = encode_example(features)
        buffer, start, stop = bytearray(front + encoded + b"tail"), len(front), len(front) + len(encoded)
        assert finder(buffer, start, stop) == find_features(buffer, start, stop)


@given(st.integers(0, 10**6), st.integers(1, 255))
@unhurried
def test_the_finder_that_remembers_layouts_is_not_misled_by_damage(position, change):
    finder = FeatureFinder()
    encoded = encode_example({"age": -1.0, "image": b"x" * 40, "label": 3, "source_id": b"one", "z": 300})
    finder(bytearray(encoded), 0, len(encoded))
    damaged = bytearray(encoded)
    damaged[position % len(damaged)] ^= change
    outcomes = []
    for find in (finder, find_features):
        try:
            outcomes.append(find(damaged, 0, len(damaged)))
        except ValueError:
            outcomes.append("refused")
    assert outcomes[0] == outcomes[1]


def test_entries_written_value_first_are_found():
    value_first = b"\x12\x05\x1a\x03\x0a\x01\x01" + b"\x0a\x01a"
    encoded = bytearray(
        b"\x0a" + bytes([len(value_first) + 2]) + b"\x0a" + bytes([len(value_first)]) + value_first
    )
    assert FeatureFinder()(encoded, 0, len(encoded)) == find_features(encoded, 0, len(encoded))
    assert decode_example(encoded)["a"].tolist() == [1]


@given(INT64, st.floats(width=32, allow_nan=False))
@unhurried
def test_scalars_are_read_alone(integer, number):
    encoded = encode_example({"i": integer, "f": number})
    spans = find_features(encoded, 0, len(encoded))
    assert read_integer(encoded, *spans["i"][1:]) == integer
    assert read_float(encoded, *spans["f"][1:]) == number


@pytest.mark.parametrize("value", [np.int64([]), np.int64([1, 2]), np.float32([]), np.float32([1, 2])])
def test_a_scalar_must_be_one_number(value):
    encoded = encode_example({"x": value})
    _, first, last = find_features(encoded, 0, len(encoded))["x"]
    with pytest.raises(ValueError, match="not one"):
        (read_float if value.dtype.kind == "f" else read_integer)(encoded, first, last)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 154587])
def test_the_head_of_a_lone_value_is_what_stands_before_it(size):
    encoded = encode_example({"x": bytes(size)})
    _, first, last = find_features(encoded, 0, len(encoded))["x"]
    assert encoded[first : last - size] == lone_bytes_head(size)
