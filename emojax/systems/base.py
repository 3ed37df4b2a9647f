"""The interface between the engine and what it trains."""

from __future__ import annotations

import abc
import contextlib
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from emojax.data.inputs import Inputs
from emojax.data.recipe import Recipe
from emojax.engine.cadence import total_steps
from emojax.engine.compiler import compiler_options, quick_random_numbers
from emojax.engine.fit import Estimator, Examples
from emojax.engine.mesh import data_mesh
from emojax.engine.optim import make_optimizer, plateau_rule
from emojax.engine.program import Program, supervised
from emojax.errors import DataError
from emojax.labels import Labels
from emojax.models.freeze import frozen_modules
from emojax.systems.measure import Measure, Report

OUTPUTS = ("probabilities", "logits", "valence_arousal", "dimensions")  # of `System.predict`, for users
FEATURES = ("embedding", "states")  # before the last layer, by family
Batch = Mapping[str, jax.Array]
Variables = dict[str, Any]


class System(abc.ABC):
    """A model with its objective, its metrics and its labels: pure functions of arrays.

    Attributes:
        config: the resolved config.
        recipe: of the training data; None for a system without data.
        labels: class names and dimension names, stored in every checkpoint.
        inputs: what a batch holds, and which records make one example.
        measure: its metrics.
        report: its figures.
        monitor: metric that decides which checkpoint is the best, in the direction `config.monitor_direction`.
        headline: metrics shown on the terminal, in order.
        protocol: how a record is predicted and measured, for the metrics file and the report.
        notes: what the user should know before the run starts, e.g. where the word vectors come from.
        estimator: what is fitted on the outputs of the trained network; None for most systems.
        is_fitted: whether it is fitted at once (`fit`) and not trained step by step; see `FittedSystem`.
        frozen_norms: paths of batch norms that keep statistics, scale and bias; see `later_batch_norms`.
        initialised_from: file and sha256 of pretrained weights by part of the network; empty when random.
    """

    labels: Labels
    inputs: Inputs
    measure: Measure
    report: Report
    monitor: str
    headline: tuple[str, ...]
    protocol: str
    estimator: Estimator | None = None
    is_fitted: bool = False

    def __init__(self, config, recipe: Recipe | None):
        self.config, self.recipe = config, recipe
        self.initialised_from: dict = {}
        self.notes: list[str] = []
        self.frozen_norms: frozenset[tuple[str, ...]] = frozenset()

    @functools.cached_property
    def constants(self) -> dict[str, Any]:
        """Constants of a fresh run, NumPy arrays (see `emojax.models.constants`); may read files of word vectors.

        Only a fresh run asks for them: later they come from its checkpoints.
        """
        return {}

    @abc.abstractmethod
    def init(self, key: jax.Array, constants: Mapping[str, Any] | None = None) -> Variables:
        """Random parameters and other collections, traceable (used under `jit` and `eval_shape`).

        Args:
            key: for the parameters.
            constants: of a checkpoint; None for those of a fresh run.
        """

    def initial_variables(self, key: jax.Array) -> Variables:
        """Variables that a fresh run starts from; systems that take pretrained weights load them here."""
        options = compiler_options(data_mesh())
        with quick_random_numbers():
            return jax.jit(self.init, compiler_options=options)(key)

    def origin(self) -> str:
        """Where the weights come from, for a reader: ``backbone: FILE (densenet121, sha256 ...)``."""
        parts = self.initialised_from.items()
        files = [f"{part}: {r['file']} ({r['arch']}, sha256 {r['sha256']})" for part, r in parts]
        return "; ".join(files) or "random weights"

    def origin_notes(self) -> list[str]:
        """Which weights were trained on pixels of another coding than this system's."""
        parts = self.initialised_from.items()
        return [f"{part}: {r['file']} was {r['coding']}" for part, r in parts if r.get("coding")]

    @abc.abstractmethod
    def predict(self, variables: Variables, batch: Batch) -> dict[str, jax.Array]:
        """Outputs ``[b, ...]`` by name: probabilities, values, embeddings."""

    def truth(self, batch: Batch) -> dict[str, jax.Array]:
        """What of a batch travels with its predictions, ``[b, ...]`` or ``[b, T, ...]``; all columns by default."""
        return {name: batch[name] for name in self.inputs.columns if name in batch}

    @property
    def show_videos(self) -> Callable | None:
        """Draws named videos, as `systems.sequences.videos.named_videos` does; None where there are none."""
        return None

    @property
    def analysis(self) -> type | None:
        """What `emojax.figures --workdir RUN` draws beyond the report of a run; None where there is nothing.

        A class that takes ``(system, variables, dataset, split)``; its ``sections(folder, outputs, log)`` are those
        of a page, from all that the system predicts of the split and the log of the run.
        """
        return None

    @property
    def data_labels(self) -> Labels:
        """Labels of the data that the system reads: its own, unless it takes classes together."""
        return self.labels

    def require_data(self, recipe: Recipe) -> None:
        """Raises DataError for data that the system cannot predict: other labels, pictures of another size."""
        self.data_labels.require_equal(recipe.labels, mine=self.recipe.origin, theirs=recipe.origin)
        for name in self.inputs.features:
            mine, theirs = self.recipe.feature(name), recipe.feature(name)
            if (mine.kind, mine.shape) != (theirs.kind, theirs.shape):
                raise DataError(
                    f"The system was trained on {name!r} of shape {mine.shape}, but that of {recipe.origin} has "
                    f"{theirs.shape}. Prepare the data with the options of the training data."
                )

    def recall(self, meta: Mapping[str, Any]) -> None:
        """Takes from a checkpoint what a reader should know of the run: weights it began with, notes."""
        self.initialised_from, self.notes = meta["initialised_from"], list(meta["notes"])

    @abc.abstractmethod
    def program(self, steps_per_epoch: int) -> Program:
        """How the system is trained, e.g. with several optimisers or several updates a step."""

    def rate_factor(self, path: tuple[str, ...]) -> float:
        """Factor of the learning rate of a parameter, or of a module's; 0 where it is frozen."""
        if self.frozen_norms and any(path[:n] in self.frozen_norms for n in range(1, len(path) + 1)):
            return 0.0
        return self.config.optimizer.factors.get(self.part_of(path), 1.0)

    def is_frozen(self, path: tuple[str, ...]) -> bool:
        """Whether a parameter or a module stays as it is."""
        return self.rate_factor(path) == 0

    def frozen_parts_kept(self) -> contextlib.AbstractContextManager[None]:
        """Inside, what is frozen runs as in evaluation; to be put around the network's call in training."""
        return frozen_modules(self.is_frozen)

    def part_of(self, path: tuple[str, ...]) -> str:
        """Part of the network, as `config.optimizer.factors` names it, that a parameter belongs to.

        Args:
            path: names of the modules and of the parameter, outermost first, e.g. ``("backbone", "conv1", "kernel")``.
        """
        return path[0]

    def sample_weights(self, columns: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """Weights ``[N]`` for drawing records with replacement, from the columns of the training split.

        None for a plain shuffle.
        """
        return None


class SupervisedSystem(System):
    """A system that is trained with one loss and the optimiser of its config; see `System`."""

    @abc.abstractmethod
    def loss(self, params, model_state, batch: Batch, key: jax.Array):
        """Loss of the global batch, from this device's rows; runs inside the mapped step.

        Args:
            params: trainable parameters.
            model_state: other collections.
            batch: this device's rows ``[b, ...]``.
            key: the step's random key, equal on every device.

        Returns:
            ``(scalar float32, (new model_state, logs))``, equal on every device.
        """

    def program(self, steps_per_epoch: int) -> Program:
        options = self.config.optimizer
        same = not self.frozen_norms and set(options.factors.values()) <= {1.0}
        factor_of = None if same else self.rate_factor
        tx = make_optimizer(options, steps_per_epoch, total_steps(self.config, steps_per_epoch), factor_of)
        return supervised(self.loss, tx, plateau_rule(options), None if same else self.is_frozen)


class FittedSystem(System):
    """A system that is fitted at once on all training examples, e.g. random forests; see `System`.

    What `fit` returns is its checkpoint, so everything after the training is as for other systems.
    """

    is_fitted = True

    @abc.abstractmethod
    def fit(self, examples: Examples) -> Variables:
        """Fits on the training split.

        Args:
            examples: name of a split -> what a batch holds of all its examples, ``[N, ...]`` NumPy arrays in order,
                as in an evaluation. The validation split serves to choose options.

        Returns:
            ``{"params": ...}`` and perhaps other collections, NumPy arrays.
        """

    def init(self, key: jax.Array, constants: Mapping[str, Any] | None = None) -> Variables:
        """No variables: there are none before `fit`."""
        return {"params": {}}

    def program(self, steps_per_epoch: int) -> Program:
        raise TypeError(f"{self.config.name} is fitted at once: there are no steps")
