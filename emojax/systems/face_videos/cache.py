"""Features of a frozen trunk as a column of the data (affwild_cnn_rnn spec 1.6)."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from emojax import systems
from emojax.data.dataset import Dataset
from emojax.data.inputs import Inputs
from emojax.engine.inference import Predictor
from emojax.errors import ConfigError
from emojax.systems.face_videos.inputs import TRUNK_COLUMN
from emojax.systems.stored import write_stored

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
    reader = TrunkReader(config, dataset)
    variables, width = reader.variables(), 0

    def features_of(split: str) -> dict[str, np.ndarray]:
        nonlocal width
        found = reader.features(variables, split)
        width = found.shape[1]
        return {TRUNK_COLUMN: found}

    write_stored(dataset, out, features_of, trunk_of(config))
    return width


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
