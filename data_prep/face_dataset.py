"""What prepared sets of faces with an expression, valence and arousal share: pixels and `dataset.json`."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

import emojax
from data_prep.images import encode_jpeg
from data_prep.pipeline import ShardResult, sum_skipped
from emojax.data.dataset import Dataset, Feature, Split
from emojax.data.tfrecord import TFRecordSource
from emojax.errors import DataError
from emojax.labels import Labels

_COLUMNS = ("label", "valence", "arousal")


def encode_face(crop: np.ndarray, encoding: str) -> bytes:
    """A BGR crop `[S, S, 3]` uint8 as it is stored: JPEG of quality 95, or packed RGB pixels (`raw`)."""
    return encode_jpeg(crop) if encoding == "jpeg" else cv2.cvtColor(crop, cv2.COLOR_BGR2RGB).tobytes()


def describe(
    out: pathlib.Path,
    name: str,
    labels: Labels,
    features: Mapping[str, Feature],
    parameters: Mapping,
    results: Sequence[ShardResult],
) -> Dataset:
    """The content of `dataset.json`: counts, hashes, and the statistics of the training labels.

    Args:
        out: folder of the shards.
        name: of the data set.
        labels: its classes and dimensions.
        features: what a record holds.
        parameters: of the preparation.
        results: of all shards; their columns are `label`, `valence` and `arousal`.

    Raises:
        DataError: a class has no record in some split.
    """
    from emojax.graphs.label_graph import label_statistics  # scipy: slow to import, and workers do without

    splits, statistics = {}, {}
    skipped = sum_skipped(results)
    for split in dict.fromkeys(result.split for result in results):
        parts = [result for result in results if result.split == split]
        label, valence, arousal = (_column(parts, column) for column in _COLUMNS)
        label = label.astype(np.int64)
        counts = np.bincount(label, minlength=len(labels.classes))
        _require_every_class(split, labels.classes, counts, skipped[split])
        files = tuple(part.file_name for part in parts)
        splits[split] = Split(
            num_records=len(label),
            shards=files,
            records_per_shard=tuple(part.num_records for part in parts),
            class_counts={name: int(count) for name, count in zip(labels.classes, counts)},
            content_hash=TFRecordSource([out / name for name in files]).content_hash(),
        )
        if split == "train":
            statistics = label_statistics(label, valence, arousal, len(labels.classes))
    counted = {split: {r: n for r, (n, _) in reasons.items()} for split, reasons in skipped.items()}
    build = {**parameters, "version": emojax.__version__}
    return Dataset(str(out), name, labels, features, splits, statistics, build, counted)


def _column(parts: Sequence[ShardResult], name: str) -> np.ndarray:
    return np.concatenate([np.asarray(part.columns.get(name, ()), np.float64) for part in parts])


def _require_every_class(split: str, names: Sequence[str], counts: np.ndarray, skipped: Mapping) -> None:
    empty = [name for name, count in zip(names, counts) if not count]
    if empty:
        reasons = ", ".join(
            f"{reason} {count:,} (e.g. {example})" for reason, (count, example) in skipped.items()
        )
        raise DataError(
            f"The {split} split has no record of {', '.join(empty)}, but class weights and the label graph "
            f"need every class. Rows left out: {reasons or 'none'}. Complete the raw data and prepare into a "
            "new folder."
        )
