"""Verifies a prepared data set, record by record: `python -m data_prep.check DIR`."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import pathlib
import sys
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from data_prep.door import add_workers
from data_prep.parallel import advance, parallel_map
from data_prep.summary import class_table
from emojax import cli, datasets
from emojax.data.dataset import FILE_NAME, Dataset, Feature, load_dataset
from emojax.data.example import decode_example
from emojax.data.tfrecord import TFRecordSource
from emojax.errors import DataError

_SHOWN = 20


@dataclasses.dataclass(frozen=True)
class ShardReport:
    """What a shard holds: good records, records per class, its videos if it has any, and its problems in
    words (`total` of them)."""

    num_records: int
    class_counts: tuple[int, ...]
    problems: tuple[str, ...]
    total: int
    videos: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class _Task:
    dataset: Dataset
    split: str
    file_name: str
    first: int  # number of its first record in the split


def check_dataset(dataset: Dataset, workers: int) -> tuple[dict[str, dict[str, int]], list[str], int]:
    """Reads every record.

    Returns:
        Records per split and class as found; the problems in words, at most 20 of each shard; their total
        number.
    """
    tasks = [
        _Task(dataset, split, name, first)
        for split, described in dataset.splits.items()
        for name, first in zip(described.shards, itertools.accumulate(described.records_per_shard, initial=0))
    ]
    total = sum(split.num_records for split in dataset.splits.values())
    done = parallel_map(_check_shard, tasks, workers=workers, total=total, title="checking")
    reports = {tasks[i].file_name: report for i, report in done}
    problems = list(_class_order_problems(dataset))
    found = {}
    for name, split in dataset.splits.items():
        parts = [reports[file_name] for file_name in split.shards]
        counts = np.sum([part.class_counts for part in parts], axis=0)
        found[name] = {label: int(count) for label, count in zip(dataset.labels.classes, counts)}
        problems += _split_problems(dataset, name, parts, found[name])
    problems += _shared_videos(dataset, reports)
    shards = list(reports.values())
    problems += [problem for report in shards for problem in report.problems]
    hidden = sum(report.total - len(report.problems) for report in shards)
    return found, problems, len(problems) + hidden


def _class_order_problems(dataset: Dataset) -> Iterator[str]:
    card = datasets.find(dataset.name)
    expected = card.class_order(len(dataset.labels.classes)) if card else ()
    if expected and expected != dataset.labels.classes:
        yield (
            f"{FILE_NAME}: the classes are {list(dataset.labels.classes)}, the order of {dataset.name} is "
            f"{list(expected)}"
        )


def _split_problems(
    dataset: Dataset, name: str, parts: list[ShardReport], counts: dict[str, int]
) -> Iterator[str]:
    split = dataset.splits[name]
    for file_name, part, expected in zip(split.shards, parts, split.records_per_shard):
        if part.num_records != expected:
            yield f"{file_name}: {part.num_records} good records, {FILE_NAME} says {expected}"
    for label, count in split.class_counts.items():
        if counts.get(label) != count:
            yield f"{name}: {counts.get(label, 0)} records of class {label}, {FILE_NAME} says {count}"
    try:
        dataset.columns(name)
        content = dataset.source(name).content_hash()
    except DataError as error:
        yield f"{name}: {error}"
    else:
        if content != split.content_hash:
            said = split.content_hash[:12]
            yield f"{name}: the content hash is {content[:12]}..., {FILE_NAME} says {said}..."


def _shared_videos(dataset: Dataset, reports: dict[str, ShardReport]) -> Iterator[str]:
    """A video whose subjects are in two splits: what is measured on one was learned on the other."""
    card = datasets.find(dataset.name)
    videos = {
        name: {
            card.video_of(video) if card else video
            for file_name in split.shards
            for video in reports[file_name].videos
        }
        for name, split in dataset.splits.items()
    }
    for a, b in itertools.combinations(videos, 2):
        if both := sorted(videos[a] & videos[b]):
            yield f"{a} and {b} share {len(both)} videos, e.g. {both[0]}"


def _check_shard(task: _Task) -> ShardReport:
    """Reads all records of a shard (worker)."""
    dataset = task.dataset
    path = pathlib.Path(dataset.path, task.file_name)
    counts = [0] * len(dataset.labels.classes)
    problems: list[str] = []
    videos = set()
    good = 0
    try:
        source = TFRecordSource([path])
    except DataError as error:
        return ShardReport(0, tuple(counts), (str(error),), 1)
    columns = _columns_of_shard(task, len(source))
    for i in range(len(source)):
        try:
            record = decode_example(source[i])
            classes = _check_record(record, dataset)
            if "video_id" in record:
                videos.add(bytes(record["video_id"][0]).decode("utf-8", "surrogateescape"))
            _check_columns(record, columns, i)
        except DataError as error:
            problems.append(str(error))
        except ValueError as error:
            _, record, offset = source.locate(i)
            problems.append(f"{path}: record {record} (byte {offset}): {error}")
        else:
            good += 1
            for label in classes:
                counts[label] += 1
        advance()
    return ShardReport(good, tuple(counts), tuple(problems[:_SHOWN]), len(problems), frozenset(videos))


def _columns_of_shard(task: _Task, count: int) -> dict[str, np.ndarray]:
    """The columns that the records of a shard hold too, [count, ...] each; none where the columns cannot be read."""
    try:
        columns = task.dataset.columns(task.split)
        rows = slice(task.first, task.first + count)
        return {name: columns[name][rows] for name in columns if name in task.dataset.features}
    except DataError:
        return {}  # reported with the split


def _check_columns(record: dict, columns: dict[str, np.ndarray], number: int) -> None:
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
            raise ValueError(f"column {name!r} says {value}, the record something else")


def _check_record(record: dict, dataset: Dataset) -> list[int]:
    """Returns the classes of the record; ValueError says what is wrong with it."""
    missing = [name for name in dataset.features if name not in record]
    unknown = [name for name in record if name not in dataset.features]
    if missing or unknown:
        raise ValueError(f"the features differ from {FILE_NAME}: missing {missing}, unknown {unknown}")
    for name, feature in dataset.features.items():
        _CHECKS[feature.kind](name, feature, record[name])
    for name in dataset.labels.dimensions:
        value = record[name][0] if name in record else 0.0
        if not -1 <= value <= 1:
            raise ValueError(f"{name} is {value}, outside [-1, 1]")
    if "categories" in record:
        return _check_categories(record["categories"])
    if "label" not in record:
        return []
    label = int(record["label"][0])
    if not 0 <= label < len(dataset.labels.classes):
        raise ValueError(f"label {label} is none of the {len(dataset.labels.classes)} classes")
    return [label]


def _check_categories(values: np.ndarray) -> list[int]:
    """The classes of a multi-hot label; their number was checked with the feature."""
    if not np.isin(values, (0, 1)).all() or not values.any():
        raise ValueError(f"categories are {values.tolist()}, not ones and zeros with a one")
    return np.flatnonzero(values).tolist()


def _check_bytes(name: str, feature: Feature, value) -> None:
    if not isinstance(value, list) or len(value) != 1:
        raise ValueError(f"{name} is not one string of bytes")


def _check_image(name: str, feature: Feature, value) -> None:
    _check_bytes(name, feature, value)
    if feature.encoding == "raw":
        if len(value[0]) != np.prod(feature.shape):
            raise ValueError(
                f"{name} has {len(value[0])} bytes, shape {feature.shape} needs {np.prod(feature.shape)}"
            )
        return
    image = cv2.imdecode(np.frombuffer(value[0], np.uint8), cv2.IMREAD_UNCHANGED) if len(value[0]) else None
    if image is None:
        raise ValueError(f"{name} does not decode")
    if image.shape != feature.shape:
        raise ValueError(f"{name} decodes to shape {image.shape}, {FILE_NAME} says {feature.shape}")


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


_DESCRIPTION = """Reads every record of a prepared data set and verifies checksums, features, labels, valence and
arousal, image sizes, class order, counts, content hash, and that splits share no video.
Exit status 0: all is well; 1: problems, listed by file, record and byte offset; 2: there is no data set."""


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv)


def _parser() -> cli.Parser:
    parser = cli.Parser(
        "python -m data_prep.check",
        _DESCRIPTION,
        epilog="example:\n  python -m data_prep.check data/affectnet_227",
    )
    parser.add_argument("folder", type=cli.path, metavar="DIR", help="folder of dataset.json and the shards")
    add_workers(parser)
    return parser


def _run(args: argparse.Namespace) -> int:
    dataset = load_dataset(args.folder)
    counts, problems, total = check_dataset(dataset, args.workers)
    print("\n".join(["", *class_table(dataset.name, counts)]))
    return _verdict(dataset, problems, total)


def _verdict(dataset: Dataset, problems: list[str], total: int) -> int:
    records = sum(split.num_records for split in dataset.splits.values())
    if not total:
        print(f"OK: {records:,} records, every checksum, feature, label and image is right.")
        return 0
    for problem in problems[:_SHOWN]:
        print(f"problem: {problem}")
    if total > _SHOWN:
        print(f"... and {total - _SHOWN:,} more")
    print(
        f"{total:,} problems in {dataset.path}. Delete the files named above and run the preparation command "
        "again: it makes only what is missing."
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
