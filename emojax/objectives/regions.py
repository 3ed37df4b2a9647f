"""Losses of the "Half" task: on which side of the valence axis a face lies (spec emotion_gcn 3.12).

Quarter, Eight and Twelve are classifications: `cross_entropy` on `graphs.va_plane.sector_labels` with weights
from the region counts.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from emojax.objectives.masking import masked_mean, real_rows


def half_squared_error(logits: jax.Array, half: jax.Array, mask: jax.Array) -> jax.Array:
    """``(sigmoid(g) - h)^2``, mean over the global batch.

    Args:
        logits: ``[B, 1]`` the single output g.
        half: ``[B]`` int, 1 where valence >= 0 (`sector_labels` with 2 sectors).
        mask: ``[B]``, 1 for a real sample, 0 for padding.
    """
    g = real_rows(logits, mask)[:, 0]
    return masked_mean((jax.nn.sigmoid(g) - half) ** 2, mask)


def half_cross_entropy(logits: jax.Array, half: jax.Array, mask: jax.Array) -> jax.Array:
    """Binary cross-entropy with the logit g, mean over the global batch; arguments as above."""
    g = real_rows(logits, mask)[:, 0]
    return masked_mean(optax.sigmoid_binary_cross_entropy(g, half.astype(jnp.float32)), mask)
