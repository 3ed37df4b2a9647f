"""Turns raw data into TFRecord shards: on all cores, resumable, what is left out counted by reason.

A data set supplies a `Source` (how to read and convert its items) and a list of `Shard`s (which items go
where). This module does the rest, the same for every data set:

- a shard is written under a temporary name and renamed when complete, so a killed run loses the shards in
  flight only;
- beside the shards, `.prepare/` holds the plan of the run and, of each finished shard, a note and the columns of its
  records. A re-run checks finished shards (content and inputs) and makes the others; it is refused when parameters
  or inputs differ from the plan;
- which items go into which shard, and in which order, never depends on the number of workers;
- several machines that share the folder may each make a part of the shards at the same time; a run without a part
  then joins them: it checks what is there and describes the whole.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import itertools
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypedDict

import numpy as np

from data_prep.claim import STATE_FOLDER, Part, claimed, explained
from data_prep.parallel import advance, parallel_map
from emojax.data.columns import save_arrays
from emojax.data.dataset import shard_name
from emojax.data.example import FeatureValue, encode_example
from emojax.data.tfrecord import TFRecordWriter
from emojax.errors import DataError, Skip
from emojax.files import read_json, write_json


@dataclasses.dataclass(frozen=True)
class Record:
    """One converted item: the features of the record, and its values in the columns (see `emojax.data.columns`).

    A column holds a number, a text or an array of the same shape for every record. Names that begin with an underscore
    are for the statistics of the preparation alone.
    """

    features: Mapping[str, FeatureValue]
    columns: Mapping[str, float | int | str | np.ndarray]


@dataclasses.dataclass(frozen=True)
class Shard:
    """One output file. `items` (picklable) tells the source what goes in, `num_items` the progress bar."""

    split: str
    file_name: str
    items: Any
    num_items: int


class Source(Protocol):
    """How to read a raw data set. Must be picklable: it is sent to the worker processes."""

    def read(self, items: Any) -> Iterator[tuple[str, Any]]:
        """Yields (where, item) for `Shard.items`; `where` names the item for the user, e.g. file and line."""

    def signature(self, item: Any) -> bytes:
        """Something cheap that changes when the item's input files change, e.g. their sizes."""

    def convert(self, item: Any) -> Record | Iterable[Record | Skip]:
        """Makes the record, or the records of an item that has several (the frames of a clip); or raises `Skip`.

        Among several a `Skip` stands for one that is left out.
        """


@dataclasses.dataclass(frozen=True)
class ShardResult:
    """A finished shard: `columns`: SHA-256 of its file of columns; `skipped`: reason -> (count, first example)."""

    split: str
    file_name: str
    num_records: int
    columns: str
    skipped: Mapping[str, tuple[int, str]]
    inputs: str
    content: str


class _Result(TypedDict):
    """A `ShardResult` as its note holds it."""

    split: str
    file_name: str
    num_records: int
    columns: str
    skipped: dict[str, list[int | str]]
    inputs: str
    content: str


@dataclasses.dataclass(frozen=True)
class _Task:
    out: str
    source: Source
    shard: Shard


def write_shards(
    out: pathlib.Path,
    source: Source,
    shards: Sequence[Shard],
    *,
    parameters: Mapping[str, Any],
    inputs: str,
    workers: int,
    title: str,
    unit: str = "img",
    part: Part | None = None,
) -> list[ShardResult]:
    """Writes all shards that are not finished yet and returns the results of all, in order.

    Args:
        out: folder of the shards, made when missing.
        source: see `Source`.
        shards: what to write; must follow from the parameters and inputs alone.
        parameters: JSON values that decide the content of the shards.
        inputs: digest of the raw annotations.
        workers: processes.
        title: of the progress bar.
        unit: that it counts.
        part: of the shards that this run makes, while others make the others; None for all.

    Raises:
        DataError: the folder holds other data, was begun with other parameters or inputs, is in use by
            another run (of the same part, or of all), or cannot be written (disk full). Finished shards stay valid.
    """
    if part is not None:
        shards = shards[part.index - 1 :: part.count]
    with explained(out), claimed(out, parameters, inputs, part):
        tasks = [_Task(os.fspath(out), source, shard) for shard in shards]
        total = sum(shard.num_items for shard in shards)
        made = parallel_map(_finish_shard, tasks, workers=workers, total=total, title=title, unit=unit)
        results = dict(made)
    return [results[i] for i in range(len(shards))]


def default_num_shards(num_items: int, items_per_shard: int = 4096) -> int:
    """Shards for a split: files of a handy size, and for a small set still enough to keep all cores busy."""
    small = min(16, -(-num_items // 256))
    return max(1, small, -(-num_items // items_per_shard))


def split_evenly(num_items: int, num_shards: int) -> list[range]:
    """Contiguous ranges that cover `num_items`, whose lengths differ by at most one."""
    num_shards = max(1, min(num_shards, num_items))
    bounds = [num_items * i // num_shards for i in range(num_shards + 1)]
    return [range(a, b) for a, b in itertools.pairwise(bounds)]


def plan_splits(
    name: str,
    counts: Mapping[str, int],
    items_of: Callable[[str, range], Any],
    *,
    num_shards: int | None,
    items_per_shard: int,
) -> list[Shard]:
    """Cuts every split into shards of about equal length, in the order of its items.

    Args:
        name: of the data set.
        counts: split -> number of items; `train` is one of them.
        items_of: (split, range of its items) -> `Shard.items`.
        num_shards: of the training split, by default from its size; other splits get their share.
        items_per_shard: at most, where `num_shards` is not given.
    """
    shards = []
    for split, count in counts.items():
        wanted = default_num_shards(count, items_per_shard)
        if num_shards is not None:
            wanted = max(1, round(num_shards * count / counts["train"]))
        ranges = split_evenly(count, wanted)
        for i, part in enumerate(ranges):
            file_name = shard_name(name, split, i, len(ranges))
            shards.append(Shard(split, file_name, items_of(split, part), len(part)))
    return shards


def sum_skipped(results: Iterable[ShardResult]) -> dict[str, dict[str, tuple[int, str]]]:
    """Split -> reason -> (count, first example), commonest reason first."""
    sums: dict[str, dict[str, tuple[int, str]]] = {}
    for result in results:
        reasons = sums.setdefault(result.split, {})
        for reason, (count, example) in result.skipped.items():
            before, first = reasons.get(reason, (0, example))
            reasons[reason] = (before + count, first)
    return {split: dict(sorted(r.items(), key=lambda kv: (-kv[1][0], kv[0]))) for split, r in sums.items()}


def columns_path(out: pathlib.Path, file_name: str) -> pathlib.Path:
    """Where the columns of a finished shard are kept."""
    return out / STATE_FOLDER / f"{file_name}.npz"


def file_digest(path: str | os.PathLike) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _finish_shard(task: _Task) -> ShardResult:
    """Makes one shard, or confirms that it is finished (worker)."""
    out = pathlib.Path(task.out)
    with explained(out):
        finished = _load_result(out, task.shard)
        if finished is not None and _is_intact(out, finished):
            _require_same_inputs(task, finished)
            advance(task.shard.num_items)
            return finished
        result = _make_shard(task)
        write_json(_state_path(out, task.shard.file_name), dataclasses.asdict(result))
        return result


def _make_shard(task: _Task) -> ShardResult:
    path = pathlib.Path(task.out, task.shard.file_name)
    columns: dict[str, list] = collections.defaultdict(list)
    skipped: dict[str, tuple[int, str]] = {}
    inputs = hashlib.sha256()
    num_records = 0
    with TFRecordWriter(path) as writer:
        for where, item in task.source.read(task.shard.items):
            inputs.update(task.source.signature(item))
            for record in _converted(task.source, item):
                if isinstance(record, Skip):
                    count, example = skipped.get(record.reason, (0, f"{where}: {record.detail}"))
                    skipped[record.reason] = (count + 1, example)
                    continue
                writer.write(encode_example(record.features))
                num_records += 1
                for name, value in record.columns.items():
                    columns[name].append(value)
            advance()
    arrays = {name: np.array(values) for name, values in columns.items()}
    return ShardResult(
        split=task.shard.split,
        file_name=task.shard.file_name,
        num_records=num_records,
        columns=save_arrays(columns_path(path.parent, path.name), arrays),
        skipped=skipped,
        inputs=inputs.hexdigest(),
        content=file_digest(path),
    )


def _converted(source: Source, item: Any) -> Iterator[Record | Skip]:
    """The records of an item, and a `Skip` for the item or for each record that is left out."""
    try:
        records = source.convert(item)
        yield from (records,) if isinstance(records, Record) else records
    except Skip as skip:
        yield skip


def _is_intact(out: pathlib.Path, result: ShardResult) -> bool:
    digests = {out / result.file_name: result.content, columns_path(out, result.file_name): result.columns}
    return all(path.is_file() and file_digest(path) == digest for path, digest in digests.items())


def _require_same_inputs(task: _Task, finished: ShardResult) -> None:
    inputs = hashlib.sha256()
    for _, item in task.source.read(task.shard.items):
        inputs.update(task.source.signature(item))
    if inputs.hexdigest() != finished.inputs:
        raise DataError(
            f"The raw files of {finished.file_name} changed since that shard was written (images were added, "
            f"removed or replaced). Choose another --out, or delete {task.out} to start again with the raw "
            "files as they are now."
        )


def _state_path(out: pathlib.Path, file_name: str) -> pathlib.Path:
    return out / STATE_FOLDER / f"{file_name}.json"


def _load_result(out: pathlib.Path, shard: Shard) -> ShardResult | None:
    try:
        content = read_json(_state_path(out, shard.file_name), _Result)
        skipped = {
            reason: (int(count), str(example)) for reason, (count, example) in content["skipped"].items()
        }
        return ShardResult(**content | {"skipped": skipped})
    except (DataError, TypeError, ValueError):
        return None  # not finished, or its note was damaged: the shard is made again
