"""Contrastive loss over all pairs of a batch (spec emotion_gcn 3.9)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from emojax.objectives.masking import real_rows
from emojax.objectives.pairs import pair_distances


def contrastive_loss(
    features: jax.Array,
    labels: jax.Array,
    mask: jax.Array,
    *,
    margin: float = 5.0,
    positive: bool = True,
    negative: bool = True,
) -> jax.Array:
    """``L_pos + L_neg`` (thesis eqs 4.4.1-4.4.2).

    ``L_pos`` is the mean of ``1/2 ||x_i - x_j||^2`` over pairs of one class, ``L_neg`` the mean of
    ``1/2 max(0, margin - ||x_i - x_j||)^2`` over pairs of different classes; 0 where there is no such pair.
    All differences ``[B, B, D]`` are held at once: 0.26 GB at B = 256, D = 1024.

    Args:
        features: ``[B, D]`` of the global batch.
        labels: ``[B]`` int.
        mask: ``[B]``, 1 for a real sample, 0 for padding; a pair counts when both samples are real.
        margin: distance beyond which different classes leave each other alone.
        positive, negative: which of the two terms to take.
    """
    x = real_rows(features, mask)
    distance = pair_distances(x)
    pairs = jnp.triu((mask[:, None] > 0) & (mask[None, :] > 0), k=1)
    same = labels[:, None] == labels[None, :]
    loss = jnp.zeros((), x.dtype)
    if positive:
        loss += _mean_over(0.5 * distance**2, pairs & same)
    if negative:
        loss += _mean_over(0.5 * jnp.maximum(margin - distance, 0) ** 2, pairs & ~same)
    return loss


def _mean_over(values: jax.Array, chosen: jax.Array) -> jax.Array:
    return jnp.sum(jnp.where(chosen, values, 0)) / jnp.maximum(jnp.sum(chosen), 1)
