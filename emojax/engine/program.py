"""How a system is trained: what a run starts with, one update, and what an evaluation changes.

`supervised` covers one loss and one optimiser. A system with several optimisers brings its own `Program`:
its optimiser states lie in `TrainState.opt_state` as a mapping name -> state, so a checkpoint stores them all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import jax
import optax

from emojax.engine.mesh import DATA_AXIS
from emojax.engine.plateau import Plateau, observe
from emojax.engine.state import TrainState
from emojax.errors import ConfigError

Batch = Mapping[str, jax.Array]
Logs = dict[str, jax.Array]
Path = tuple[str, ...]


class Program(Protocol):
    """What the engine needs to train a system (design 7.5)."""

    def init(self, variables: dict[str, Any]) -> TrainState:
        """State of a fresh run; traceable.

        Args:
            variables: ``{"params": ..., **other collections}``.
        """

    def update(self, state: TrainState, batch: Batch, key: jax.Array) -> tuple[TrainState, Logs]:
        """One training step; runs inside the mapped step, on each device with its rows of the batch.

        Args:
            state: replicated, equal on every device.
            batch: this device's rows ``[b, ...]``.
            key: random key of (seed, step), equal on every device.

        Returns:
            The new state, of the same shapes and dtypes and with `step` one larger, and scalar logs. Both are
            equal on every device. Logs hold at least `loss`.
        """

    def after_evaluation(self, state: TrainState, metrics: Mapping[str, Any]) -> TrainState:
        """The state to go on with after an evaluation; runs on the host.

        Args:
            state: after the last step.
            metrics: of the validation split.
        """


@dataclasses.dataclass(frozen=True)
class Supervised:
    """One loss, one optimiser; see `supervised`."""

    loss: Callable
    tx: optax.GradientTransformation
    plateau: Plateau | None = None
    is_frozen: Callable[[Path], bool] | None = None

    def init(self, variables: dict[str, Any]) -> TrainState:
        return TrainState.create(variables, self.tx.init(variables["params"]))

    def update(self, state: TrainState, batch: Batch, key: jax.Array) -> tuple[TrainState, Logs]:
        def loss(params, *rest):
            return self.loss(self._learned(params), *rest)

        grads_of = jax.value_and_grad(loss, has_aux=True)
        (value, (model_state, logs)), grads = grads_of(state.params, state.model_state, batch, key)
        grads = jax.lax.pmean(grads, DATA_AXIS)
        updates, opt_state = self.tx.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        new_state = TrainState(state.step + 1, params, model_state, opt_state)
        return new_state, {"loss": value, "grad_norm": optax.tree.norm(grads), **logs}

    def _learned(self, params):
        """`params` without a gradient where they are frozen: XLA leaves the backward pass through them out."""
        if self.is_frozen is None:
            return params

        def stopped(path, x):
            return jax.lax.stop_gradient(x) if self.is_frozen(tuple(key.key for key in path)) else x

        return jax.tree_util.tree_map_with_path(stopped, params)

    def after_evaluation(self, state: TrainState, metrics: Mapping[str, Any]) -> TrainState:
        if self.plateau is None:
            return state
        if "loss" not in metrics:
            raise ConfigError("This system has no validation loss for config.optimizer.schedule 'plateau'.")
        return state.replace(opt_state=observe(state.opt_state, metrics["loss"], self.plateau))


def supervised(
    loss: Callable,
    tx: optax.GradientTransformation,
    plateau: Plateau | None = None,
    is_frozen: Callable[[Path], bool] | None = None,
) -> Supervised:
    """The program of a system with one loss and one optimiser.

    Args:
        loss: ``(params, model_state, batch, key) -> (scalar, (model_state, logs))``, float32 scalar of the
            global batch, equal on every device.
        tx: the optimiser.
        plateau: how the learning rate falls with the validation loss; `tx` then ends in `scale_on_plateau`.
        is_frozen: path of a parameter -> whether `tx` keeps it: its gradient is 0 and costs nothing. None: none is.

    Returns:
        A `Program` whose logs hold `loss` and `grad_norm` besides the loss's own.
    """
    return Supervised(loss, tx, plateau, is_frozen)
