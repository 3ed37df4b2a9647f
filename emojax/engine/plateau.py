"""A learning rate that falls when a validation metric no longer improves.

The factor is part of the optimiser's state, so a checkpoint stores it and a resumed run continues with it. The
loop reports each evaluation through `Program.after_evaluation`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax


@dataclasses.dataclass(frozen=True)
class Plateau:
    """The rule of PyTorch's ``ReduceLROnPlateau`` in `min` mode.

    Attributes:
        factor: what the learning rate is multiplied by after more than `patience` evaluations without one
            whose loss is smaller by the share `threshold`.
        patience: see `factor`.
        threshold: see `factor`.
    """

    factor: float
    patience: int
    threshold: float = 1e-4


class PlateauState(NamedTuple):
    """Attributes: smallest value so far, evaluations since then, factor of the updates; scalars."""

    best: jax.Array
    bad_evaluations: jax.Array
    scale: jax.Array


def scale_on_plateau() -> optax.GradientTransformation:
    """Multiplies updates by the factor that `observe` lowers; to be chained after an optimiser."""

    def init(params) -> PlateauState:
        return PlateauState(
            jnp.full((), jnp.inf, jnp.float32), jnp.zeros((), jnp.int32), jnp.ones((), jnp.float32)
        )

    def update(updates, state: PlateauState, params=None):
        return jax.tree.map(lambda u: u * state.scale, updates), state

    return optax.GradientTransformation(init, update)


def observe(opt_state: Any, value: float, rule: Plateau) -> Any:
    """Optimiser state after an evaluation.

    Args:
        opt_state: state with any number of `PlateauState`s in it.
        value: of the metric; smaller is better.
        rule: when the learning rate falls, and by how much.
    """

    def after(state: PlateauState) -> PlateauState:
        best, bad, scale = float(state.best), int(state.bad_evaluations) + 1, float(state.scale)
        if value < best * (1 - rule.threshold):
            best, bad = value, 0
        if bad > rule.patience:
            bad, scale = 0, scale * rule.factor
        return jax.tree.map(lambda x, old: np.asarray(x, old.dtype), PlateauState(best, bad, scale), state)

    def is_plateau(node) -> bool:
        return isinstance(node, PlateauState)

    return jax.tree.map(lambda n: after(n) if is_plateau(n) else n, opt_state, is_leaf=is_plateau)
