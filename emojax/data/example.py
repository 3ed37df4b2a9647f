"""The tf.train.Example message, written and read without TensorFlow.

The wire format is Protocol Buffers: `Example{features=1}`, `Features{map<string, Feature> feature=1}`,
`Feature{oneof bytes_list=1, float_list=2, int64_list=3}`, each list `{repeated value=1}` with numbers packed.
The bytes written here equal protobuf's deterministic serialisation, so any TensorFlow reader takes them.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping, Sequence

import numpy as np

BYTES_LIST, FLOAT_LIST, INT64_LIST = 1, 2, 3
_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5

_ENTRY_TAG = 1 << 3 | _LENGTH_DELIMITED
# One packed float32, as every writer stores a scalar: tag of field 1, length 4, value.
_PACKED_FLOAT, _PACKED_FLOAT_HEAD = struct.Struct("<Hf"), _ENTRY_TAG | 4 << 8

Buffer = bytes | bytearray | memoryview
Span = tuple[int, int, int]
"""(kind, first byte, end) of the list in a feature; the kind is one of the above, 0 for an empty feature."""
_Entry = tuple[bytes, str, int, int]
"""(the bytes of a map entry before its list, name, kind, length of the list)."""
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
    buffer: bytes | bytearray | memoryview | np.ndarray, names: Collection[str] | None = None
) -> dict[str, list[memoryview] | np.ndarray]:
    """Parses one record.

    Args:
        buffer: the message.
        names: the features wanted; the values of others are not read. None takes all.

    Returns:
        name -> list of memoryviews into `buffer` (bytes_list, nothing is copied: use `bytes(value)` to keep
        one), float32 array [n] (float_list) or int64 array [n] (int64_list). A wanted name that the record
        lacks is left out; a feature stored without a kind is an empty list.

    Raises:
        ValueError: the message is malformed.
    """
    view = memoryview(buffer)
    features = {}
    for name, (kind, first, last) in find_features(view, 0, len(view)).items():
        if names is None or name in names:
            features[name] = _READ[kind](view, first, last) if kind else []
    return features


def find_features(buffer: Buffer, start: int, stop: int) -> dict[str, Span]:
    """Finds the values of the message `buffer[start:stop]`; ValueError if it is malformed."""
    spans = {}
    try:
        for part, part_start, part_stop in _fields(buffer, start, stop):
            for entry, first, last in _fields(buffer, part_start, part_stop) if part == 1 else ():
                if entry == 1:
                    name, span = _map_entry(buffer, first, last)
                    spans[name] = span
    except IndexError as error:
        raise ValueError("the message ends inside a number") from error
    return spans


class FeatureFinder:
    """`find_features`, several times faster, for many records of one writer.

    The records of a data set differ in their values but hardly in what stands around them. What stood before
    each value in earlier records (tags, lengths and the name) is kept, in order, and compared as a whole;
    only an entry for which it differs is parsed. A record that is written in another way than protobuf
    libraries do goes to `find_features`.
    """

    def __init__(self):
        # Threads may replace entries at any time: each is complete in itself, and none is ever removed.
        self._entries: list[_Entry] = []

    def __call__(self, buffer: bytearray, start: int, stop: int) -> dict[str, Span]:
        """Finds the values of the message `buffer[start:stop]`; ValueError if it is malformed."""
        try:
            return self._find(buffer, start, stop)
        except (IndexError, ValueError):
            return find_features(buffer, start, stop)

    def _find(self, buffer: bytearray, start: int, stop: int) -> dict[str, Span]:
        spans: dict[str, Span] = {}
        entries = self._entries
        end, position = _enter(buffer, start, stop, _ENTRY_TAG)
        number = 0
        while position < end:
            entry = entries[number] if number < len(entries) else None
            if entry is None or not buffer.startswith(entry[0], position):
                entry = _usual_entry(buffer, position, end)
                entries[number : number + 1] = [entry]
            before, name, kind, length = entry
            first = position + len(before)
            position = first + length
            spans[name] = (kind, first, position)
            number += 1
        if not position == end == stop:
            raise ValueError("more than one message of features, or an entry too long")
        return spans


def read_bytes(buffer: Buffer, first: int, last: int) -> list[memoryview]:
    """The values of the bytes_list at `buffer[first:last]`, not copied."""
    view = memoryview(buffer)
    return [view[a:b] for field, a, b in _fields(buffer, first, last) if field == 1]


def lone_bytes_head(size: int) -> bytes:
    """What stands before the value in a bytes_list that holds one value of `size` bytes."""
    return bytes((_ENTRY_TAG,)) + _encode_varint(size)


def read_floats(buffer: Buffer, first: int, last: int) -> np.ndarray:
    """The values of the float_list at `buffer[first:last]`: float32 [n]."""
    # Packed or one by one: the value bytes of either are little-endian float32.
    runs = [(a, b) for field, a, b in _fields(buffer, first, last) if field == 1]
    if any((b - a) % 4 for a, b in runs):
        raise ValueError(f"the float list at byte {first} is not a whole number of float32 values")
    if len(runs) == 1:
        a, b = runs[0]
        return np.frombuffer(buffer, "<f4", (b - a) // 4, a)
    return np.frombuffer(b"".join(bytes(buffer[a:b]) for a, b in runs), "<f4")


def read_integers(buffer: Buffer, first: int, last: int) -> np.ndarray:
    """The values of the int64_list at `buffer[first:last]`: int64 [n]."""
    numbers = []
    for field, position, end in _fields(buffer, first, last):
        while field == 1 and position < end:
            number, position = _decode_varint(buffer, position, end)
            numbers.append(number - 2**64 if number >= 2**63 else number)
    return np.array(numbers, np.int64)


def read_float(buffer: Buffer, first: int, last: int) -> float:
    """The value of the float_list at `buffer[first:last]`; ValueError if it holds another number of them."""
    if last - first == _PACKED_FLOAT.size:
        head, number = _PACKED_FLOAT.unpack_from(buffer, first)
        if head == _PACKED_FLOAT_HEAD:
            return number
    return _only(read_floats(buffer, first, last))


def read_integer(buffer: Buffer, first: int, last: int) -> int:
    """The value of the int64_list at `buffer[first:last]`; ValueError if it holds another number of them."""
    if (
        last - first == 3
        and buffer[first] == _ENTRY_TAG
        and buffer[first + 1] == 1
        and buffer[first + 2] < 0x80
    ):
        return buffer[first + 2]
    return _only(read_integers(buffer, first, last))


def _only(numbers: np.ndarray) -> float | int:
    if numbers.size != 1:
        raise ValueError(f"{numbers.size} numbers, not one")
    return numbers.item()


_READ = {BYTES_LIST: read_bytes, FLOAT_LIST: read_floats, INT64_LIST: read_integers}


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


def _map_entry(buffer: Buffer, start: int, stop: int) -> tuple[str, Span]:
    """One (name, Feature) of the map."""
    name, span = "", (0, stop, stop)
    for field, first, last in _fields(buffer, start, stop):
        if field == 1:
            name = bytes(buffer[first:last]).decode()
        elif field == 2:
            for kind, list_first, list_last in _fields(buffer, first, last):
                if kind in _READ:
                    span = (kind, list_first, list_last)
    return name, span


def _usual_entry(buffer: bytearray, start: int, stop: int) -> _Entry:
    """The entry at `start`; ValueError unless it is a name and then a Feature with one list, as usual."""
    end, position = _enter(buffer, start, stop, _ENTRY_TAG)
    name_end, position = _enter(buffer, position, end, 1 << 3 | _LENGTH_DELIMITED)
    name = buffer[position:name_end].decode()
    feature_end, position = _enter(buffer, name_end, end, 2 << 3 | _LENGTH_DELIMITED)
    kind = buffer[position] >> 3
    list_end, position = _enter(buffer, position, end, kind << 3 | _LENGTH_DELIMITED)
    if not feature_end == list_end == end or kind not in _READ:
        raise ValueError("another order of fields")
    return bytes(buffer[start:position]), name, kind, end - position


def _enter(buffer: Buffer, position: int, stop: int, tag: int) -> tuple[int, int]:
    """Returns (end, first byte) of the field at `position`, which must have this tag; else ValueError."""
    if buffer[position] != tag:
        raise ValueError("another field")
    length, position = _decode_varint(buffer, position + 1, stop)
    if position + length > stop:
        raise ValueError("too long")
    return position + length, position


def _fields(buffer: Buffer, position: int, stop: int) -> list[tuple[int, int, int]]:
    """Returns (field number, first byte, end) of every field of one message, values unread.

    This is the inner loop of the input pipeline, run under the interpreter lock: one-byte tags and lengths
    are read in place, and lists are cheaper than generators.
    """
    fields = []
    while position < stop:
        tag = buffer[position]
        if tag < 0x80 and tag & 7 == _LENGTH_DELIMITED:
            length = buffer[position + 1]
            position += 2
            if length >= 0x80:
                length, position = _decode_varint(buffer, position - 1, stop)
            end = position + length
        else:
            tag, position = _decode_varint(buffer, position, stop)
            position, end = _field_bounds(buffer, tag & 7, position, stop)
        if end > stop:
            raise ValueError(f"field {tag >> 3} at byte {position} ends {end - stop} bytes after its message")
        fields.append((tag >> 3, position, end))
        position = end
    return fields


def _field_bounds(buffer: Buffer, wire_type: int, position: int, stop: int) -> tuple[int, int]:
    """Returns (first byte, end) of the value after a tag."""
    if wire_type == _LENGTH_DELIMITED:
        length, position = _decode_varint(buffer, position, stop)
        return position, position + length
    if wire_type == _VARINT:
        return position, _decode_varint(buffer, position, stop)[1]
    if wire_type in (_FIXED32, _FIXED64):
        return position, position + (4 if wire_type == _FIXED32 else 8)
    raise ValueError(f"wire type {wire_type} before byte {position} is not of this format")


def _decode_varint(buffer: Buffer, position: int, stop: int) -> tuple[int, int]:
    """Returns (unsigned number, position after it)."""
    number = shift = 0
    while position < stop and shift < 64:
        byte = buffer[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
    raise ValueError(f"a number before byte {position} does not end")
