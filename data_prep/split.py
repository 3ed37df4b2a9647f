"""What all preparations do with a finished split: its columns are written and `dataset.json` learns of it."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from data_prep.pipeline import ShardResult, columns_path, sum_skipped
from emojax.data.columns import SEQUENCE, first_of_each, number_sequences, write_columns
from emojax.data.dataset import Split
from emojax.data.tfrecord import TFRecordSource
from emojax.errors import DataError


def read_columns(out: pathlib.Path, results: Sequence[ShardResult], split: str) -> dict[str, np.ndarray]:
    """The columns of a split by name: the values [N, ...] of its records, in order; empty without any record.

    Raises:
        DataError: the shards do not have the same columns.
    """
    parts = [
        np.load(columns_path(out, result.file_name), allow_pickle=False)
        for result in results
        if result.split == split and result.num_records
    ]
    if any(set(part) != set(parts[0]) for part in parts):
        raise DataError(
            f"The shards in {out} were begun by another version of emojax. Prepare into a new folder."
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}


def write_split(
    out: pathlib.Path,
    split: str,
    results: Sequence[ShardResult],
    columns: Mapping[str, np.ndarray],
    class_counts: Mapping[str, int],
    *,
    sequence_by: Sequence[str] = (),
    of_sequence: Sequence[str] = (),
    sequence_values: Mapping[str, np.ndarray] | None = None,
) -> Split:
    """Writes the columns of a split and describes it.

    Args:
        out: folder of the shards.
        split: name of the split.
        results: of all shards.
        columns: values [N, ...] by name, as `read_columns` gives them; names that begin with an underscore
            are left out.
        class_counts: class name -> number of records.
        sequence_by: columns that tell the sequences of a video data set apart, e.g. `("video_id", "subject")`; the
            records of a sequence must follow each other, in frame order. Empty for single pictures.
        of_sequence: columns that all records of a sequence share, e.g. the label of a clip. They are stored once a
            sequence instead of once a record.
        sequence_values: further values [S, ...] of the sequences by name, in their order.

    Raises:
        ValueError: the records of a sequence do not follow each other or differ in a column of the sequence.
        DataError: a file cannot be written or read.
    """
    parts = [result for result in results if result.split == split]
    stored = {name: values for name, values in columns.items() if not name.startswith("_")}
    sequences = {}
    if sequence_by:
        stored[SEQUENCE] = number_sequences(*(stored[name] for name in sequence_by))
        sequences = {name: first_of_each(stored[SEQUENCE], stored.pop(name)) for name in of_sequence}
        sequences |= sequence_values or {}
    files = tuple(part.file_name for part in parts)
    return Split(
        num_records=sum(part.num_records for part in parts),
        shards=files,
        records_per_shard=tuple(part.num_records for part in parts),
        class_counts={name: int(count) for name, count in class_counts.items()},
        content_hash=TFRecordSource([out / name for name in files]).content_hash(),
        columns_hash=write_columns(out, split, stored, sequences),
    )


def skipped_counts(results: Sequence[ShardResult]) -> dict[str, dict[str, int]]:
    """Split -> reason -> number of raw rows left out, commonest reason first."""
    return {
        split: {reason: count for reason, (count, _) in reasons.items()}
        for split, reasons in sum_skipped(results).items()
    }
