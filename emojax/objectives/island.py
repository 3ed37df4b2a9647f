"""Island losses: centres that also move apart (spec emotion_gcn 3.5, 3.6).

The pair terms contain centres only, so they reach the network through the centre update alone; they are part
of the reported value.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from emojax.objectives.centres import centre_delta, centre_loss
from emojax.objectives.pairs import pair_distances, sum_off_diagonal

PRECISION = jax.lax.Precision.HIGHEST
NORM_FLOOR = 1e-6


def island_loss(
    centres: jax.Array,
    features: jax.Array,
    labels: jax.Array,
    mask: jax.Array,
    *,
    lambda1: float = 10.0,
    reduction: str = "mean",
) -> jax.Array:
    """Centre loss plus ``lambda1 * sum_j sum_{k != j} (cos(c_k, c_j) + 1)`` (thesis eq. 4.3.1).

    Args:
        centres: ``[C, D]``; no gradient flows to them.
        features: ``[B, D]``.
        labels: ``[B]`` int in [0, C).
        mask: ``[B]``, 1 for a real sample, 0 for padding.
        lambda1: weight of the pair term; not given in the thesis.
        reduction: "mean" or "sum" of the centre loss.
    """
    unit, _ = _unit_vectors(jax.lax.stop_gradient(centres))
    pairs = sum_off_diagonal(jnp.dot(unit, unit.T, precision=PRECISION) + 1)
    return centre_loss(centres, features, labels, mask, reduction=reduction) + lambda1 * pairs


def update_island_centres(
    centres: jax.Array,
    features: jax.Array,
    labels: jax.Array,
    mask: jax.Array,
    *,
    lambda1: float = 10.0,
    alpha: float = 0.5,
) -> jax.Array:
    """One step of the centres of `island_loss` (thesis eq. 4.3.2-4.3.3), ``[C, D]``.

    The pair part is ``lambda1 / (C - 1) * sum_{k != j} d cos(c_k, c_j) / d c_j``, as printed: not the
    gradient of the loss, which counts each pair twice and has no ``C - 1``. A centre at the origin has no
    direction and gets no pair part. Arguments as in `island_loss`; alpha is the step size.
    """
    unit, norm = _unit_vectors(centres)
    others = jnp.sum(unit, axis=0) - unit
    radial = jnp.sum(others * unit, axis=-1, keepdims=True)
    pair_delta = jnp.where(norm > 2 * NORM_FLOOR, (others - radial * unit) / norm, 0)
    delta = centre_delta(centres, features, labels, mask) + lambda1 / (len(centres) - 1) * pair_delta
    return centres - alpha * delta


def _unit_vectors(centres: jax.Array) -> tuple[jax.Array, jax.Array]:
    norm = jnp.sqrt(jnp.sum(centres**2, axis=-1, keepdims=True) + NORM_FLOOR**2)
    return centres / norm, norm


def euclidean_island_loss(
    centres: jax.Array,
    features: jax.Array,
    labels: jax.Array,
    mask: jax.Array,
    *,
    margin: float,
    lambda1: float = 0.01,
    reduction: str = "mean",
) -> jax.Array:
    """Centre loss plus ``lambda1 * sum_j sum_{k != j} max(margin - |c_k - c_j|, 0)^2`` (thesis eq. 4.3.4).

    Arguments as in `island_loss`; margin is the distance at which two centres leave each other alone.
    """
    pairs = _closeness(jax.lax.stop_gradient(centres), margin)
    return centre_loss(centres, features, labels, mask, reduction=reduction) + lambda1 * pairs


def update_euclidean_island_centres(
    centres: jax.Array,
    features: jax.Array,
    labels: jax.Array,
    mask: jax.Array,
    *,
    margin: float,
    lambda1: float = 0.01,
    alpha: float = 0.5,
) -> jax.Array:
    """One step of the centres of `euclidean_island_loss`, ``[C, D]``: centre term plus pair gradient.

    Keep ``4 * alpha * lambda1 * (C - 1)`` well below 1, else one step throws centres far past the margin
    (spec 3.6).
    """
    delta = centre_delta(centres, features, labels, mask) + lambda1 * jax.grad(_closeness)(centres, margin)
    return centres - alpha * delta


def _closeness(centres: jax.Array, margin: float) -> jax.Array:
    return sum_off_diagonal(jnp.maximum(margin - pair_distances(centres), 0) ** 2)
