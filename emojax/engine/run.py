"""What a run is made of: mesh, compiled steps, loaders, and the folder it owns."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import pathlib
from collections.abc import Mapping

import jax
import numpy as np

import emojax
from emojax.data.dataset import Dataset
from emojax.data.loader import Batches, Order, count_examples
from emojax.engine.cadence import Cadence
from emojax.engine.checkpoint import Checkpoints
from emojax.engine.fields import RANGES
from emojax.engine.inference import predict_split, with_truth
from emojax.engine.mesh import data_mesh, replicated
from emojax.engine.monitor import Monitor
from emojax.engine.state import TrainState
from emojax.engine.step import make_predict_step, make_train_step
from emojax.engine.workdir import as_json
from emojax.errors import CheckpointError, DataError
from emojax.labels import Labels
from emojax.ranges import require_ranges


@dataclasses.dataclass(frozen=True)
class Restored:
    """A checkpoint's step and state, and the last step that the run has reached."""

    step: int
    last_step: int
    state: TrainState


class Run:
    """Everything built once from a config; `emojax.engine.loop.train` drives it.

    Args:
        config: resolved config.
        system: what is trained or evaluated.
        dataset: prepared data with splits ``train`` and ``validation``.
        mesh: devices; all by default.
    """

    def __init__(self, config, system, dataset: Dataset, mesh=None):
        require_ranges(config, RANGES)
        self.config, self.system, self.dataset = config, system, dataset
        self.mesh = data_mesh() if mesh is None else mesh
        num_examples = count_examples(dataset, "train", system.inputs, train=True)
        self.steps_per_epoch = -(-num_examples // config.batch_size)
        self.total_steps = self.steps_per_epoch * config.num_epochs
        self.cadence = Cadence.of(config.run, self.steps_per_epoch, self.total_steps)
        self.monitor = Monitor(system.monitor, config.monitor_direction)
        self.program = system.program(self.steps_per_epoch)
        self.train_step = make_train_step(self.program, self.mesh, config.seed)
        self.predict_step = make_predict_step(with_truth(system), self.mesh)

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
        config = self.config
        order = Order(
            batch_size=config.batch_size if train else config.eval_batch_size,
            train=train,
            seed=config.seed,
            num_epochs=config.num_epochs if train else 1,
            pad_to_multiple=self.mesh.size // jax.process_count(),
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )
        weights = self.sampler_weights if train else None
        options = {"weights": weights, "start": start, "threads": config.run.threads or None}
        return Batches(self.dataset, split, self.system.inputs, order, **options)

    def initial_state(self) -> TrainState:
        """Fresh state, replicated; weights named by `config.init_from` are already in place."""
        variables = self.system.initial_variables(jax.random.key(self.config.seed))
        return jax.jit(self.program.init, out_shardings=replicated(self.mesh))(variables)

    def abstract_state(self) -> TrainState:
        """Shapes, dtypes and shardings of the state, without computing it: what a restore needs."""
        variables = jax.eval_shape(self.system.init, jax.random.key(0))
        state = jax.eval_shape(self.program.init, variables)
        everywhere = replicated(self.mesh)
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=everywhere), state)

    def checkpoints(self, workdir: pathlib.Path) -> Checkpoints:
        """Those of a work directory, with what makes one the best here."""
        return Checkpoints(workdir, self.monitor.metric, self.monitor.direction)

    def restore(self, workdir: pathlib.Path, which: str) -> Restored:
        """Takes up a checkpoint.

        Args:
            workdir: folder of the run.
            which: ``best``, ``latest`` or a step number.

        Raises:
            CheckpointError: no such checkpoint, or its classes are in another order than the data's.
        """
        with contextlib.closing(self.checkpoints(workdir)) as checkpoints:
            step = checkpoints.resolve(which)
            where = checkpoints.folder / str(step)
            meta = checkpoints.read_meta(step)
            require_same_labels(meta, self.system.labels, where, self.dataset.path)
            self.system.initialised_from = meta["initialised_from"]
            state = checkpoints.restore(step, self.abstract_state())
            return Restored(step, checkpoints.resolve("latest"), state)

    def predict(self, variables, split: str, *, title: str | None = None) -> dict:
        """Predictions and truth of a split, arrays ``[N, ...]`` in record order."""
        batches = self.batches(split, train=False)
        return predict_split(self.predict_step, variables, batches, self.mesh, title=title)

    def evaluate(self, variables, *, title: str | None = None) -> dict:
        """Metrics of the validation split."""
        return self.system.metrics(self.predict(variables, "validation", title=title))

    def after_evaluation(self, state: TrainState, metrics: dict) -> TrainState:
        """The state to go on with, placed as before: the compiled step takes it as it is."""
        new_state = self.program.after_evaluation(state, metrics)

        def placed(new, old):
            return old if new is old else jax.device_put(np.asarray(new, old.dtype), old.sharding)

        return jax.tree.map(placed, new_state, state)

    def meta(self, loader_state: dict, log_state: dict, early_state: dict) -> dict:
        """What a checkpoint says of its run."""
        return {
            "config": as_json(self.config),
            "labels": self.system.labels.to_json(),
            "dataset": {"name": self.dataset.name, "content_hash": self.dataset.split("train").content_hash},
            "initialised_from": self.system.initialised_from,
            "loader": loader_state,
            "log": log_state,
            "early_stopping": early_state,
            "monitor": {"metric": self.monitor.metric, "direction": self.monitor.direction},
            "versions": {"emojax": emojax.__version__, "jax": jax.__version__},
        }

    def require_same_data(self, meta: dict, where) -> None:
        """Raises CheckpointError when a checkpoint has other labels or was trained on other records."""
        require_same_labels(meta, self.system.labels, where, self.dataset.path)
        theirs = meta["dataset"]["content_hash"]
        ours = self.dataset.split("train").content_hash
        if theirs != ours:
            raise CheckpointError(
                f"{where} was trained on other records (content hash {theirs[:12]}) than those of "
                f"{self.dataset.path} ({ours[:12]}). Use that data, or another --workdir."
            )


def require_same_labels(meta: dict, labels: Labels, where, data_path) -> None:
    """Raises CheckpointError when the class or dimension order of a checkpoint is not that of the data."""
    try:
        Labels.from_json(meta["labels"]).require_equal(labels, mine=str(where), theirs=str(data_path))
    except DataError as error:
        raise CheckpointError(str(error)) from error
