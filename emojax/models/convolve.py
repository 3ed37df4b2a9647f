"""Convolution whose forward and backward passes are quick on CPUs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

# Values of a map that XLA's CPU convolution multiplies at once: 2 MiB of float32, what a core's cache holds.
_MOST = 2**19
# Of a larger gradient it takes 2 to 3 times as long as of its parts, of about 512 KiB each, one after the other.
_PART = 2**17
_MOST_PARTS = 32  # each is a convolution to compile

# XLA's CPU convolution shares out tiles of one row of the output among threads, never rows or pictures: where a row
# is one tile, one thread does it all. A row is more than that from about so many multiplications (jax 0.10.2; more than
# 1,024 values behind a number do not count), and other forms are worth their copies from so many in all.
_ROW = 3_000_000
_WORTHWHILE = 2**27


def convolve(
    x: jax.Array, kernel: jax.Array, strides: Sequence[int], padding: Sequence[tuple[int, int]]
) -> jax.Array:
    """What `lax.conv_general_dilated` gives, channels last.

    On a CPU the gradient of the kernel is a sum over parts of the map where the map is large, and the rows of all
    pictures are convolved on end where XLA would use one thread: DenseNet-121's 3x3 convolution of [8, 56, 56, 128] to
    32 channels takes 8.3 ms instead of 14.8 on two cores, as much CPU time.

    Args:
        x: ``[B, *sizes, C]`` with one to three sizes.
        kernel: ``[*sides, C, features]``, of the dtype of `x`.
        strides: from window to window, by axis.
        padding: zeros before and after, by axis.

    Returns:
        ``[B, *sizes', features]``.
    """
    strides, padding = tuple(strides), tuple(map(tuple, padding))

    @jax.custom_vjp
    def convolution(x, kernel):
        def plain(x, kernel):
            return _convolve(x, kernel, strides, padding)

        def on_end(x, kernel):
            return _rows_on_end(x, kernel, padding)

        quick = on_end if _on_one_thread(x, kernel, strides, padding) else plain
        return lax.platform_dependent(x, kernel, cpu=quick, default=plain)

    def backward(kept, gradient):
        x, kernel = kept
        of_x = jax.vjp(lambda x: _convolve(x, kernel, strides, padding), x)[1](gradient)[0]

        def whole(x, kernel, gradient):
            return jax.vjp(lambda kernel: _convolve(x, kernel, strides, padding), kernel)[1](gradient)[0]

        def in_parts(x, kernel, gradient):
            return _of_kernel_in_parts(x, kernel, gradient, strides, padding)

        # With strides most of a large input is not multiplied.
        largest = gradient.size if max(strides) > 1 else max(x.size, gradient.size)
        quick = in_parts if largest > _MOST else whole
        return of_x, lax.platform_dependent(x, kernel, gradient, cpu=quick, default=whole)

    convolution.defvjp(lambda x, kernel: (convolution(x, kernel), (x, kernel)), backward)
    return convolution(x, kernel)


def _convolve(x, kernel, strides, padding):
    letters = "DHW"[-len(strides) :]
    layout = (f"N{letters}C", f"{letters}IO", f"N{letters}C")
    return lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=layout)


def _on_one_thread(x, kernel, strides, padding) -> bool:
    """Whether XLA's CPU convolution of pictures uses one thread where rows on end would use all, and gain by it."""
    *sides, channels, features = kernel.shape
    if strides != (1, 1) or min(sides) == 1 or channels < features or x.dtype != jnp.float32:
        return False
    if not isinstance(x.shape[0], int):  # an export leaves the number of pictures free
        return False
    rows, width = (size + sum(around) - side + 1 for size, around, side in zip(x.shape[1:], padding, sides))
    depth = math.prod(sides) * channels
    work = len(x) * rows * width * features * depth
    return width * features * min(depth, 1024) < _ROW and work >= _WORTHWHILE


def _rows_on_end(x, kernel, padding):
    """A convolution of pictures as one along the padded rows of all of them, for each row of the kernel; their sum."""
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    high, wide, channels, features = kernel.shape
    rows, width = x.shape[1] - high + 1, x.shape[2] - wide + 1
    along = kernel.transpose(1, 2, 0, 3).reshape(1, wide, channels, -1)
    found = _convolve(x.reshape(1, 1, -1, channels), along, (1, 1), ((0, 0), (0, wide - 1)))
    found = found.reshape(*x.shape[:3], -1)[:, :, :width]
    return sum(found[:, i : i + rows, :, i * features : (i + 1) * features] for i in range(high))


def _of_kernel_in_parts(x, kernel, gradient, strides, padding):
    """The gradient of the kernel, summed over slices of the gradient along its longest axis."""
    sizes = gradient.shape[1:-1]
    longest = sizes.index(max(sizes))
    axis, size, stride, side = longest + 1, sizes[longest], strides[longest], kernel.shape[longest]
    count = min(-(-gradient.size // _PART), _MOST_PARTS, size)
    length = -(-size // count)
    around = [(0, 0)] * x.ndim
    around[axis] = padding[longest]
    x = jnp.pad(x, around)
    rest = (*padding[:longest], (0, 0), *padding[longest + 1 :])
    total = jnp.zeros(kernel.shape, jnp.float32)
    for start in range(0, size, length):
        end = min(start + length, size)
        part = lax.slice_in_dim(x, start * stride, (end - 1) * stride + side, axis=axis)
        pull = jax.vjp(lambda kernel, part=part: _convolve(part, kernel, strides, rest), kernel)[1]
        total = total + pull(lax.slice_in_dim(gradient, start, end, axis=axis))[0]
    return total.astype(kernel.dtype)
