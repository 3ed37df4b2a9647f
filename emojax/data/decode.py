"""From the bytes of records to the arrays of a batch, a whole batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from emojax.data.dataset import Feature
from emojax.data.example import decode_example
from emojax.data.tfrecord import TFRecordSource
from emojax.errors import DataError

# Each of Grain's threads decodes a batch of its own; OpenCV's own threads would only get in their way.
cv2.setNumThreads(0)

_DTYPES = {"image": np.uint8, "int": np.int32, "float": np.float32}
# Orientation tags are ignored, as TensorFlow's decoder does.
_COLOR = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
_GREY = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION

Value = list[memoryview] | np.ndarray


class BatchDecoder:
    """Reads, verifies and decodes the records of one batch straight into its arrays."""

    def __init__(self, source: TFRecordSource, features: Mapping[str, Feature], rows: int):
        """
        Args:
            source: the records.
            features: the features of a batch by name; none of kind `bytes`.
            rows: batch size, padding included.
        """
        self._source = source
        self._features = dict(features)
        self._fills = [(name, _fill_function(feature)) for name, feature in features.items()]
        self._rows = rows

    def __call__(self, records: Sequence[int]) -> dict[str, np.ndarray]:
        """Returns the batch of the given record numbers, at most `rows` of them.

        Each feature is an array [rows, *shape]. Added to them are `index` int32 [rows], the record numbers,
        and `mask` float32 [rows]. Rows after the last record are padding: zeros, `index` -1 and `mask` 0.

        Raises:
            DataError: a record is damaged, lacks a feature, or holds one of another size or type.
        """
        batch = {
            name: np.empty((self._rows, *feature.shape), _DTYPES[feature.kind])
            for name, feature in self._features.items()
        }
        for array in batch.values():
            array[len(records) :] = 0
        for row, record in enumerate(records):
            self._fill_row(batch, row, int(record))
        batch["index"] = np.full(self._rows, -1, np.int32)
        batch["index"][: len(records)] = records
        batch["mask"] = (batch["index"] >= 0).astype(np.float32)
        return batch

    def _fill_row(self, batch: dict[str, np.ndarray], row: int, record: int) -> None:
        name = None
        try:
            values = decode_example(self._source.borrow(record), self._features)
            for name, fill in self._fills:
                fill(batch[name], row, values[name])
        except (ValueError, KeyError, OverflowError, cv2.error) as error:
            path, number, offset = self._source.locate(record)
            where = f"{path}: record {number} (byte {offset})" + (f", feature {name!r}" if name else "")
            reason = "missing" if isinstance(error, KeyError) else str(error).strip()
            raise DataError(
                f"{where}: {reason}. The shard was not written by this preparation; delete it and run the "
                "preparation command again."
            ) from error


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


def _fill_function(feature: Feature) -> Callable[[np.ndarray, int, Value], None]:
    if feature.kind == "int":
        return _fill_integers
    if feature.kind == "float":
        return _fill_floats
    if feature.encoding == "raw":
        return _fill_raw
    return _fill_color if len(feature.shape) == 3 else _fill_grey


def _fill_integers(array: np.ndarray, row: int, value: Value) -> None:
    numbers = _numbers(value, "i", array[row])
    # Through Python integers: NumPy wraps an int64 that is too large for int32 without a word.
    array[row] = numbers.item() if numbers.ndim == 0 else numbers.tolist()


def _fill_floats(array: np.ndarray, row: int, value: Value) -> None:
    array[row] = _numbers(value, "f", array[row])


def _fill_raw(array: np.ndarray, row: int, value: Value) -> None:
    pixels = np.frombuffer(_single_bytes(value), np.uint8)
    if pixels.size != array[row].size:
        raise ValueError(f"{pixels.size} raw bytes, dataset.json says {array.shape[1:]}")
    array[row] = pixels.reshape(array.shape[1:])


def _fill_color(array: np.ndarray, row: int, value: Value) -> None:
    array[row] = _decode_picture(value, _COLOR, array.shape[1:])


def _fill_grey(array: np.ndarray, row: int, value: Value) -> None:
    array[row] = _decode_picture(value, _GREY, array.shape[1:])


def _decode_picture(value: Value, flags: int, shape: tuple[int, ...]) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(_single_bytes(value), np.uint8), flags)
    if picture is None:
        raise ValueError("not a picture that can be decoded")
    if picture.shape != shape:
        raise ValueError(f"the picture has shape {picture.shape}, dataset.json says {shape}")
    return picture


def _single_bytes(value: Value) -> memoryview:
    if not isinstance(value, list) or len(value) != 1:
        raise ValueError("not one string of bytes")
    return value[0]


def _numbers(value: Value, kind: str, row: np.ndarray) -> np.ndarray:
    if isinstance(value, list) or value.dtype.kind != kind:
        raise ValueError("stored as another type than dataset.json says")
    if value.size != row.size:
        raise ValueError(f"{value.size} numbers, dataset.json says shape {row.shape}")
    return value.reshape(row.shape)
