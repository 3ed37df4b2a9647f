"""Centre loss with learned centres, and with the means of the batch (spec emotion_gcn 3.3, 3.4).

Centres are model state, not parameters: no optimiser sees them. The losses pull features to the centres of
the last step; the update functions then move the centres by their own rule, from the same global batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from emojax.objectives.masking import masked_reduce, real_rows


def init_centres(key: jax.Array, shape: Sequence[int], *, std: float = 0.1) -> jax.Array:
    """N(0, std^2) centres, ``[C, D]`` or ``[C, K, D]`` float32.

    The spread is small because N(0, 1) in 1024 dimensions puts centres about 45 apart (spec 3.7).
    """
    return std * jax.random.normal(key, shape, jnp.float32)


def centre_loss(
    centres: jax.Array, features: jax.Array, labels: jax.Array, mask: jax.Array, *, reduction: str = "mean"
) -> jax.Array:
    """``1/2 ||x_i - c_{y_i}||^2`` over the global batch (thesis eq. 4.2.1).

    Args:
        centres: ``[C, D]``; no gradient flows to them.
        features: ``[B, D]``.
        labels: ``[B]`` int in [0, C).
        mask: ``[B]``, 1 for a real sample, 0 for padding.
        reduction: "mean" or, as printed, "sum".
    """
    x, labels = real_rows(features, mask), real_rows(labels, mask)
    distance = jnp.sum((x - jax.lax.stop_gradient(centres)[labels]) ** 2, axis=-1)
    return masked_reduce(0.5 * distance, mask, reduction)


def centre_delta(centres: jax.Array, features: jax.Array, labels: jax.Array, mask: jax.Array) -> jax.Array:
    """``sum_i [y_i = j] (c_j - x_i) / (1 + sum_i [y_i = j])`` for each centre j (thesis eq. 4.2.3).

    Shapes as in `centre_loss`; returns ``[C, D]``, zero for a class without samples in the batch. The 1 in
    the denominator is why this is not the gradient of the loss.
    """
    x = real_rows(jax.lax.stop_gradient(features), mask)
    members = _membership(labels, mask, len(centres), x.dtype)
    count = jnp.sum(members, axis=0)[:, None]
    total = jnp.dot(members.T, x, precision=jax.lax.Precision.HIGHEST)
    return (count * centres - total) / (1 + count)


def update_centres(
    centres: jax.Array, features: jax.Array, labels: jax.Array, mask: jax.Array, *, alpha: float = 0.5
) -> jax.Array:
    """One step of the centres: ``c_j - alpha * centre_delta_j`` (thesis eq. 4.3.3).

    Args:
        centres: ``[C, D]`` before the step.
        features: ``[B, D]`` of the global batch.
        labels: ``[B]`` int in [0, C).
        mask: ``[B]``, 1 for a real sample, 0 for padding.
        alpha: step size.

    Returns:
        ``[C, D]`` centres after the step; does not depend on the reduction of the loss.
    """
    return centres - alpha * centre_delta(centres, features, labels, mask)


def batch_means(features: jax.Array, labels: jax.Array, mask: jax.Array, num_classes: int) -> jax.Array:
    """Mean feature of each class in the batch, ``[C, D]``; zero for a class that is not there."""
    x = real_rows(features, mask)
    members = _membership(labels, mask, num_classes, x.dtype)
    total = jnp.dot(members.T, x, precision=jax.lax.Precision.HIGHEST)
    return total / jnp.maximum(jnp.sum(members, axis=0)[:, None], 1)


def centre_local_loss(
    features: jax.Array, labels: jax.Array, mask: jax.Array, *, num_classes: int, reduction: str = "mean"
) -> jax.Array:
    """Centre loss with the batch's class means as centres, held constant (thesis eq. 4.2.4).

    A class with a single sample in the batch contributes zero. Arguments as in `centre_loss`.
    """
    means = batch_means(features, labels, mask, num_classes)
    return centre_loss(means, features, labels, mask, reduction=reduction)


def _membership(labels: jax.Array, mask: jax.Array, num_classes: int, dtype) -> jax.Array:
    """``[B, C]``: 1 where a real row belongs to the class."""
    one_hot = jax.nn.one_hot(real_rows(labels, mask), num_classes, dtype=dtype)
    return real_rows(one_hot, mask)
