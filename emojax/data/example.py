"""The tf.train.Example message, written and read without TensorFlow.

The wire format is Protocol Buffers: `Example{features=1}`, `Features{map<string, Feature> feature=1}`,
`Feature{oneof bytes_list=1, float_list=2, int64_list=3}`, each list `{repeated value=1}` with numbers packed.
The bytes written here equal protobuf's deterministic serialisation, so any TensorFlow reader takes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

BYTES_LIST, FLOAT_LIST, INT64_LIST = 1, 2, 3
_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5

FeatureValue = bytes | Sequence[bytes] | np.ndarray | int | float


def encode_example(features: Mapping[str, FeatureValue]) -> bytes:
    """Serialises one record.

    Args:
        features: name -> `bytes` or a list of them (bytes_list), floating numbers (float_list, float32), or
            integers and booleans (int64_list). Arrays are flattened in C order: their shape is not stored.

    Returns:
        The message, features in key order, so that equal features give equal bytes.

    Raises:
        TypeError: a value is of none of these types.
    """
    entries = (
        _delimited(1, _delimited(1, key) + _delimited(2, _encode_feature(name, features[name])))
        for key, name in sorted((name.encode(), name) for name in features)
    )
    return _delimited(1, b"".join(entries))


def decode_example(
    buffer: bytes | memoryview | np.ndarray, names: Sequence[str] | None = None
) -> dict[str, list[memoryview] | np.ndarray]:
    """Parses one record.

    Args:
        buffer: the message.
        names: the features wanted; the others are skipped without being read. None takes all.

    Returns:
        name -> list of memoryviews into `buffer` (bytes_list, nothing is copied: use `bytes(value)` to keep
        one), float32 array [n] (float_list) or int64 array [n] (int64_list). A wanted name that the record
        lacks is left out; a feature stored without a kind is an empty list.

    Raises:
        ValueError: the message is malformed.
    """
    view = memoryview(buffer)
    wanted = None if names is None else {name.encode(): name for name in names}
    features: dict[str, list[memoryview] | np.ndarray] = {}
    try:
        for part, start, stop in _fields(view, 0, len(view)):
            entries = _fields(view, start, stop) if part == 1 else ()
            for entry, first, last in entries:
                if entry == 1:
                    _decode_entry(view, first, last, wanted, features)
    except IndexError as error:
        raise ValueError("the message ends inside a number") from error
    return features


def _decode_entry(
    view: memoryview, start: int, stop: int, wanted: dict[bytes, str] | None, features: dict
) -> None:
    """Adds one (name, Feature) of the map to `features`."""
    key, value = b"", (stop, stop)
    for field, first, last in _fields(view, start, stop):
        if field == 1:
            key = view[first:last].tobytes()
        elif field == 2:
            value = (first, last)
    if wanted is None:
        features[key.decode()] = _decode_feature(view, *value)
    elif key in wanted:
        features[wanted[key]] = _decode_feature(view, *value)


def _encode_feature(name: str, value: FeatureValue) -> bytes:
    if isinstance(value, bytes):
        value = [value]
    if isinstance(value, list | tuple) and all(isinstance(item, bytes) for item in value):
        return _delimited(BYTES_LIST, b"".join(_delimited(1, item) for item in value))
    numbers = np.asarray(value).reshape(-1)
    if numbers.dtype.kind == "f":
        return _delimited(FLOAT_LIST, _packed(numbers.astype("<f4").tobytes()))
    if numbers.dtype.kind in "iub":
        return _delimited(INT64_LIST, _packed(b"".join(_encode_varint(int(n)) for n in numbers)))
    raise TypeError(f"Feature {name!r} holds {numbers.dtype}; an Example stores bytes, floats or integers.")


def _packed(payload: bytes) -> bytes:
    return _delimited(1, payload) if payload else b""


def _delimited(field: int, payload: bytes) -> bytes:
    return _encode_varint(field << 3 | _LENGTH_DELIMITED) + _encode_varint(len(payload)) + payload


def _encode_varint(number: int) -> bytes:
    if 0 <= number < 0x80:
        return bytes((number,))
    if not -(2**63) <= number < 2**63:
        raise TypeError(f"{number} does not fit the 64-bit integers of an Example.")
    number &= 0xFFFFFFFFFFFFFFFF  # Protocol Buffers store a negative int64 as its two's complement.
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _decode_feature(view: memoryview, start: int, stop: int) -> list[memoryview] | np.ndarray:
    value: list[memoryview] | np.ndarray = []
    for kind, first, last in _fields(view, start, stop):
        runs = [run[1:] for run in _fields(view, first, last) if run[0] == 1]
        if kind == BYTES_LIST:
            value = [view[a:b] for a, b in runs]
        elif kind == FLOAT_LIST:
            value = _decode_floats(view, runs)
        elif kind == INT64_LIST:
            value = _decode_integers(view, runs)
    return value


def _decode_floats(view: memoryview, runs: list[tuple[int, int]]) -> np.ndarray:
    # Packed or one by one: the value bytes of either are little-endian float32.
    if any((last - first) % 4 for first, last in runs):
        raise ValueError(f"a float list at byte {runs[0][0]} is not a whole number of float32 values")
    if len(runs) == 1:
        first, last = runs[0]
        return np.frombuffer(view, "<f4", (last - first) // 4, first)
    return np.frombuffer(b"".join(view[first:last] for first, last in runs), "<f4")


def _decode_integers(view: memoryview, runs: list[tuple[int, int]]) -> np.ndarray:
    numbers = []
    for position, last in runs:
        while position < last:
            number, position = _decode_varint(view, position, last)
            numbers.append(number - 2**64 if number >= 2**63 else number)
    return np.array(numbers, np.int64)


def _fields(view: memoryview, position: int, stop: int) -> list[tuple[int, int, int]]:
    """Returns (field number, first byte, end) of every field of one message, values unread.

    This is the inner loop of the input pipeline, run under the interpreter lock: one-byte tags and lengths
    are read in place, and lists are cheaper than generators.
    """
    fields = []
    while position < stop:
        tag = view[position]
        if tag < 0x80 and tag & 7 == _LENGTH_DELIMITED:
            length = view[position + 1]
            position += 2
            if length >= 0x80:
                length, position = _decode_varint(view, position - 1, stop)
            end = position + length
        else:
            tag, position = _decode_varint(view, position, stop)
            position, end = _field_bounds(view, tag & 7, position, stop)
        if end > stop:
            raise ValueError(f"field {tag >> 3} at byte {position} ends {end - stop} bytes after its message")
        fields.append((tag >> 3, position, end))
        position = end
    return fields


def _field_bounds(view: memoryview, wire_type: int, position: int, stop: int) -> tuple[int, int]:
    """Returns (first byte, end) of the value after a tag."""
    if wire_type == _LENGTH_DELIMITED:
        length, position = _decode_varint(view, position, stop)
        return position, position + length
    if wire_type == _VARINT:
        return position, _decode_varint(view, position, stop)[1]
    if wire_type in (_FIXED32, _FIXED64):
        return position, position + (4 if wire_type == _FIXED32 else 8)
    raise ValueError(f"wire type {wire_type} before byte {position} is not of this format")


def _decode_varint(view: memoryview, position: int, stop: int) -> tuple[int, int]:
    """Returns (unsigned number, position after it)."""
    number = shift = 0
    while position < stop and shift < 64:
        byte = view[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
    raise ValueError(f"a number before byte {position} does not end")
