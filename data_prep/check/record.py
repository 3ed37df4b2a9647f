"""One record against what `dataset.json` and the columns say about it."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from emojax.data.dataset import FILE_NAME, Dataset, Feature
from emojax.data.ranges import first_outside, label_ranges


def check_record(record: Mapping, dataset: Dataset, *, left_out: bool = False) -> dict[str, np.ndarray]:
    """Checks features, pictures and labels.

    Args:
        record: as decoded.
        dataset: what it should be like.
        left_out: pictures may be empty: the preparation has left out what nothing reads.

    Returns:
        The decoded pictures by name: uint8 of the shape of their feature (colours in OpenCV's order unless raw).

    Raises:
        ValueError: says what is wrong.
    """
    missing = [name for name in dataset.features if name not in record]
    unknown = [name for name in record if name not in dataset.features]
    if missing or unknown:
        raise ValueError(f"the features differ from {FILE_NAME}: missing {missing}, unknown {unknown}")
    pictures = {}
    for name, feature in dataset.features.items():
        if left_out and feature.kind == "image" and record[name] == [b""]:
            continue
        picture = _CHECKS[feature.kind](name, feature, record[name])
        if picture is not None:
            pictures[name] = picture
    _check_labels(record, dataset)
    return pictures


def _check_labels(record: Mapping, dataset: Dataset) -> None:
    ranges = {name: allowed for name, allowed in label_ranges(dataset.labels).items() if name in record}
    if "label" in ranges and not 0 <= record["label"][0] <= ranges["label"][1]:
        raise ValueError(f"label {record['label'][0]} is none of the {len(dataset.labels.classes)} classes")
    outside = first_outside({name: record[name][None] for name in ranges}, ranges)
    if outside:
        raise ValueError(outside[1])
    categories = record.get("categories")
    if categories is not None and not (np.isin(categories, (0, 1)).all() and categories.any()):
        raise ValueError(f"categories are {categories.tolist()}, not ones and zeros with a one")


def classes_of(record: Mapping) -> list[int]:
    """The classes of a checked record: one label, several categories, or none."""
    if "categories" in record:
        return np.flatnonzero(record["categories"]).tolist()
    return [int(record["label"][0])] if "label" in record else []


def check_columns(record: Mapping, columns: Mapping[str, np.ndarray], number: int) -> None:
    """ValueError names the first column that says something else than the record."""
    for name, values in columns.items():
        if number >= len(values):
            raise ValueError(f"column {name!r} ends before this record")
        stored, value = record[name], values[number]
        if isinstance(stored, list):
            equal = bytes(stored[0]) == str(value).encode("utf-8", "surrogateescape")
        else:
            equal = np.array_equal(stored, np.asarray(value).astype(stored.dtype).reshape(-1))
        if not equal:
            said = bytes(stored[0]).decode("utf-8", "replace") if isinstance(stored, list) else stored
            raise ValueError(
                f"column {name!r} says {value}, the record {np.array2string(np.asarray(said), threshold=9)}"
            )


def _check_bytes(name: str, feature: Feature, value) -> None:
    if not isinstance(value, list) or len(value) != 1:
        raise ValueError(f"{name} is not one string of bytes")


def _check_image(name: str, feature: Feature, value) -> np.ndarray:
    _check_bytes(name, feature, value)
    if feature.encoding == "raw":
        if len(value[0]) != np.prod(feature.shape):
            raise ValueError(
                f"{name} has {len(value[0])} bytes, shape {feature.shape} needs {np.prod(feature.shape)}"
            )
        return np.frombuffer(value[0], np.uint8)
    image = cv2.imdecode(np.frombuffer(value[0], np.uint8), cv2.IMREAD_UNCHANGED) if len(value[0]) else None
    if image is None:
        raise ValueError(f"{name} does not decode")
    if image.shape != feature.shape:
        raise ValueError(f"{name} decodes to shape {image.shape}, {FILE_NAME} says {feature.shape}")
    return image


def _check_numbers(name: str, feature: Feature, value) -> None:
    wanted = np.int64 if feature.kind == "int" else np.float32
    if not isinstance(value, np.ndarray) or value.dtype != wanted:
        raise ValueError(f"{name} is not a list of kind {feature.kind}")
    if value.size != np.prod(feature.shape, dtype=int):
        raise ValueError(
            f"{name} has {value.size} values, shape {feature.shape} needs {np.prod(feature.shape, dtype=int)}"
        )
    if not np.isfinite(value).all():
        raise ValueError(f"{name} is not finite")


_CHECKS = {"image": _check_image, "int": _check_numbers, "float": _check_numbers, "bytes": _check_bytes}
