"""The losses of the Aff-Wild systems (affwild_gan spec 3.1, 3.6; affwild_cnn_rnn spec 3)."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from emojax.objectives.ccc import ccc_loss, concordance_correlation_coefficient
from emojax.objectives.cross_entropy import cross_entropy
from emojax.objectives.masking import masked_mean, real_rows

VA_LOSSES = ("ccc", "mse")
CCC_SCOPES = ("batch", "sequence")
CCC_REDUCTIONS = ("mean", "pooled")


def objective(
    outputs: Mapping[str, jax.Array],
    truth: Mapping[str, jax.Array],
    frame_mask: jax.Array,
    options,
    class_weights: np.ndarray | None = None,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Loss of the global batch, and its terms by name.

    Args:
        outputs: ``dimensions [B, T, 2]``, ``logits [B, T, C]``; one of them may be missing.
        truth: ``valence``, ``arousal`` and ``label``, ``[B, T]`` each.
        frame_mask: ``[B, T]``, 1 for a real frame; only those count.
        options: `config.objective`.
        class_weights: ``[C]`` of the cross-entropy.
    """
    total, parts = jnp.float32(0), {}
    if "logits" in outputs:
        logits, labels = outputs["logits"], truth["label"]
        flat = logits.reshape(-1, logits.shape[-1]), labels.reshape(-1), frame_mask.reshape(-1)
        parts["cross_entropy"] = cross_entropy(*flat, class_weights=class_weights)
        total += options.category_weight * parts["cross_entropy"]
    if "dimensions" in outputs:
        true = jnp.stack([truth["valence"], truth["arousal"]], axis=-1)
        name = f"{options.va}_loss"
        parts[name] = va_loss(outputs["dimensions"], true, frame_mask, options)
        total += options.va_weight * parts[name]
    return total, parts


def batch_accuracy(
    outputs: Mapping[str, jax.Array], truth: Mapping[str, jax.Array], frame_mask: jax.Array
) -> dict[str, jax.Array]:
    """``accuracy`` of the categories of a batch's real frames, for the log; empty without categories.

    Args: as `objective`.
    """
    if "logits" not in outputs:
        return {}
    right = (jnp.argmax(outputs["logits"], axis=-1) == truth["label"]).astype(jnp.float32)
    return {"accuracy": masked_mean(right, frame_mask)}


def va_loss(predicted: jax.Array, truth: jax.Array, frame_mask: jax.Array, options) -> jax.Array:
    """``1 - CCC``, or the squared error, of the real frames of the batch.

    The CCC is that of all frames together, or with `ccc_scope` ``sequence`` the mean of those of each window; the mean
    of both dimensions, or with `ccc_reduce` ``pooled`` that of both columns as one (affwild_gan spec G2).

    Args:
        predicted: ``[B, T, 2]``.
        truth: ``[B, T, 2]``.
        frame_mask: ``[B, T]``.
        options: `config.objective`.
    """
    if options.va == "mse":
        return masked_mean(
            jnp.mean(jnp.square(real_rows(predicted - truth, frame_mask)), axis=-1), frame_mask
        )
    if options.ccc_scope == "sequence":
        each = jax.vmap(concordance_correlation_coefficient)(predicted, truth, frame_mask)
        return 1 - masked_mean(jnp.mean(each, axis=-1), jnp.max(frame_mask, axis=1))
    flat = predicted.reshape(-1, 2), truth.reshape(-1, 2), frame_mask.reshape(-1)
    if options.ccc_reduce == "pooled":
        rows = flat[0].reshape(-1), flat[1].reshape(-1), jnp.repeat(flat[2], 2)
        return 1 - concordance_correlation_coefficient(*rows)
    return ccc_loss(*flat)
