"""A data set with columns of features that a frozen network gave, so that training from them costs a fraction."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
from collections.abc import Callable, Mapping

import numpy as np

from emojax.data.columns import write_columns
from emojax.data.dataset import Dataset, save_dataset
from emojax.errors import DataError


def write_stored(
    dataset: Dataset,
    out: pathlib.Path,
    features_of: Callable[[str], Mapping[str, np.ndarray]],
    made_by: Mapping,
) -> None:
    """Writes a copy of a data set with further columns; shards are linked, not copied, where the disk allows.

    Args:
        dataset: the data.
        out: folder to write to, new or empty.
        features_of: split -> columns ``[N, D]`` by name, in record order.
        made_by: what decides the features, JSON values; `build["trunk"]` of the copy.

    Raises:
        DataError: `out` holds something, or cannot be written.
    """
    if out.exists() and any(out.iterdir()):
        raise DataError(f"{out} is not empty. Choose another --out.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        splits = {}
        for name, split in dataset.splits.items():
            columns = dataset.columns(name)
            stored = {**{key: columns[key] for key in columns}, **features_of(name)}
            sequences = {key: columns.sequences[key] for key in columns.sequences}
            written = write_columns(out, name, stored, sequences)
            splits[name] = dataclasses.replace(split, columns_hash=written)
            for shard in split.shards:
                _link(pathlib.Path(dataset.path, shard), out / shard)
        build = {**dataset.build, "trunk": dict(made_by)}
        save_dataset(dataclasses.replace(dataset, path=str(out), splits=splits, build=build))
    except OSError as error:
        raise DataError(f"Cannot write to {out}: {error.strerror or error}.") from error


def _link(source: pathlib.Path, target: pathlib.Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
