"""Focal loss (spec emotion_gcn 3.14)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from emojax.objectives.cross_entropy import true_class_log_probability
from emojax.objectives.masking import masked_mean, real_rows


def focal_loss(
    logits: jax.Array,
    labels: jax.Array,
    mask: jax.Array,
    *,
    gamma: float = 2.0,
    class_weights: jax.Array | None = None,
) -> jax.Array:
    """``-alpha_y (1 - p_y)^gamma log p_y`` over the global batch (thesis eqs 5.4.1-5.4.2).

    Args:
        logits: ``[B, C]``.
        labels: ``[B]`` int in [0, C).
        mask: ``[B]``, 1 for a real sample, 0 for padding.
        gamma: focusing exponent, 0 or larger; 0 gives cross-entropy.
        class_weights: alpha ``[C]``; the sum is divided by the batch's sum of alphas. None takes the mean.

    Returns:
        float32 scalar.
    """
    log_p = true_class_log_probability(logits, labels, mask)
    losses = -log_p
    if gamma > 0:
        # 1 - p without cancellation; the floor keeps the gradient of the power finite where p rounds to 1.
        losses = losses * jnp.maximum(-jnp.expm1(log_p), 1e-12) ** gamma
    weights = None if class_weights is None else jnp.asarray(class_weights)[real_rows(labels, mask)]
    return masked_mean(losses, mask, weights)
