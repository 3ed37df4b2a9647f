"""Features of the part of a network that is not trained as columns of the data (image_sequences spec 1.11)."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from emojax import systems
from emojax.data.dataset import Dataset
from emojax.data.inputs import Inputs
from emojax.data.select import Pictures
from emojax.engine.inference import Predictor
from emojax.errors import ConfigError
from emojax.models.constants import CONSTANTS
from emojax.systems.sequences.inputs import STAGE_COLUMN, reads_stages, stored_columns, streams_of
from emojax.systems.sequences.network import trunk_is_frozen
from emojax.systems.stored import write_stored

# What of a config decides the features.
FIELDS = ("backbone", "head", "fc_units", "feature", "net", "rnn_input")


def made_by(config) -> dict[str, Any]:
    """What decides the features, as `build` of the data says it."""
    named = {name: config.model[name] for name in FIELDS}
    return {**named, "init_from": config.init_from.to_dict(), "seed": config.seed}


def write_features(config, dataset: Dataset, out: pathlib.Path) -> int:
    """Writes the data of a config with columns of features, and returns their number a frame.

    Recurrent layers on principal components read a stage of a trained CNN, so that is what is stored (column
    ``frames``); of other systems the pooled output of each stream's convolutions (``trunk_STREAM``).

    Raises:
        ConfigError: the config reads features already, has no frozen network, or trains it.
        DataError: `out` holds something, or cannot be written.
    """
    options = config.model
    if options.cached:
        raise ConfigError("This config reads stored features: leave config.model.cached at 0.")
    if options.net == "c3d" or not streams_of(config):
        raise ConfigError(f"{config.name!r} has no network of single frames whose features could be stored.")
    if not reads_stages(config) and not trunk_is_frozen(config):
        raise ConfigError(
            "This config trains its convolutions, so features stored now would be out of date: freeze them with "
            "--config.optimizer.factors.first=0 --config.optimizer.factors.trunk=0."
        )
    reader = StageReader(config, dataset)
    widths: list[int] = []

    def features_of(split: str) -> dict[str, np.ndarray]:
        found = reader.features(split)
        widths.extend(array.shape[1] for array in found.values())
        return found

    write_stored(dataset, out, features_of, made_by(config))
    return widths[0]


class StageReader:
    """The network of single frames of a config as a system that predicts what is stored."""

    def __init__(self, config, dataset: Dataset):
        self.config = config
        self._system = systems.build(config, dataset.recipe)
        columns = ("geometry",) if config.model.geometry else ()  # which the network asks for
        self.inputs = Inputs(streams_of(config), columns, Pictures())
        self._predictor = Predictor(self, dataset)
        started = self._system.starting_variables(jax.random.key(config.seed))
        for note in self._system.origin_notes():
            print(f"note: {note}")
        self._variables = self._predictor.place(started)

    def predict(self, variables: Mapping, batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        """Columns ``[b, D]`` float32 by name."""
        own = {kind: tree["frames"] for kind, tree in variables.items() if kind != CONSTANTS}
        stages = self._system.net.frames.apply(own, self._system.network_inputs(batch), train=False)
        if reads_stages(self.config):
            stages = {STAGE_COLUMN: stages[self.config.model.feature]}
        return {name: stages[name].astype(jnp.float32) for name in stored_columns(self.config)}

    def truth(self, batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        return {}

    def features(self, split: str) -> dict[str, np.ndarray]:
        """Columns ``[N, D]`` float32 of a split by name, in record order."""
        found = self._predictor.predict(self._variables, split, title=split)
        return {name: found[name] for name in stored_columns(self.config)}
