"""What a run is made of: mesh, compiled steps, loaders, and the folder it owns."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

import emojax
from emojax.data.dataset import Dataset
from emojax.data.loader import Batches, count_examples
from emojax.data.recipe import Recipe
from emojax.engine.cadence import Cadence, total_steps
from emojax.engine.checkpoint import Checkpoints
from emojax.engine.fields import RANGES
from emojax.engine.inference import Predictor, make_batches
from emojax.engine.mesh import data_mesh, replicated
from emojax.engine.monitor import Monitor
from emojax.engine.precision import exactness
from emojax.engine.state import TrainState
from emojax.engine.step import make_train_step
from emojax.engine.workdir import as_json
from emojax.errors import CheckpointError, DataError
from emojax.ranges import require_ranges


class Run:
    """Everything built once from a config; `emojax.engine.loop.train` drives it.

    Args:
        config: resolved config.
        system: what is trained.
        dataset: prepared data with splits ``train`` and ``validation``.
        mesh: devices; all by default.
    """

    def __init__(self, config, system, dataset: Dataset, mesh=None):
        require_ranges(config, RANGES)
        self.config, self.system, self.dataset = config, system, dataset
        self.mesh = data_mesh() if mesh is None else mesh
        num_examples = count_examples(dataset, "train", system.inputs, train=True)
        self.steps_per_epoch = -(-num_examples // config.batch_size)
        self.total_steps = total_steps(config, self.steps_per_epoch)
        self.cadence = Cadence.of(config.run, self.steps_per_epoch, self.total_steps)
        self.monitor = Monitor(system.monitor, config.monitor_direction)
        if not system.is_fitted:
            self.program = system.program(self.steps_per_epoch)
            self.train_step = make_train_step(self.program, self.mesh, config.seed, **exactness(config))
        self.predictor = Predictor(system, dataset, self.mesh)

    @functools.cached_property
    def sampler_weights(self) -> np.ndarray | None:
        """Weights of the training examples, None for a plain shuffle; raises DataError as the system does."""
        columns = self.dataset.columns("train")
        try:
            return self.system.sample_weights(columns)
        except DataError as error:
            raise DataError(f"{error} The data: {self.dataset.path}.") from error

    def batches(self, split: str, *, train: bool, start: int | Mapping = 0) -> Batches:
        """A loader: shuffled over all epochs for training, one ordered pass otherwise. `start`: see `Batches`."""
        weights = self.sampler_weights if train else None
        return make_batches(
            self.system, self.dataset, split, self.mesh, train=train, start=start, weights=weights
        )

    def initial_state(self) -> TrainState:
        """Fresh state, replicated; weights named by `config.init_from` are already in place."""
        variables = self.system.initial_variables(jax.random.key(self.config.seed))
        return jax.jit(self.program.init, out_shardings=replicated(self.mesh))(variables)

    def abstract_state(self, constants: Mapping[str, Any] | None = None) -> TrainState:
        """Shapes, dtypes and shardings of the state, without computing it: what a restore needs.

        Args:
            constants: of a checkpoint; None for those of a fresh run.
        """
        variables = jax.eval_shape(self.system.init, jax.random.key(0), constants)
        state = jax.eval_shape(self.program.init, variables)
        everywhere = replicated(self.mesh)
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=everywhere), state)

    def checkpoints(self, workdir: pathlib.Path) -> Checkpoints:
        """Those of a work directory, with what makes one the best here."""
        return Checkpoints(workdir, self.monitor.metric, self.monitor.direction)

    def predict(self, variables, split: str, *, title: str | None = None) -> dict:
        """All predictions and the truth of a split; see `Predictor.predict`."""
        return self.predictor.predict(variables, split, title=title)

    def evaluate(self, variables, *, title: str | None = None) -> dict:
        """Metrics of the validation split."""
        reads = self.system.measure.reads
        outputs = self.predictor.predict(variables, "validation", reads=reads, title=title)
        return self.system.measure.metrics(outputs)

    def after_evaluation(self, state: TrainState, metrics: dict) -> TrainState:
        """The state to go on with, placed as before: the compiled step takes it as it is."""
        new_state = self.program.after_evaluation(state, metrics)

        def placed(new, old):
            return old if new is old else jax.device_put(np.asarray(new, old.dtype), old.sharding)

        return jax.tree.map(placed, new_state, state)

    def meta(self, scores: Mapping[str, float] | None, **states: dict) -> dict:
        """What a checkpoint says of its run.

        Args:
            scores: metrics of the evaluation after this step; None without one.
            states: of the loader, the log and early stopping, to resume from.
        """
        value = scores and scores[self.monitor.metric]
        return {
            "config": as_json(self.config),
            "recipe": self.system.recipe.to_json(),
            "dataset": {"name": self.dataset.name, "content_hash": self.dataset.split("train").content_hash},
            "initialised_from": self.system.initialised_from,
            "notes": self.system.notes,
            "total_steps": self.total_steps,
            "monitor": {**dataclasses.asdict(self.monitor), "value": value},
            **states,
            "versions": {"emojax": emojax.__version__, "jax": jax.__version__},
        }

    def require_same_data(self, meta: dict, where) -> None:
        """Raises CheckpointError when a checkpoint has other labels or was trained on other records."""
        stored = Recipe.from_json(meta["recipe"])
        try:
            stored.labels.require_equal(self.system.labels, mine=str(where), theirs=self.dataset.path)
        except DataError as error:
            raise CheckpointError(str(error)) from error
        theirs = meta["dataset"]["content_hash"]
        ours = self.dataset.split("train").content_hash
        if theirs != ours:
            raise CheckpointError(
                f"{where} was trained on other records (content hash {theirs[:12]}) than those of "
                f"{self.dataset.path} ({ours[:12]}). Use that data, or another --workdir."
            )
