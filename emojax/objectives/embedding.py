"""Visual features pulled towards the word vectors of their labels (context_emotion spec 3)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from emojax.objectives.masking import masked_mean, real_rows


def mean_positive_vectors(labels: jax.Array, vectors: jax.Array) -> jax.Array:
    """Mean word vector of each sample's labels, ``[B, d]``; zero without a label.

    Args:
        labels: ``[B, C]`` of zeros and ones.
        vectors: ``[C, d]``.
    """
    count = jnp.sum(labels, axis=-1, keepdims=True)
    total = jnp.dot(labels, vectors, precision=jax.lax.Precision.HIGHEST)
    return total / jnp.maximum(count, 1)


def embedding_loss(projected: jax.Array, labels: jax.Array, vectors: jax.Array, mask: jax.Array) -> jax.Array:
    """Squared distance to the mean vector of the labels, mean over the d numbers and the global batch.

    Thesis eq. 4.13 sums over the d numbers; the mean is what the author's later code takes (spec 10, G8).

    Args:
        projected: ``[B, d]``.
        labels: ``[B, C]`` of zeros and ones.
        vectors: ``[C, d]`` constant word vectors.
        mask: ``[B]``, 1 for a real sample, 0 for padding.
    """
    target = mean_positive_vectors(real_rows(labels, mask), jnp.asarray(vectors, jnp.float32))
    return masked_mean(jnp.mean((real_rows(projected, mask) - target) ** 2, axis=-1), mask)
