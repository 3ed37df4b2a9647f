"""Verifies a prepared data set, record by record: `python -m data_prep.check DIR`."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np

from data_prep.check.shard import SHOWN, ShardReport, Task, check_shard
from data_prep.check.splits import repeated_pictures, shared_names, shared_pictures
from data_prep.check.statistics import statistics_problems
from data_prep.door import add_workers
from data_prep.parallel import parallel_map
from data_prep.summary import class_table
from emojax import cli, datasets
from emojax.data.dataset import FILE_NAME, Dataset, load_dataset
from emojax.errors import DataError
from emojax.wording import counted


@dataclasses.dataclass(frozen=True)
class CheckReport:
    """What was found in a data set.

    Attributes:
        counts: split -> class -> records; those of `dataset.json` where the records themselves have no classes.
        problems: in words, the first `SHOWN` of each shard among them.
        total: number of all problems.
        notes: in words, what is worth knowing and no fault.
    """

    counts: dict[str, dict[str, int]]
    problems: list[str]
    total: int
    notes: list[str]


def check_dataset(dataset: Dataset, workers: int) -> CheckReport:
    """Reads every record."""
    tasks = [
        Task(dataset, split, name, first)
        for split, described in dataset.splits.items()
        for name, first in zip(described.shards, itertools.accumulate(described.records_per_shard, initial=0))
    ]
    total = sum(split.num_records for split in dataset.splits.values())
    done = parallel_map(check_shard, tasks, workers=workers, total=total, title="checking")
    of_file = {tasks[i].file_name: report for i, report in done}
    reports = {name: [of_file[file] for file in split.shards] for name, split in dataset.splits.items()}
    counts = {name: _class_counts(dataset, parts) for name, parts in reports.items()}
    pictures = {
        name: np.concatenate([np.zeros(0, np.uint64), *(part.pictures for part in parts)])
        for name, parts in reports.items()
    }
    problems = [*_class_order_problems(dataset), *_unlisted_shards(dataset)]
    for name, parts in reports.items():
        problems += _split_problems(dataset, name, parts, counts[name])
    depth = np.concatenate([np.zeros((0, 2)), *(part.depth for part in reports.get("train", ()))])
    problems += statistics_problems(dataset, depth)
    problems += shared_names(dataset)
    problems += shared_pictures(dataset, pictures)
    problems += [problem for report in of_file.values() for problem in report.problems]
    hidden = sum(report.total - len(report.problems) for report in of_file.values())
    counts = {name: found or dict(dataset.splits[name].class_counts) for name, found in counts.items()}
    return CheckReport(counts, problems, len(problems) + hidden, list(repeated_pictures(dataset, pictures)))


def _class_counts(dataset: Dataset, parts: Sequence[ShardReport]) -> dict[str, int]:
    if not {"label", "categories"} & dataset.features.keys():
        return {}
    counts = np.sum([part.class_counts for part in parts], axis=0)
    return {label: int(count) for label, count in zip(dataset.labels.classes, counts)}


def _class_order_problems(dataset: Dataset) -> Iterator[str]:
    card = datasets.find(dataset.name)
    expected = card.class_order(len(dataset.labels.classes)) if card else ()
    if expected and expected != dataset.labels.classes:
        yield (
            f"{FILE_NAME}: the classes are {list(dataset.labels.classes)}, the order of {dataset.name} is "
            f"{list(expected)}"
        )


def _unlisted_shards(dataset: Dataset) -> Iterator[str]:
    listed = {name for split in dataset.splits.values() for name in split.shards}
    for path in sorted(pathlib.Path(dataset.path).glob("*.tfrecord-*-of-?????")):
        if path.name not in listed:
            yield f"{path.name}: {FILE_NAME} lists no such shard, so nothing reads it"


def _split_problems(
    dataset: Dataset, name: str, parts: Sequence[ShardReport], counts: dict[str, int]
) -> Iterator[str]:
    split = dataset.splits[name]
    for file_name, part, expected in zip(split.shards, parts, split.records_per_shard):
        if part.num_records != expected:
            yield f"{file_name}: {part.num_records} good records, {FILE_NAME} says {expected}"
    for label, count in split.class_counts.items() if counts else ():
        if counts.get(label) != count:
            yield f"{name}: {counts.get(label, 0)} records of class {label}, {FILE_NAME} says {count}"
    for opened in (dataset.columns, dataset.source):
        try:
            opened(name)
        except DataError as error:
            yield f"{name}: {error}"


_DESCRIPTION = """Reads every record of a prepared data set and verifies checksums, features, labels, valence and
arousal, image sizes, class order, counts, content hash, and the columns; makes the statistics of the training labels
again; and looks for pictures, people and videos that are in two splits.
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
    report = check_dataset(dataset, args.workers)
    print("\n".join(["", *class_table(dataset.name, report.counts)]))
    for note in report.notes:
        print(f"note: {note}")
    return _verdict(dataset, report)


def _verdict(dataset: Dataset, report: CheckReport) -> int:
    records = sum(split.num_records for split in dataset.splits.values())
    if not report.total:
        print(
            f"OK: {counted(records, 'record')}; checksums, features, labels, images and statistics are right."
        )
        return 0
    for problem in report.problems[:SHOWN]:
        print(f"problem: {problem}")
    if report.total > SHOWN:
        print(f"... and {report.total - SHOWN:,} more")
    plural = "" if report.total == 1 else "s"
    print(
        f"{report.total:,} problem{plural} in {dataset.path}. A file that is damaged or differs: delete it and run the "
        "preparation command again, which makes only what is missing."
    )
    return 1
