"""Dropout that does not depend on the number of devices."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def dropout(x: jax.Array, keys: jax.Array, rate: float) -> jax.Array:
    """Sets a share of the values to zero and enlarges the others by ``1 / (1 - rate)``.

    Args:
        x: ``[B, ...]`` or ``[B, T, ...]``.
        keys: random keys, one a sample ``[B]`` or one a frame ``[B, T]`` (`models.time.frame_keys`); a sample's key
            drops on its own, whatever the other samples of the batch or the devices.
        rate: share that is dropped, in [0, 1).
    """
    shape = x.shape[keys.ndim :]
    keep = jax.vmap(lambda key: jax.random.bernoulli(key, 1 - rate, shape))(keys.reshape(-1))
    return jnp.where(keep.reshape(x.shape), x / (1 - rate), 0)
