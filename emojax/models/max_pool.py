"""Max pooling of feature maps, with a backward pass that needs no scatter."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
from jax import lax

Sizes = tuple[int, ...]


def max_pool(
    x: jax.Array, window: Sizes, strides: Sizes, padding: str | Sequence[tuple[int, int]] = "VALID"
) -> jax.Array:
    """What `flax.linen.max_pool` gives, to the bit, and its gradient: the first of equal maxima takes it.

    XLA differentiates a pooling by select-and-scatter, which reads the map again and, on CPUs, takes 5 x as long as all
    of this. Here the forward pass keeps which place of each window won, in one byte, and the backward pass is a sum of
    one term a place of the window.

    Args:
        x: ``[B, H, W, C]`` or ``[B, T, H, W, C]``, any float dtype.
        window: sides of the windows, at most 256 places.
        strides: from window to window, by axis.
        padding: "VALID", "SAME", or how many values of minus infinity stand before and after, by axis.

    Returns:
        ``[B, H', W', C]`` or ``[B, T', H', W', C]``.
    """
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(x.shape[1:-1], window, strides, padding)
    return _max_pool(x, window, strides, tuple(map(tuple, padding)))


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def _max_pool(x, window, strides, padding):
    return _forward(x, window, strides, padding)[0]


def _forward(x, window, strides, padding):
    padded = lax.pad(x, jnp.array(-jnp.inf, x.dtype), [(0, 0, 0), *((*p, 0) for p in padding), (0, 0, 0)])
    largest, winner = None, None
    for number, place in enumerate(_places(window)):
        values = _values_at(padded, place, window, strides)
        if largest is None:
            largest, winner = values, jnp.zeros(values.shape, jnp.uint8)
        else:
            winner = jnp.where(values > largest, jnp.uint8(number), winner)
            largest = jnp.maximum(largest, values)  # NaN stays
    return largest, (winner, jnp.empty((0, *x.shape[1:-1]), x.dtype))


def _backward(window, strides, padding, kept, gradient):
    winner, like = kept

    def together(winner, gradient):
        return _spread(winner, gradient, like, window, strides, padding)

    def one_by_one(winner, gradient):
        return lax.map(lambda each: together(each[0][None], each[1][None])[0], (winner, gradient))

    # XLA's CPU compiler would compute what made the gradient and the winners again for each place of the window (63 ms
    # of a step of DenseNet-121); a loop's operands it computes once.
    return (lax.platform_dependent(winner, gradient, cpu=one_by_one, default=together),)


def _spread(winner, gradient, like, window, strides, padding):
    total = 0.0
    # Backwards, as a sum over windows in their order has it: float32 results are those of select-and-scatter.
    for number, place in reversed(list(enumerate(_places(window)))):
        won = jnp.where(winner == number, gradient.astype(jnp.float32), 0)
        edges = [
            (offset - before, size + before - offset - (count - 1) * stride - 1, stride - 1)
            for offset, (before, _), size, count, stride in zip(
                place, padding, like.shape[1:], winner.shape[1:-1], strides
            )
        ]
        total = total + lax.pad(won, jnp.float32(0), [(0, 0, 0), *edges, (0, 0, 0)])
    return total.astype(like.dtype)


_max_pool.defvjp(_forward, _backward)


def _places(window: Sizes) -> Iterator[Sizes]:
    return itertools.product(*map(range, window))


def _values_at(padded: jax.Array, place: Sizes, window: Sizes, strides: Sizes) -> jax.Array:
    """The values ``[B, ..., C]`` at one place of every window."""
    batch, *sizes, channels = padded.shape
    last = [size - side + offset for size, side, offset in zip(sizes, window, place)]
    return lax.slice(padded, (0, *place, 0), (batch, *(end + 1 for end in last), channels), (1, *strides, 1))
