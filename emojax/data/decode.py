"""From the bytes of records to the arrays of a batch, a whole batch at a time."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from emojax.data.dataset import Dataset, Feature
from emojax.data.example import (
    BYTES_LIST,
    FLOAT_LIST,
    INT64_LIST,
    FeatureFinder,
    Span,
    decode_example,
    lone_bytes_head,
    read_bytes,
    read_float,
    read_floats,
    read_integer,
    read_integers,
)
from emojax.data.ranges import first_outside, label_ranges
from emojax.data.tfrecord import TFRecordSource
from emojax.errors import DataError

# Each of Grain's threads decodes a batch of its own; OpenCV's own threads would only get in their way.
cv2.setNumThreads(0)

_DTYPES = {"image": np.uint8, "int": np.int32, "float": np.float32}
# Orientation tags are ignored, as TensorFlow's decoder does.
_COLOR = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
_GREY = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION


class BatchDecoder:
    """Reads, verifies and decodes the records of one batch straight into its arrays."""

    def __init__(
        self,
        source: TFRecordSource,
        features: Mapping[str, Feature],
        ranges: Mapping[str, tuple[float, float]] | None = None,
    ):
        """
        Args:
            source: the records.
            features: the features of a batch by name; none of kind `bytes`.
            ranges: what labels may be, by name: see `ranges.label_ranges`.
        """
        self._source = source
        self._ranges = {name: allowed for name, allowed in (ranges or {}).items() if name in features}
        self._features = dict(features)
        self._fills = [(name, _fill_function(feature)) for name, feature in features.items()]
        self._find = FeatureFinder()
        sizes = {
            name: math.prod(feature.shape) for name, feature in features.items() if feature.encoding == "raw"
        }
        self._raw = max(sizes, key=sizes.get, default=None)
        self._raw_size = sizes.get(self._raw, 0)
        self._raw_head = lone_bytes_head(self._raw_size)
        self._pixels_range: tuple[int, int] | None = None
        self._moves_left = 16

    def __call__(self, records: Sequence[int]) -> dict[str, np.ndarray]:
        """Returns each feature of the given records: an array [rows, *shape], zeros where a record number is -1.

        Raises:
            DataError: a record is damaged, lacks a feature, or holds one of another size or type, or a label outside
                its range.
        """
        batch = {
            name: np.empty((len(records), *feature.shape), _DTYPES[feature.kind])
            for name, feature in self._features.items()
        }
        for row, record in enumerate(np.asarray(records).tolist()):
            if record >= 0:
                self._fill_row(batch, row, record)
            else:
                for array in batch.values():
                    array[row] = 0
        outside = first_outside(batch, self._ranges)
        if outside:
            raise self._error(int(records[outside[0]]), f": {outside[1]}")
        return batch

    def _fill_row(self, batch: dict[str, np.ndarray], row: int, record: int) -> None:
        name = None
        try:
            buffer, spans, filled = self._read(batch, row, record)
            for name, fill in self._fills:
                if name != filled:
                    fill(batch[name], row, buffer, spans[name])
        except (ValueError, KeyError, OverflowError, cv2.error) as error:
            reason = "missing" if isinstance(error, KeyError) else str(error).strip()
            raise self._error(record, f", feature {name!r}: {reason}" if name else f": {reason}") from error

    def _error(self, record: int, reason: str) -> DataError:
        path, number, offset = self._source.locate(record)
        return DataError(
            f"{path}: record {number} (byte {offset}){reason}. The shard does not go with this dataset.json; delete it "
            "and run the preparation command again."
        )

    def _read(
        self, batch: dict[str, np.ndarray], row: int, record: int
    ) -> tuple[bytearray, dict[str, Span], str | None]:
        """Returns the record's buffer, its values, and which feature is in its row already.

        Raw pixels, nearly all of such a record, are read straight into their row: they are expected where the
        last record had them. Where they turn out to be elsewhere, the record is read again as a whole; after
        a few of those (what stands before them differs in length) it is no longer tried.
        """
        expected = self._pixels_range
        if expected is not None:
            buffer, start, stop = self._source.borrow(record, (*expected, batch[self._raw][row].reshape(-1)))
            with contextlib.suppress(ValueError):
                spans = self._find(buffer, start, stop)
                if self._find_pixels(buffer, spans) == expected:
                    return buffer, spans, self._raw
        buffer, start, stop = self._source.borrow(record)
        spans = self._find(buffer, start, stop)
        if expected is not None:
            self._moves_left -= 1
        self._pixels_range = self._find_pixels(buffer, spans) if self._moves_left > 0 else None
        return buffer, spans, None

    def _find_pixels(self, buffer: bytearray, spans: Mapping[str, Span]) -> tuple[int, int] | None:
        """Where the pixels of the raw image stand, if they have the right size."""
        if self._raw not in spans:
            return None
        kind, start, last = spans[self._raw]
        first = start + len(self._raw_head)
        if (
            kind != BYTES_LIST
            or last - first != self._raw_size
            or not buffer.startswith(self._raw_head, start)
        ):
            return None
        return first, last


def read_features(
    dataset: Dataset, split: str, names: Sequence[str], records: Sequence[int] | None = None
) -> dict[str, np.ndarray]:
    """Features ``[n, ...]`` by name of some records of a split, in their order; of all records if None.

    Raises:
        DataError: no such split or feature, or a record is damaged.
    """
    source = dataset.source(split)
    records = range(len(source)) if records is None else records
    features = {name: dataset.feature(name) for name in names}
    return BatchDecoder(source, features, label_ranges(dataset.labels))(records)


def read_record(
    source: TFRecordSource, record: int, names: Sequence[str]
) -> dict[str, list[bytes] | np.ndarray]:
    """Reads features of one record on the host, e.g. `source_id` for a table of predictions.

    Returns:
        name -> list of bytes (images stay encoded), float32 [n] or int64 [n].

    Raises:
        DataError: the record is damaged or lacks a feature.
    """
    values = decode_example(source[record], names)
    missing = [name for name in names if name not in values]
    if missing:
        path, number, offset = source.locate(record)
        raise DataError(f"{path}: record {number} (byte {offset}) holds no feature {missing[0]!r}.")
    return {
        name: [bytes(item) for item in value] if isinstance(value, list) else value
        for name, value in values.items()
    }


def _fill_function(feature: Feature) -> Callable[[np.ndarray, int, bytearray, Span], None]:
    if feature.kind == "int":
        return _fill_integers if feature.shape else _fill_integer
    if feature.kind == "float":
        return _fill_floats if feature.shape else _fill_float
    if feature.encoding == "raw":
        return _fill_raw
    return _fill_color if len(feature.shape) == 3 else _fill_grey


def _fill_integer(array: np.ndarray, row: int, buffer: bytearray, span: Span) -> None:
    kind, first, last = span
    _require_kind(kind, INT64_LIST)
    array[row] = read_integer(buffer, first, last)


def _fill_float(array: np.ndarray, row: int, buffer: bytearray, span: Span) -> None:
    kind, first, last = span
    _require_kind(kind, FLOAT_LIST)
    array[row] = read_float(buffer, first, last)


def _fill_integers(array: np.ndarray, row: int, buffer: bytearray, span: Span) -> None:
    kind, first, last = span
    _require_kind(kind, INT64_LIST)
    numbers = read_integers(buffer, first, last)
    _require_size(numbers, array)
    # Through Python integers: NumPy wraps an int64 that is too large for int32 without a word.
    array[row] = numbers.reshape(array.shape[1:]).tolist()


def _fill_floats(array: np.ndarray, row: int, buffer: bytearray, span: Span) -> None:
    kind, first, last = span
    _require_kind(kind, FLOAT_LIST)
    numbers = read_floats(buffer, first, last)
    _require_size(numbers, array)
    array[row] = numbers.reshape(array.shape[1:])


def _fill_raw(array: np.ndarray, row: int, buffer: bytearray, span: Span) -> None:
    pixels = _single_bytes(buffer, span)
    _require_size(pixels, array)
    array[row] = pixels.reshape(array.shape[1:])


def _fill_color(array: np.ndarray, row: int, buffer: bytearray, span: Span) -> None:
    array[row] = _decode_picture(_single_bytes(buffer, span), _COLOR, array.shape[1:])


def _fill_grey(array: np.ndarray, row: int, buffer: bytearray, span: Span) -> None:
    array[row] = _decode_picture(_single_bytes(buffer, span), _GREY, array.shape[1:])


def _decode_picture(encoded: np.ndarray, flags: int, shape: tuple[int, ...]) -> np.ndarray:
    picture = cv2.imdecode(encoded, flags)
    if picture is None:
        raise ValueError("not a picture that can be decoded")
    if picture.shape != shape:
        raise ValueError(f"the picture has shape {picture.shape}, dataset.json says {shape}")
    return picture


def _single_bytes(buffer: bytearray, span: Span) -> np.ndarray:
    kind, first, last = span
    _require_kind(kind, BYTES_LIST)
    values = read_bytes(buffer, first, last)
    if len(values) != 1:
        raise ValueError(f"{len(values)} strings of bytes, not one")
    if not values[0]:
        raise ValueError("empty: the preparation left this picture out")
    return np.frombuffer(values[0], np.uint8)


def _require_kind(kind: int, expected: int) -> None:
    if kind != expected:
        raise ValueError("stored as another type than dataset.json says")


def _require_size(values: np.ndarray, array: np.ndarray) -> None:
    if values.size != math.prod(array.shape[1:]):
        raise ValueError(f"{values.size} values, dataset.json says shape {array.shape[1:]}")
