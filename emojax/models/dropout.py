"""Dropout that does not depend on the number of devices."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np


def dropout(x: jax.Array, keys: jax.Array, rate: float, order: Sequence[int] | None = None) -> jax.Array:
    """Sets a share of the values to zero and enlarges the others by ``1 / (1 - rate)``.

    Args:
        x: ``[B, ...]`` or ``[B, T, ...]``.
        keys: random keys, one a sample ``[B]`` or one a frame ``[B, T]`` (`models.time.frame_keys`); a sample's key
            drops on its own, whatever the other samples of the batch or the devices.
        rate: share that is dropped, in [0, 1).
        order: where the samples are not in front: `x` is what ``transpose(order)`` makes of ``[B, ...]``.
    """
    order = tuple(range(x.ndim)) if order is None else order
    shape = tuple(x.shape[order.index(axis)] for axis in range(x.ndim))
    keep = bernoulli(keys.reshape(-1), 1 - rate, shape[keys.ndim :]).reshape(shape)
    return jnp.where(keep.transpose(order), x / (1 - rate), 0)


@functools.partial(jax.jit, static_argnums=(1, 2))
def bernoulli(keys: jax.Array, share: float, shape: tuple[int, ...]) -> jax.Array:
    """``[n, *shape]``, True with probability `share`: `jax.random.bernoulli` of each of ``keys [n]``, the same draws.

    JAX hashes in a loop on CPUs, to compile sooner. Written out, the hash is one pass over the values, 6 times quicker.
    """

    def loop(keys):
        return jax.vmap(lambda key: jax.random.bernoulli(key, share, shape))(keys)

    def written_out(keys):
        first, second = jnp.moveaxis(jax.random.key_data(keys), -1, 0)[..., None]
        bits = jnp.bitwise_xor(*_threefry(first, second, jnp.arange(math.prod(shape), dtype=jnp.uint32)))
        ones = jax.lax.bitcast_convert_type((bits >> 9) | np.float32(1).view(np.uint32), jnp.float32)
        return (ones - 1 < share).reshape(len(keys), *shape)

    by_counter = getattr(jax.config, "jax_threefry_partitionable", True)  # JAX's default
    if str(jax.random.key_impl(keys)) != "threefry2x32" or not by_counter:
        return loop(keys)
    return jax.lax.platform_dependent(keys, cpu=written_out, default=loop)


def _threefry(first: jax.Array, second: jax.Array, count: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Threefry-2x32 with 20 rounds (Salmon et al., SC 2011) of the key's two words and the counter ``(0, count)``."""
    schedule = first, second, first ^ second ^ np.uint32(0x1BD11BDA)
    x, y = jnp.broadcast_arrays(first, count + second)
    for group in range(5):
        for rotation in ((13, 15, 26, 6), (17, 29, 16, 24))[group % 2]:
            x = x + y
            y = ((y << rotation) | (y >> (32 - rotation))) ^ x
        x = x + schedule[(group + 1) % 3]
        y = y + schedule[(group + 2) % 3] + np.uint32(group + 1)
    return x, y
