"""Loss of the eye-and-mouth mask task (spec emotion_gcn 3.13)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from emojax.objectives.masking import masked_mean, real_rows


def face_mask_loss(mask_logits: jax.Array, face_mask: jax.Array, mask: jax.Array) -> jax.Array:
    """Binary cross-entropy with logits, mean over pixels and the global batch.

    Args:
        mask_logits: ``[B, H, W, 1]``.
        face_mask: ``[B, H, W]`` uint8 or float, 1 inside eyes and mouth, else 0.
        mask: ``[B]``, 1 for a real sample, 0 for padding.
    """
    logits = real_rows(mask_logits, mask)[..., 0]
    losses = optax.sigmoid_binary_cross_entropy(logits, real_rows(face_mask, mask).astype(logits.dtype))
    return masked_mean(jnp.mean(losses, axis=(1, 2)), mask)
