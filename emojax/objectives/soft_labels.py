"""Class distributions of regions of the valence-arousal plane as soft targets (spec emotion_gcn 1.9, 3.2)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from emojax.errors import ConfigError
from emojax.graphs.va_plane import plane_bins
from emojax.objectives.masking import masked_mean, real_rows


def soft_label_table(histogram: np.ndarray) -> np.ndarray:
    """``P(class | bin)`` from training counts; the imbalance of the classes stays in.

    Args:
        histogram: ``[b, b, C]`` training samples of each class in each bin, rows by valence.

    Returns:
        ``[b, b, C]`` float32, each bin sums to 1; a bin without samples has the shares of the whole set.
    """
    counts = np.asarray(histogram, np.float64)
    total = counts.sum(axis=-1, keepdims=True)
    prior = counts.sum(axis=(0, 1)) / counts.sum()
    return np.where(total > 0, counts / np.maximum(total, 1), prior).astype(np.float32)


def soft_labels(table: jax.Array, valence: jax.Array, arousal: jax.Array) -> jax.Array:
    """Distribution ``[B, C]`` of the bin that each sample ``[B]`` falls into."""
    row, column = plane_bins(valence, arousal, table.shape[0])
    return jnp.asarray(table)[row, column]


def soft_loss(logits: jax.Array, targets: jax.Array, mask: jax.Array) -> jax.Array:
    """``-sum_c l_c log p_c``, mean over the batch, no class weights (thesis eq. 3.4.1).

    Args:
        logits: ``[B, C]``.
        targets: ``[B, C]`` distributions from `soft_labels`.
        mask: ``[B]``, 1 for a real sample, 0 for padding.
    """
    log_p = jax.nn.log_softmax(real_rows(logits, mask))
    return masked_mean(-jnp.sum(real_rows(targets, mask) * log_p, axis=-1), mask)


def logit_loss(logits: jax.Array, targets: jax.Array, mask: jax.Array, *, on: str = "prob") -> jax.Array:
    """``1/2 sum_c (p_c - l_c)^2``, mean over the batch (thesis eq. 3.4.2).

    Args:
        logits: ``[B, C]``.
        targets: ``[B, C]`` distributions from `soft_labels`.
        mask: ``[B]``, 1 for a real sample, 0 for padding.
        on: "prob" compares softmax probabilities, as printed; "logits" the logits themselves.

    Raises:
        ConfigError: another `on`.
    """
    if on not in ("prob", "logits"):
        raise ConfigError(f"logit_on is 'prob' or 'logits', not {on!r}.")
    scores = real_rows(logits, mask)
    scores = jax.nn.softmax(scores) if on == "prob" else scores
    return masked_mean(0.5 * jnp.sum((scores - real_rows(targets, mask)) ** 2, axis=-1), mask)
