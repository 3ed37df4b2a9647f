"""Concordance correlation coefficient as a loss (spec emotion_gcn 3.11)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from emojax.objectives.masking import real_rows

EPSILON = 1e-8  # keeps the quotient finite for constant inputs


def concordance_correlation_coefficient(
    x: jax.Array, y: jax.Array, mask: jax.Array, *, bias_parity: bool = False
) -> jax.Array:
    """``2 s_xy / (s_x^2 + s_y^2 + (mean_x - mean_y)^2)`` over the rows of a batch, per column.

    Args:
        x: ``[B, ...]`` predictions.
        y: ``[B, ...]`` truth.
        mask: ``[B]``, 1 for a real sample, 0 for padding.
        bias_parity: False takes population variances; True divides the variances by n - 1 but the covariance
            by n, as the public code does (then perfect agreement of n values gives (n - 1) / n).

    Returns:
        ``[...]`` float32 in [-1, 1].
    """
    x, y = real_rows(x, mask), real_rows(y, mask)
    real = real_rows(jnp.ones_like(x), mask)
    count = jnp.maximum(jnp.sum(real, axis=0), 1)
    mean_x, mean_y = jnp.sum(x, axis=0) / count, jnp.sum(y, axis=0) / count
    # Centred before squaring: the difference of two large sums would lose the variance in float32.
    x_centred, y_centred = (x - mean_x) * real, (y - mean_y) * real
    covariance = jnp.sum(x_centred * y_centred, axis=0) / count
    freedom = jnp.maximum(count - 1, 1) if bias_parity else count
    variances = (jnp.sum(x_centred**2, axis=0) + jnp.sum(y_centred**2, axis=0)) / freedom
    return 2 * covariance / (variances + (mean_x - mean_y) ** 2 + EPSILON)


def ccc_loss(
    predicted: jax.Array, truth: jax.Array, mask: jax.Array, *, bias_parity: bool = False
) -> jax.Array:
    """``1 - (rho_v + rho_a) / 2`` over the global batch (thesis eq. 5.2.2).

    Args:
        predicted: ``[B, 2]`` valence and arousal.
        truth: ``[B, 2]``.
        mask: ``[B]``, 1 for a real sample, 0 for padding.
        bias_parity: see `concordance_correlation_coefficient`.

    Returns:
        float32 scalar in [0, 2].
    """
    ccc = concordance_correlation_coefficient(predicted, truth, mask, bias_parity=bias_parity)
    return 1 - jnp.mean(ccc)
