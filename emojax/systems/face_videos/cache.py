"""Features of a frozen trunk as a column of the data (affwild_cnn_rnn spec 1.6)."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from emojax import systems
from emojax.data.columns import write_columns
from emojax.data.dataset import Dataset, save_dataset
from emojax.data.inputs import Inputs
from emojax.engine.inference import Predictor
from emojax.errors import ConfigError, DataError
from emojax.systems.face_videos.inputs import TRUNK_COLUMN

# What of a config decides the features.
FIELDS = ("trunk", "pool", "input_coding")


def trunk_of(config) -> dict[str, Any]:
    """What decides the features, as `build` of the data says it."""
    return {
        **{name: config.model[name] for name in FIELDS},
        "init_from": config.init_from,
        "seed": config.seed,
    }


def write_features(config, dataset: Dataset, out: pathlib.Path) -> int:
    """Writes the data of a config with a column of features of its trunk, and returns their number a frame.

    Raises:
        ConfigError: the config reads features already, or trains its trunk.
        DataError: `out` holds something, or cannot be written.
    """
    if config.model.cached:
        raise ConfigError("This config reads stored features: leave config.model.cached at 0.")
    if config.optimizer.factors.trunk:
        raise ConfigError(
            "This config trains its trunk, so features stored now would be out of date: freeze it with "
            "--config.optimizer.factors.trunk=0."
        )
    if out.exists() and any(out.iterdir()):
        raise DataError(f"{out} is not empty. Choose another --out.")
    reader = TrunkReader(config, dataset)
    variables = reader.variables()
    try:
        out.mkdir(parents=True, exist_ok=True)
        splits = {}
        for name, split in dataset.splits.items():
            columns = dataset.columns(name)
            stored = {
                **{key: columns[key] for key in columns},
                TRUNK_COLUMN: reader.features(variables, name),
            }
            sequences = {key: columns.sequences[key] for key in columns.sequences}
            splits[name] = dataclasses.replace(
                split, columns_hash=write_columns(out, name, stored, sequences)
            )
            for shard in split.shards:
                _link(pathlib.Path(dataset.path, shard), out / shard)
        build = {**dataset.build, "trunk": trunk_of(config)}
        save_dataset(dataclasses.replace(dataset, path=str(out), splits=splits, build=build))
    except OSError as error:
        raise DataError(f"Cannot write to {out}: {error.strerror or error}.") from error
    return stored[TRUNK_COLUMN].shape[1]


class TrunkReader:
    """The trunk of a config as a system that predicts its features, frame by frame."""

    def __init__(self, config, dataset: Dataset):
        self.config = config.copy_and_resolve_references()
        # Single frames through the trunk alone: what comes after it is left as small as it can be.
        self.config.model.update({"window": 1, "cell": "none", "fc_units": (), "head_units": ()})
        self._system = systems.build(self.config, dataset.recipe)
        self.inputs = Inputs(("image",), ())
        self._predictor = Predictor(self, dataset)

    def variables(self) -> Mapping:
        """Those that a run of the config starts from."""
        variables = self._system.initial_variables(jax.random.key(self.config.seed))
        for note in self._system.origin_notes():
            print(f"note: {note}")
        return self._predictor.place(variables)

    def predict(self, variables, batch) -> dict[str, jax.Array]:
        return {TRUNK_COLUMN: self._system.trunk_features(variables, batch)}

    def truth(self, batch) -> dict[str, jax.Array]:
        return {}

    def features(self, variables, split: str) -> np.ndarray:
        """``[N, D]`` float32 of a split, in record order."""
        return self._predictor.predict(variables, split, title=split)[TRUNK_COLUMN]


def _link(source: pathlib.Path, target: pathlib.Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
