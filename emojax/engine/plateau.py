"""A learning rate that falls when a validation metric no longer improves.

The factor is part of the optimiser's state, so a checkpoint holds it and a resumed run goes on with it. The
loop reports each evaluation through `System.after_evaluation`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax


class PlateauState(NamedTuple):
    """Attributes: smallest value so far, evaluations since then, factor of the updates; scalars."""

    best: jax.Array
    bad_evaluations: jax.Array
    scale: jax.Array


def scale_on_plateau() -> optax.GradientTransformation:
    """Multiplies updates by the factor that `observe` lowers; to be chained after an optimiser."""

    def init(params) -> PlateauState:
        return PlateauState(jnp.asarray(jnp.inf), jnp.zeros((), jnp.int32), jnp.ones(()))

    def update(updates, state: PlateauState, params=None):
        return jax.tree.map(lambda u: u * state.scale, updates), state

    return optax.GradientTransformation(init, update)


def observe(opt_state: Any, value: float, *, factor: float, patience: int, threshold: float = 1e-4) -> Any:
    """Optimiser state after an evaluation; the rule of PyTorch's ``ReduceLROnPlateau`` in `min` mode.

    Args:
        opt_state: state with any number of `PlateauState`s in it.
        value: of the metric; smaller is better.
        factor: what the learning rate is multiplied by after more than `patience` evaluations without one
            that is better by the share `threshold`.
        patience: see `factor`.
        threshold: see `factor`.
    """

    def after(state: PlateauState) -> PlateauState:
        best, bad, scale = float(state.best), int(state.bad_evaluations) + 1, float(state.scale)
        if value < best * (1 - threshold):
            best, bad = value, 0
        if bad > patience:
            bad, scale = 0, scale * factor
        # Same dtype and placement as before: the compiled step takes the state as it is.
        new = PlateauState(best, bad, scale)
        return jax.tree.map(lambda x, old: jax.device_put(np.asarray(x, old.dtype), old.sharding), new, state)

    def is_plateau(node) -> bool:
        return isinstance(node, PlateauState)

    return jax.tree.map(lambda n: after(n) if is_plateau(n) else n, opt_state, is_leaf=is_plateau)
