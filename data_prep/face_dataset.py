"""What prepared sets of faces with an expression, valence and arousal share: pixels and `dataset.json`."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

import emojax
from data_prep.pipeline import ShardResult, sum_skipped
from data_prep.split import read_columns, skipped_counts, write_split
from emojax.data.dataset import Dataset, Feature
from emojax.errors import DataError
from emojax.graphs.statistics import face_statistics
from emojax.labels import Labels
from emojax.vision.images import encode_jpeg


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
    *,
    sequence_by: Sequence[str] = (),
    every_class: bool = True,
) -> Dataset:
    """Writes the columns; returns the content of `dataset.json`: counts, hashes, statistics of the training labels.

    Args:
        out: folder of the shards.
        name: of the data set.
        labels: its classes and dimensions.
        features: what a record holds.
        parameters: of the preparation.
        results: of all shards; among their columns are `label`, or `valence` and `arousal`, or all three.
        sequence_by: see `data_prep.split.write_split`.
        every_class: whether each split needs a record of each class.

    Raises:
        DataError: a split has no record, or, with `every_class`, none of some class.
    """
    splits, statistics = {}, {}
    skipped = sum_skipped(results)
    for split in dict.fromkeys(result.split for result in results):
        columns = read_columns(out, results, split)
        if not columns:
            raise DataError(f"The {split} split has no record. {_left_out(skipped[split])}")
        counted = {}
        if "label" in features:
            counts = np.bincount(columns["label"], minlength=len(labels.classes))
            if every_class:
                _require_every_class(split, labels.classes, counts, skipped[split])
            counted = dict(zip(labels.classes, counts))
        splits[split] = write_split(out, split, results, columns, counted, sequence_by=sequence_by)
        if split == "train":
            statistics = face_statistics(columns, labels)
    build = {
        **parameters,
        "version": emojax.__version__,
        "statistics": "emojax.graphs.statistics:face_statistics",
    }
    return Dataset(str(out), name, labels, features, splits, statistics, build, skipped_counts(results))


def _require_every_class(split: str, names: Sequence[str], counts: np.ndarray, skipped: Mapping) -> None:
    empty = [name for name, count in zip(names, counts) if not count]
    if empty:
        raise DataError(
            f"The {split} split has no record of {', '.join(empty)}, but class weights and the label graph "
            f"need every class. {_left_out(skipped)}"
        )


def _left_out(skipped: Mapping[str, tuple[int, str]]) -> str:
    reasons = ", ".join(
        f"{reason} {count:,} (e.g. {example})" for reason, (count, example) in skipped.items()
    )
    return f"Rows left out: {reasons or 'none'}. Mend what the examples show and prepare into a new folder."
