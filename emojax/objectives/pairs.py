"""Distances between all pairs of a few vectors, with gradients that stay finite at distance 0."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def pair_distances(vectors: jax.Array) -> jax.Array:
    """Euclidean distances ``[..., n, n]`` of the rows of ``[..., n, D]``.

    The differences are formed explicitly: the expansion |x|^2 + |y|^2 - 2xy cancels for near vectors and its
    gradient at distance 0 is large noise. The root is of ``d^2 + 1e-12``, whose gradient at 0 is 0.
    """
    difference = vectors[..., :, None, :] - vectors[..., None, :, :]
    return jnp.sqrt(jnp.sum(difference**2, axis=-1) + 1e-12)


def sum_off_diagonal(values: jax.Array) -> jax.Array:
    """Sum of ``[..., n, n]`` over ordered pairs of different indices."""
    return jnp.sum(jnp.where(jnp.eye(values.shape[-1], dtype=bool), 0, values))
