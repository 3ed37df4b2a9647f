"""Losses on several labels at once (context_emotion spec 3)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from emojax.objectives.masking import masked_mean, real_rows


def binary_cross_entropy(logits: jax.Array, labels: jax.Array, mask: jax.Array) -> jax.Array:
    """``-[y ln s(z) + (1 - y) ln(1 - s(z))]``, mean over labels and the global batch.

    Args:
        logits: ``[B, C]``.
        labels: ``[B, C]`` in [0, 1].
        mask: ``[B]``, 1 for a real sample, 0 for padding.

    Returns:
        float32 scalar.
    """
    errors = optax.sigmoid_binary_cross_entropy(real_rows(logits, mask), real_rows(labels, mask))
    return masked_mean(jnp.mean(errors, axis=-1), mask)


def batch_label_weights(
    labels: jax.Array, mask: jax.Array, *, offset: float = 1.2, absent: float = 1e-4
) -> jax.Array:
    """``1 / ln(offset + p_i)``, p_i the share of the batch that carries label i (Kosti et al., PAMI 2019).

    Args:
        labels: ``[B, C]`` of zeros and ones.
        mask: ``[B]``.
        offset: bounds the weight of rare labels.
        absent: weight of a label that the batch lacks.

    Returns:
        ``[C]`` float32.
    """
    share = jnp.sum(real_rows(labels, mask), axis=0) / jnp.maximum(jnp.sum(mask), 1)
    return jnp.where(share > 0, 1 / jnp.log(offset + share), absent)


def weighted_squared_error(scores: jax.Array, labels: jax.Array, mask: jax.Array) -> jax.Array:
    """``sum_i w_i (s_i - y_i)^2``, mean over the global batch: the EMOTIC baseline's loss (thesis eq. 4.1).

    Args:
        scores: ``[B, C]``, linear outputs.
        labels: ``[B, C]`` of zeros and ones.
        mask: ``[B]``.
    """
    error = real_rows(scores, mask) - real_rows(labels, mask)
    return masked_mean(jnp.sum(batch_label_weights(labels, mask) * error**2, axis=-1), mask)
