"""Losses on several labels at once (context_emotion spec 3)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from emojax.errors import ConfigError
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


ABSENT = 1e-4  # weight of a label without any sample
_OFFSET = 1.2  # bounds the weight of rare labels


def rarity_weights(frequency: jax.Array) -> jax.Array:
    """``1 / ln(1.2 + f_i)`` of each label, 1e-4 where f_i is 0 (Kosti et al., PAMI 2019).

    Args:
        frequency: ``[C]``, how many samples carry each label, or what share of them.

    Returns:
        ``[C]`` float32.
    """
    frequency = jnp.asarray(frequency, jnp.float32)
    return jnp.where(frequency > 0, 1 / jnp.log(_OFFSET + frequency), ABSENT)


def batch_label_weights(labels: jax.Array, mask: jax.Array, *, frequency: str = "counts") -> jax.Array:
    """Weight of each label by how rare it is in the global batch.

    The thesis has "inversely proportional to the number of occurrences in the batch" (eq. 4.1), and so has the
    public code; the formula of the paper takes shares. In a batch of 52 in which one label occurs 31 times and
    another once, the larger weight is 4.40 times the smaller with counts, 2.95 times with shares.

    Args:
        labels: ``[B, C]`` of zeros and ones.
        mask: ``[B]``, 1 for a real sample, 0 for padding.
        frequency: "counts" or "shares".

    Returns:
        ``[C]`` float32.

    Raises:
        ConfigError: another `frequency`.
    """
    if frequency not in ("counts", "shares"):
        raise ConfigError(f"Labels are weighed by their 'counts' or 'shares', not by {frequency!r}.")
    found = jnp.sum(real_rows(labels, mask), axis=0)
    return rarity_weights(found if frequency == "counts" else found / jnp.maximum(jnp.sum(mask), 1))


def weighted_squared_error(
    scores: jax.Array, labels: jax.Array, mask: jax.Array, weights: jax.Array
) -> jax.Array:
    """``sum_i w_i (s_i - y_i)^2``, mean over the global batch: the EMOTIC baseline's loss (thesis eq. 4.1).

    Args:
        scores: ``[B, C]``, linear outputs.
        labels: ``[B, C]`` of zeros and ones.
        mask: ``[B]``, 1 for a real sample, 0 for padding.
        weights: ``[C]``, e.g. `batch_label_weights`.
    """
    error = real_rows(scores, mask) - real_rows(labels, mask)
    return masked_mean(jnp.sum(weights * error**2, axis=-1), mask)
