"""Folds: a prepared data set divided anew into training and validation, without copying a record.

A fold is a view. The records of some splits are pooled and dealt out by a column, e.g. the subject: no subject is in
two folds, and together the folds are everything. Statistics, counts and hashes are made from the columns of the view,
so a run on a fold never sees the labels of the records that it is validated on.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from emojax.data.columns import PREFIX, SEQUENCE, Columns
from emojax.data.dataset import Dataset, Split
from emojax.data.tfrecord import TFRecordSource
from emojax.errors import ConfigError, DataError

POSITIVE_FROM = 0.5  # categories are 0 or 1, or shares of a crowd
POOL = ("train", "validation")
POOL_RECORD = "pool_record"  # of an example in a fold: its (first) record in the pool
_FOLD = re.compile(r"(\d+)/(\d+|all)")


@dataclasses.dataclass(frozen=True)
class Fold(Dataset):
    """A view of a data set; see `fold`.

    Attributes:
        base: the data set.
        pool: the splits that are divided.
        records: `train` and `validation` -> int64 [n], their records in the pool (the splits one after another).
        k: number of the fold, from 1.
        of: number of folds.
        by: column whose values stay together.
    """

    base: Dataset = None
    pool: tuple[str, ...] = POOL
    records: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    k: int = 0
    of: int = 0
    by: str = ""

    def columns(self, split: str) -> Columns:
        if split not in self.records:
            return self.base.columns(split)
        pooled = _Pooled([self.base.columns(name) for name in self.pool], self.records[split])
        return Columns(
            pooled, len(self.records[split]), f"the columns of {split} of this fold of {self.path}"
        )

    def source(self, split: str, *, verify: bool = True):
        if split not in self.records:
            return self.base.source(split, verify=verify)
        return _Subset(_pooled_source(self.base, self.pool, verify), self.records[split])


def fold(
    dataset: Dataset, k: int, of: int | None, *, by: str = "subject", pool: Sequence[str] | None = None
) -> Fold:
    """The k-th of several divisions of a data set into training and validation.

    Args:
        dataset: a prepared data set.
        k: number of the fold that is the validation split, from 1.
        of: number of folds; None for as many as there are subjects (leave one subject out).
        by: column of records or sequences whose values stay together, e.g. `subject` or `video_id`.
        pool: splits that are divided; `train` and `validation` as far as there are any if None. The others stay.

    Returns:
        A view whose split `validation` is the k-th fold and whose split `train` is the other folds. Groups are dealt
        out from the largest to the smallest, each to the fold with the fewest records.

    Raises:
        ConfigError: no such fold, or more folds than groups.
        DataError: there is no such column or split, or the preparation does not say how statistics are made.
    """
    pool = tuple(pool or (name for name in POOL if name in dataset.splits))
    parts = [dataset.columns(name) for name in pool]
    total = sum(part.num_records for part in parts)
    columns = Columns(
        _Pooled(parts, np.arange(total)), total, f"the columns of {' and '.join(pool)} of {dataset.path}"
    )
    folds = _deal(columns.of_records(by), by, of, dataset.path)
    if not 1 <= k <= folds.max() + 1:
        raise ConfigError(f"There is no fold {k} of {folds.max() + 1}: they are numbered from 1.")
    records = {"train": np.flatnonzero(folds != k - 1), "validation": np.flatnonzero(folds == k - 1)}
    division = {"k": k, "of": int(folds.max()) + 1, "by": by}
    view = Fold(**_fields(dataset), base=dataset, pool=pool, records=records, **division)
    source = _pooled_source(dataset, pool, verify=False)
    splits = {name: _describe(view, name, source) for name in records}
    return dataclasses.replace(
        view,
        splits={**{n: s for n, s in dataset.splits.items() if n not in pool}, **splits},
        statistics={**dataset.statistics, **_statistics(view)},
    )


def read_fold(dataset: Dataset, text: str, by: str) -> Dataset:
    """The fold that a config names: `K/N`, `K/all` for leaving one subject out; the data set itself for an empty text.

    Raises:
        ConfigError: another text; else as `fold`.
    """
    if not text:
        return dataset
    match = _FOLD.fullmatch(text)
    if not match:
        raise ConfigError(f"A fold is K/N, e.g. 2/5, or K/all to leave one {by} out, not {text!r}.")
    return fold(dataset, int(match[1]), None if match[2] == "all" else int(match[2]), by=by)


def pool(outputs: Iterable[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The validation outputs of all folds as those of one split, to be measured together.

    Args:
        outputs: predictions and truth [n, ...] of each fold, among them `pool_record`.

    Returns:
        Arrays [N, ...] in record order; `index` is the (first) record in the pool and `fold` the place of its fold.
        Sequences (`sequence`) are numbered anew.

    Raises:
        DataError: a record was predicted in two folds.
    """
    parts = []
    for number, predicted in enumerate(outputs):
        records = np.asarray(predicted[POOL_RECORD])
        rows = {k: np.asarray(v) for k, v in predicted.items() if np.shape(v)[:1] == records.shape}
        del rows[POOL_RECORD]
        parts.append({**rows, "index": records, "fold": np.full(len(records), number)})
    together = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(together["index"], kind="stable")
    together = {name: values[order] for name, values in together.items()}
    if (twice := np.flatnonzero(np.diff(together["index"]) == 0)).size:
        record = int(together["index"][twice[0]])
        raise DataError(
            f"Record {record} was predicted in two folds: these runs are not the folds of one division."
        )
    if SEQUENCE in together:
        both = np.stack([together["fold"], together[SEQUENCE]], axis=1)
        together[SEQUENCE] = np.unique(both, axis=0, return_inverse=True)[1].reshape(-1)
    return together


def fold_of(dataset: Dataset, split: str) -> dict | None:
    """Which fold of which division the records of a split are, JSON values; None where they are no fold."""
    if not isinstance(dataset, Fold) or split not in dataset.records:
        return None
    hashes = [dataset.base.splits[name].content_hash for name in dataset.pool]
    return {
        "k": dataset.k,
        "of": dataset.of,
        "by": dataset.by,
        "pool": list(dataset.pool),
        "content_hash": hashlib.sha256(" ".join(hashes).encode()).hexdigest(),
    }


class _Pooled(Mapping[str, np.ndarray]):
    """The columns of several splits one after another, and of these some records."""

    def __init__(self, parts: Sequence[Columns], records: np.ndarray):
        self._parts, self._records = parts, records

    def __getitem__(self, name: str) -> np.ndarray:
        if name == SEQUENCE:
            return self._sequences[1]
        if name.startswith(PREFIX):
            name = name.removeprefix(PREFIX)
            return np.concatenate([part.sequences[name] for part in self._parts])[self._sequences[0]]
        return np.concatenate([part[name] for part in self._parts])[self._records]

    @functools.cached_property
    def _sequences(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the sequences in the pool [S], and of each record's sequence in the view [n]."""
        counts = [len(part.layout.starts) for part in self._parts]
        firsts = np.cumsum([0, *counts])[:-1]
        numbers = np.concatenate([first + part[SEQUENCE] for first, part in zip(firsts, self._parts)])
        kept, inverse = np.unique(numbers[self._records], return_inverse=True)
        return kept, inverse.astype(np.int32)

    def __iter__(self) -> Iterator[str]:
        for name in self._parts[0]:
            if all(name in part for part in self._parts):
                yield name
        for name in self._parts[0].sequences:
            if all(name in part.sequences for part in self._parts):
                yield PREFIX + name

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Subset:
    """Some records of a source, numbered anew; see `TFRecordSource`."""

    def __init__(self, source: TFRecordSource, records: np.ndarray):
        self._source, self._records = source, records

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, i: int) -> bytes:
        return self._source[int(self._records[i])]

    def borrow(self, i: int, aside=None):
        return self._source.borrow(int(self._records[i]), aside)

    def locate(self, i: int) -> tuple[str, int, int]:
        return self._source.locate(int(self._records[i]))


def _pooled_source(dataset: Dataset, pool: Sequence[str], verify: bool) -> TFRecordSource:
    return TFRecordSource([path for name in pool for path in dataset.source(name).paths], verify)


def _deal(values: np.ndarray, by: str, of: int | None, path: str) -> np.ndarray:
    """Number of each record's fold, from 0: [N]."""
    groups, member, sizes = np.unique(values, return_inverse=True, return_counts=True)
    of = len(groups) if of is None else of
    if not 2 <= of <= len(groups):
        raise ConfigError(
            f"{path} has {len(groups)} values of {by!r}: it makes 2 to {len(groups)} folds, not {of}."
        )
    fold_of_group, load = np.zeros(len(groups), np.int64), np.zeros(of, np.int64)
    for group in np.argsort(-sizes, kind="stable"):
        fold_of_group[group] = load.argmin()
        load[fold_of_group[group]] += sizes[group]
    return fold_of_group[member.reshape(-1)]


def _fields(dataset: Dataset) -> dict:
    return {field.name: getattr(dataset, field.name) for field in dataclasses.fields(Dataset)}


def _describe(view: Fold, split: str, source: TFRecordSource) -> Split:
    columns, records = view.columns(split), view.records[split]
    digest = hashlib.sha256(records.astype("<i8").tobytes())
    for name in view.pool:
        digest.update(view.base.splits[name].columns_hash.encode())
    return Split(
        num_records=len(records),
        shards=(),
        records_per_shard=(),
        class_counts=_class_counts(columns, view.labels.classes),
        content_hash=source.content_hash(records),
        columns_hash=digest.hexdigest(),
    )


def _class_counts(columns: Columns, classes: Sequence[str]) -> dict[str, int]:
    if "label" in columns:
        counts = np.bincount(columns["label"], minlength=len(classes))
    elif "categories" in columns or "categories" in columns.sequences:
        there = columns if "categories" in columns else columns.sequences
        counts = (there["categories"] >= POSITIVE_FROM).sum(axis=0)
    else:
        return {}
    return {name: int(count) for name, count in zip(classes, counts)}


def _statistics(view: Fold) -> dict:
    """Of the training records, by the function that the preparation names."""
    named = str(view.build.get("statistics", ""))
    if not re.fullmatch(r"emojax(\.\w+)+:\w+", named):
        raise DataError(
            f"dataset.json of {view.path} does not say how its statistics are made, so there are none for a fold. Run "
            "the preparation command again: it keeps finished shards."
        )
    module, function = named.split(":")
    return getattr(importlib.import_module(module), function)(view.columns("train"), view.labels)
