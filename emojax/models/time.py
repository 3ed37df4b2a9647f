"""Arrays with an axis of time, `[B, T, ...]`: folded into the batch and back, or mapped over piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax


def fold_time(tree: Any) -> Any:
    """Every array ``[B, T, ...]`` as ``[B * T, ...]``, the frames of an example side by side."""
    return jax.tree.map(lambda x: x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]), tree)


def unfold_time(tree: Any, time: int) -> Any:
    """The opposite of `fold_time`: every array ``[B * T, ...]`` as ``[B, T, ...]``."""
    return jax.tree.map(lambda x: x.reshape(x.shape[0] // time, time, *x.shape[1:]), tree)


def frame_keys(keys: jax.Array, time: int) -> jax.Array:
    """A key for each frame, ``[B, T]``, from those of the examples ``[B]``."""
    return jax.vmap(lambda key: jax.random.split(key, time))(keys)


def map_segments(fn: Callable[[Any], Any], tree: Any, *, at_once: int = 1) -> Any:
    """Applies a function to the segments of examples in turn, so memory does not grow with their number.

    Args:
        fn: arrays ``[B, ...]`` -> arrays ``[B, ...]``; must not depend on the other segments (in training batch norm
            does: fold time there).
        tree: arrays ``[B, T, ...]``.
        at_once: segments that are computed together; need not divide T.

    Returns:
        What `fn` gives for every segment: arrays ``[B, T, ...]``.
    """
    time = jax.tree.leaves(tree)[0].shape[1]

    def one(t: jax.Array) -> Any:
        return fn(jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, t, axis=1, keepdims=False), tree))

    mapped = jax.lax.map(one, jax.numpy.arange(time), batch_size=None if at_once == 1 else at_once)
    return jax.tree.map(lambda x: jax.numpy.moveaxis(x, 0, 1), mapped)
