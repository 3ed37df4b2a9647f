"""Local subclass loss: several centres a class, each sample pulled to the nearest (spec emotion_gcn 3.7)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from emojax.errors import ConfigError
from emojax.objectives.centres import centre_delta, centre_loss
from emojax.objectives.masking import real_rows
from emojax.objectives.pairs import pair_distances, sum_off_diagonal


def nearest_centre(centres: jax.Array, features: jax.Array, labels: jax.Array, mask: jax.Array) -> jax.Array:
    """Index ``[B]`` into the flattened ``[C * K, D]`` centres of the nearest one of each sample's class."""
    x, labels = real_rows(jax.lax.stop_gradient(features), mask), real_rows(labels, mask)
    own = jax.lax.stop_gradient(centres)[labels]
    nearest = jnp.argmin(jnp.sum((x[:, None] - own) ** 2, axis=-1), axis=-1)
    return labels * centres.shape[1] + nearest


def subclass_loss(
    centres: jax.Array,
    features: jax.Array,
    labels: jax.Array,
    mask: jax.Array,
    *,
    margin: float | None = 0.5,
    lambda1: float = 0.01,
    reduction: str = "mean",
) -> jax.Array:
    """``1/2 ||x_i - c_{y_i, k*(i)}||^2`` over the global batch (thesis eqs 4.3.5-4.3.8).

    With a margin, plus ``lambda1 * sum_j sum_{a != b} max(|c_{j,a} - c_{j,b}| - margin, 0)^2``, which keeps
    the sub-centres of a class together so that none is starved by its random start.

    Args:
        centres: ``[C, K, D]``; no gradient flows to them, nor through the choice of the nearest.
        features: ``[B, D]``.
        labels: ``[B]`` int in [0, C).
        mask: ``[B]``, 1 for a real sample, 0 for padding.
        margin: distance up to which sub-centres may part; None leaves the pair term out.
        lambda1: weight of the pair term; not given in the thesis.
        reduction: "mean" or "sum" of the first term.
    """
    used = nearest_centre(centres, features, labels, mask)
    pull = centre_loss(_flat(centres), features, used, mask, reduction=reduction)
    if margin is None:
        return pull
    return pull + lambda1 * _spread(jax.lax.stop_gradient(centres), margin)


def update_subclass_centres(
    centres: jax.Array,
    features: jax.Array,
    labels: jax.Array,
    mask: jax.Array,
    *,
    margin: float | None = 0.5,
    lambda1: float = 0.01,
    alpha: float = 0.5,
) -> jax.Array:
    """One step of the sub-centres, ``[C, K, D]``: the rule of `update_centres` for the samples that use each.

    A sub-centre that no sample uses moves by the pair term only. Arguments as in `subclass_loss`; alpha is
    the step size.

    Raises:
        ConfigError: ``alpha * lambda1 * K >= 0.5`` with a margin, where the sub-centres diverge.
    """
    num_sub = centres.shape[1]
    if margin is not None and alpha * lambda1 * num_sub >= 0.5:
        raise ConfigError(
            f"The sub-centres diverge at alpha {alpha} * lambda1 {lambda1} * {num_sub} sub-centres >= 0.5; "
            "take a smaller lambda1 (below 0.25 / (alpha * sub-centres) none overshoots)."
        )
    used = nearest_centre(centres, features, labels, mask)
    delta = centre_delta(_flat(centres), features, used, mask).reshape(centres.shape)
    if margin is not None:
        delta = delta + lambda1 * jax.grad(_spread)(centres, margin)
    return centres - alpha * delta


def _flat(centres: jax.Array) -> jax.Array:
    return centres.reshape(-1, centres.shape[-1])


def _spread(centres: jax.Array, margin: float) -> jax.Array:
    return sum_off_diagonal(jnp.maximum(pair_distances(centres) - margin, 0) ** 2)
