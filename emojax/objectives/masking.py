"""Sums and means over the real rows of a padded batch.

Padded rows are replaced before anything is computed from them, not multiplied by zero afterwards: a NaN in
padding would survive the product, in the loss or in its gradient.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


def real_rows(x: jax.Array, mask: jax.Array) -> jax.Array:
    """``x [B, ...]`` with every padded row (mask 0) set to zero; bfloat16 comes back as float32.

    A mask ``[B, T]`` sets padded frames of ``x [B, T, ...]`` to zero.
    """
    if jnp.issubdtype(x.dtype, jnp.floating):
        x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    return jnp.where((mask > 0).reshape(mask.shape + (1,) * (x.ndim - mask.ndim)), x, 0)


def masked_mean(values: jax.Array, mask: jax.Array, weights: jax.Array | None = None) -> jax.Array:
    """Mean of ``values [B]`` or ``[B, T]``, as the mask, over real rows; may be weighted; 0 when nothing is real."""
    weights = real_rows(jnp.ones_like(values) if weights is None else weights, mask)
    total = jnp.sum(weights * real_rows(values, mask))
    return total / jnp.where(jnp.sum(weights) > 0, jnp.sum(weights), 1)


def masked_reduce(values: jax.Array, mask: jax.Array, reduction: str) -> jax.Array:
    """Mean or sum of ``values [B]`` over real rows; reduction is "mean" or "sum"."""
    if reduction == "mean":
        return masked_mean(values, mask)
    if reduction == "sum":
        return jnp.sum(real_rows(values, mask))
    raise ValueError(f"reduction is 'mean' or 'sum', not {reduction!r}")
