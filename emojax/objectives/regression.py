"""Squared error of valence and arousal (spec emotion_gcn 3.10)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from emojax.objectives.masking import masked_mean, real_rows


def squared_error_loss(predicted: jax.Array, truth: jax.Array, mask: jax.Array) -> jax.Array:
    """``1/2 sum_d (predicted_d - true_d)^2``, mean over the global batch (thesis eq. 5.1.5).

    Args:
        predicted: ``[B, 2]`` valence and arousal.
        truth: ``[B, 2]``.
        mask: ``[B]``, 1 for a real sample, 0 for padding.
    """
    error = real_rows(predicted, mask) - real_rows(truth, mask)
    return masked_mean(0.5 * jnp.sum(error**2, axis=-1), mask)
