"""Reads all records of one shard (in a worker) and reports what the whole data set is judged by."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from collections.abc import Mapping

import numpy as np

from data_prep.check.record import check_columns, check_record, classes_of
from data_prep.parallel import advance
from emojax.data.dataset import Dataset
from emojax.data.example import decode_example
from emojax.data.tfrecord import TFRecordSource
from emojax.errors import DataError

SHOWN = 20
_MAIN_PICTURES = ("image", "context")  # what is looked for in other splits: the whole picture of a record


@dataclasses.dataclass(frozen=True)
class Task:
    """One shard: its split and the number of its first record in it."""

    dataset: Dataset
    split: str
    file_name: str
    first: int


@dataclasses.dataclass(frozen=True)
class ShardReport:
    """What a shard holds.

    Attributes:
        num_records: good records.
        class_counts: records of each class.
        problems: in words, `total` of them, the first `SHOWN` here.
        pictures: uint64 [n], a hash of the pixels of each record's picture, 0 where it cannot be read; empty without
            pictures.
        depth: [n, 2] mean and mean square of the valid depth maps' pixels, as shares of 255.
    """

    num_records: int
    class_counts: tuple[int, ...]
    problems: tuple[str, ...]
    total: int
    pictures: np.ndarray
    depth: np.ndarray


def check_shard(task: Task) -> ShardReport:
    dataset = task.dataset
    path = pathlib.Path(dataset.path, task.file_name)
    counts = [0] * len(dataset.labels.classes)
    problems: list[str] = []
    good = 0
    try:
        source = TFRecordSource([path])
    except DataError as error:
        return ShardReport(0, tuple(counts), (str(error),), 1, np.zeros(0, np.uint64), np.zeros((0, 2)))
    columns = _columns_of_shard(task, len(source))
    main = next((name for name in _MAIN_PICTURES if name in dataset.features), None)
    hashes = np.zeros(len(source) if main else 0, np.uint64)
    depth, left_out = [], task.split != "train" and dataset.build.get("frames") == "sampled"
    for i in range(len(source)):
        try:
            record = decode_example(source[i])
            pictures = check_record(record, dataset, left_out=left_out)
            if main in pictures:
                hashes[i] = _hash(pictures[main])
            check_columns(record, columns, i)
        except DataError as error:
            problems.append(str(error))
        except ValueError as error:
            _, number, offset = source.locate(i)
            problems.append(f"{path}: record {number} (byte {offset}): {error}")
        else:
            good += 1
            for label in classes_of(record):
                counts[label] += 1
            depth += _depth_moments(record, pictures)
        advance()
    moments = np.array(depth).reshape(-1, 2)
    return ShardReport(good, tuple(counts), tuple(problems[:SHOWN]), len(problems), hashes, moments)


def _hash(picture: np.ndarray) -> int:
    """Of the pixels; never 0."""
    digest = hashlib.blake2b(np.ascontiguousarray(picture), digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1


def _depth_moments(record: Mapping, pictures: Mapping[str, np.ndarray]) -> list[tuple[float, float]]:
    if "depth" not in pictures or not record["depth_valid"][0]:
        return []
    share = pictures["depth"].astype(np.float64) / 255
    return [(float(share.mean()), float((share * share).mean()))]


def _columns_of_shard(task: Task, count: int) -> dict[str, np.ndarray]:
    """The columns that the records of a shard hold too, [count, ...] each; none where the columns cannot be read."""
    try:
        columns = task.dataset.columns(task.split)
        rows = slice(task.first, task.first + count)
        return {name: columns[name][rows] for name in columns if name in task.dataset.features}
    except DataError:
        return {}  # reported with the split
