"""A prepared data set: a folder of TFRecord shards, their columns, and the `dataset.json` that describes them.

`dataset.json` holds everything a run needs to start (README.md beside this file lists its fields), so that
nothing has to be counted or guessed from the shards.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from emojax.data.columns import SEQUENCE, Columns, columns_name, open_columns
from emojax.data.ranges import first_outside, label_ranges
from emojax.data.recipe import Feature, FeatureJson, LabelsJson, Recipe
from emojax.data.tfrecord import TFRecordSource
from emojax.datasets import Card, how_to_make
from emojax.errors import DataError
from emojax.files import read_json, write_json
from emojax.labels import Labels
from emojax.schema import check

SCHEMA_VERSION = 2
FILE_NAME = "dataset.json"
_MEND = "Run the preparation command again: it writes this file anew and keeps finished shards."


class _Split(TypedDict):
    num_records: int
    shards: list[str]
    records_per_shard: list[int]
    class_counts: dict[str, int]
    content_hash: str
    columns_hash: str


class _Content(TypedDict):
    """What `dataset.json` holds."""

    name: str
    labels: LabelsJson
    features: dict[str, FeatureJson]
    splits: dict[str, _Split]
    statistics: dict[str, Any]
    build: dict[str, Any]
    skipped: dict[str, dict[str, int]]


@dataclasses.dataclass(frozen=True)
class Split:
    """One split, e.g. `train`.

    Attributes:
        num_records: records over all shards.
        shards: file names relative to the folder, in record order.
        records_per_shard: records of each shard.
        class_counts: class name -> number of records.
        content_hash: `TFRecordSource.content_hash`: equal records in equal order give an equal hash.
        columns_hash: SHA-256 of the file of columns, as `columns.write_columns` returns it.
    """

    num_records: int
    shards: tuple[str, ...]
    records_per_shard: tuple[int, ...]
    class_counts: Mapping[str, int]
    content_hash: str = ""
    columns_hash: str = ""


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A prepared data set.

    Attributes:
        path: folder of `dataset.json` and the shards; not written into the file, so a folder can be moved.
        name: first part of the shard names, snake_case.
        labels: class and dimension names in index order.
        features: what every record holds.
        splits: by name.
        statistics: what systems derive from the training labels (Spearman matrix, ...), JSON values.
        build: parameters and version of the preparation, JSON values.
        skipped: split -> reason -> number of raw rows left out.
        schema_version: of the file format.
    """

    path: str
    name: str
    labels: Labels
    features: Mapping[str, Feature]
    splits: Mapping[str, Split]
    statistics: Mapping = dataclasses.field(default_factory=dict)
    build: Mapping = dataclasses.field(default_factory=dict)
    skipped: Mapping[str, Mapping[str, int]] = dataclasses.field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def split(self, name: str) -> Split:
        """The split called `name`; DataError with the names there are."""
        if name not in self.splits:
            raise DataError(f"{self.path} has no split {name!r}. It has: {', '.join(self.splits)}.")
        return self.splits[name]

    @property
    def recipe(self) -> Recipe:
        """What systems are built from."""
        return Recipe(self.name, self.labels, self.features, self.statistics, self.build, origin=self.path)

    def feature(self, name: str) -> Feature:
        """The feature called `name`; DataError with the names there are."""
        return self.recipe.feature(name)

    def columns(self, split: str) -> Columns:
        """The columns of a split: labels, values, ids of every record, without reading shards.

        Raises:
            DataError: no such split, the file is missing, damaged or from another preparation, or a label in it is
                outside its range.
        """
        description = self.split(split)
        path = os.path.join(self.path, columns_name(split))
        columns = open_columns(path, description.columns_hash, description.num_records)
        ranges = {name: allowed for name, allowed in label_ranges(self.labels).items() if name in columns}
        outside = first_outside({name: columns[name] for name in ranges}, ranges)
        if outside:
            raise DataError(f"{path}: record {outside[0]}: {outside[1]}. {_MEND}")
        return columns

    def fold(
        self, k: int, of: int | None, *, by: str = "subject", pool: Sequence[str] | None = None
    ) -> Dataset:
        """A view with other training and validation records; see `emojax.data.folds.fold`."""
        from emojax.data import folds  # which makes a Dataset

        return folds.fold(self, k, of, by=by, pool=pool)

    def source(self, split: str, *, verify: bool = True) -> TFRecordSource:
        """Opens the records of a split.

        Raises:
            DataError: no such split, a shard is missing or damaged, or holds another number of records, or other ones
                or in another order, than `dataset.json` says.
        """
        description = self.split(split)
        source = TFRecordSource([os.path.join(self.path, name) for name in description.shards], verify)
        for path, found, expected in zip(
            source.paths, source.records_per_file, description.records_per_shard, strict=True
        ):
            if found != expected:
                raise DataError(
                    f"{path} holds {found} records, {FILE_NAME} says {expected}: the copy is incomplete or "
                    "from another preparation. Copy the folder again, or delete this file and run the "
                    "preparation command again."
                )
        if description.content_hash and source.content_hash() != description.content_hash:
            raise DataError(
                f"The records of split {split!r} of {self.path} are not those that {FILE_NAME} describes: the content "
                f"hash is {source.content_hash()[:12]}..., {FILE_NAME} says {description.content_hash[:12]}... Copy "
                "the folder again, or prepare the data in a new one."
            )
        return source


def without_records(recipe: Recipe, columns: Mapping[str, np.ndarray] | None = None) -> Dataset:
    """A data set of a recipe's shapes that holds no records, for timing steps on random batches.

    Args:
        recipe: of the data set.
        columns: of a few records, where a system reads more of them than the features.
    """
    size = recipe.statistics["num_samples"] if columns is None else len(columns[SEQUENCE])
    splits = {"train": Split(size, (), (), {}), "validation": Split(0, (), (), {})}
    described = (
        recipe.origin,
        recipe.name,
        recipe.labels,
        recipe.features,
        splits,
        recipe.statistics,
        recipe.build,
    )
    return Dataset(*described) if columns is None else _ColumnsInMemory(*described, arrays=columns)


@dataclasses.dataclass(frozen=True)
class _ColumnsInMemory(Dataset):
    """A data set whose columns are in no file."""

    arrays: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def columns(self, split: str) -> Columns:
        return Columns(self.arrays, self.split(split).num_records)


def shard_name(dataset: str, split: str, shard: int, num_shards: int) -> str:
    """File name of a shard, e.g. `affectnet-train.tfrecord-00003-of-00064` (the pattern TFDS expects)."""
    return f"{dataset}-{split}.tfrecord-{shard:05d}-of-{num_shards:05d}"


def save_dataset(dataset: Dataset) -> None:
    """Writes `dataset.json` into `dataset.path`, whole or not at all. OutputError if it cannot be written."""
    content = dataclasses.asdict(dataset)
    del content["path"]
    content["labels"] = dataset.labels.to_json()
    write_json(pathlib.Path(dataset.path, FILE_NAME), content, allow_nan=False)


def load_dataset(
    path: str | os.PathLike, *, card: Card | None = None, config=None, moved: str = ""
) -> Dataset:
    """Reads the description of a prepared folder.

    Args:
        path: the folder.
        card: of the data set whose commands the error names where there is no data; all if None.
        config: whose fields choose their options.
        moved: what the error names first: how to say where data is that has been here before.

    Raises:
        DataError: no such folder, no `dataset.json` in it, a shard is missing, or the file is damaged or of a
            newer version; the message says which command makes the data.
    """
    folder = pathlib.Path(path)
    content = _read_json(folder, card, config, moved)
    _require_version(folder, content)
    try:
        check(content, _Content)
        features = {name: Feature.from_json(value) for name, value in content["features"].items()}
    except ValueError as error:
        raise DataError(f"{folder / FILE_NAME} is damaged or incomplete: {error}. {_MEND}") from error
    dataset = Dataset(
        path=os.fspath(folder),
        name=content["name"],
        labels=Labels.from_json(content["labels"]),
        features=features,
        splits={name: _split_from_json(value) for name, value in content["splits"].items()},
        statistics=content["statistics"],
        build=content["build"],
        skipped=content["skipped"],
        schema_version=content["schema_version"],
    )
    _require_shards(dataset)
    return dataset


def _read_json(folder: pathlib.Path, card: Card | None, config, moved: str) -> dict:
    if not (folder / FILE_NAME).exists():
        if any(folder.glob("*.tfrecord-*")):
            raise DataError(
                f"{folder} has shards but no {FILE_NAME}: it is not completely prepared, or not completely copied. "
                "Run its preparation command again, which keeps finished shards, or copy the file."
            )
        missing = FILE_NAME + " in the folder" if folder.is_dir() else "folder"
        raise DataError(
            f"There is no prepared data in {folder} (no such {missing}).{moved} {how_to_make(folder, card, config)}"
        )
    return read_json(folder / FILE_NAME, dict, mend=_MEND)


def _require_version(folder: pathlib.Path, content: dict) -> None:
    version = content.get("schema_version")
    if version == 1:
        raise DataError(
            f"{folder / FILE_NAME} was written by an older emojax (schema version 1, this one reads {SCHEMA_VERSION}): "
            "its folder has no columns. Run the preparation command again with the same options: it makes the shards "
            "and their columns anew in this folder."
        )
    if version != SCHEMA_VERSION:
        raise DataError(
            f"{folder / FILE_NAME} has schema version {version}, this emojax reads {SCHEMA_VERSION}. "
            "Prepare the data again, or use the emojax it was prepared with."
        )


def _require_shards(dataset: Dataset) -> None:
    for name, split in dataset.splits.items():
        counts = split.records_per_shard
        if len(counts) != len(split.shards) or sum(counts) != split.num_records:
            raise DataError(
                f"{dataset.path}/{FILE_NAME}: the record counts of split {name!r} do not add up. {_MEND}"
            )
        if not pathlib.Path(dataset.path, columns_name(name)).is_file():
            raise DataError(
                f"{dataset.path} lacks {columns_name(name)}. Copy it, or run the preparation command again: it keeps "
                "what is there."
            )
        missing = [shard for shard in split.shards if not pathlib.Path(dataset.path, shard).is_file()]
        if missing:
            raise DataError(
                f"{dataset.path} lacks {len(missing)} of the {len(split.shards)} shards of split {name!r}, "
                f"the first is {missing[0]}. Copy them, or run the preparation command again: it keeps what "
                "is there."
            )


def _split_from_json(value: Mapping) -> Split:
    return Split(
        num_records=int(value["num_records"]),
        shards=tuple(value["shards"]),
        records_per_shard=tuple(value["records_per_shard"]),
        class_counts=dict(value["class_counts"]),
        content_hash=value["content_hash"],
        columns_hash=value["columns_hash"],
    )
