"""Convolutions of skeleton sequences over time whose kernels' gradients are quick on a CPU."""

from __future__ import annotations

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models import toom_cook
from emojax.models.conv import kaiming_fan_out


class TemporalConv(nn.Module):
    """``kernel`` frames of each joint, padded by half of them on both sides; the parameters of ``nn.Conv``.

    Attributes:
        features: channels of the output.
        kernel: frames, an odd number.
        stride: every how many-th frame is kept.
        dtype: compute dtype; parameters stay float32.
    """

    features: int
    kernel: int = 9
    stride: int = 1
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``[V, B, T, C] -> [V, B, T / stride, features]``, frames rounded up."""
        shape = (self.kernel, 1, x.shape[-1], self.features)
        kernel = self.param("kernel", kaiming_fan_out, shape, jnp.float32).astype(self.dtype)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        sequences = x.astype(self.dtype).reshape(-1, *x.shape[-2:])
        y = temporal_conv(sequences, kernel[:, 0], self.stride) + bias.astype(self.dtype)
        return y.reshape(*x.shape[:-2], *y.shape[-2:])


def outer(x: jax.Array, gradient: jax.Array) -> jax.Array:
    """``[..., C]`` and ``[..., F]`` -> ``[C, F]``, summed; the gradient stands on the left, which CPU products like."""
    rows = gradient.reshape(-1, gradient.shape[-1])
    return jax.lax.dot_general(rows, x.reshape(-1, x.shape[-1]), (((0,), (0,)), ((), ()))).T


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def temporal_conv(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """``[N, T, C]`` with ``[K, C, F]``, K odd, padded by K // 2 frames -> ``[N, ceil(T / stride), F]``."""
    plain = functools.partial(_plain, stride=stride)
    if not _in_tiles(kernel, stride) or min(kernel.shape[1:]) < _WIDE:
        return plain(x, kernel)
    return jax.lax.platform_dependent(x, kernel, cpu=toom_cook.convolve, default=plain)


_WIDE = 256  # channels from which fewer products pay for the sums before and after them


def _in_tiles(kernel: jax.Array, stride: int) -> bool:
    """Whether `toom_cook` convolves with it; its sums would lose digits that bfloat16 has not."""
    return stride == 1 and len(kernel) % 3 == 0 and kernel.dtype == jnp.float32


def _plain(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    half = len(kernel) // 2
    return _convolve(x, kernel, stride, (half, half))


def _convolve(x, kernel, stride, padding, kernel_axes="WIO"):
    return jax.lax.conv_general_dilated(
        x, kernel, (stride,), (padding,), dimension_numbers=("NWC", kernel_axes, "NWC")
    )


def _forward(x, kernel, stride):
    return temporal_conv(x, kernel, stride), (x, kernel)


def _backward(stride, kept, gradient):
    x, kernel = kept
    frames = len(kernel)

    def of_input(kernel, gradient):
        return jax.vjp(lambda x: _plain(x, kernel, stride), x)[1](gradient)[0]

    def of_kernel(x, gradient):
        return jax.vjp(lambda kernel: _plain(x, kernel, stride), kernel)[1](gradient)[0]

    # XLA's CPU compiler takes these gradients as convolutions 2 (stride 2) and 3 to 7 times slower.
    on_cpu = of_input, functools.partial(_kernel_gradient, frames=frames, stride=stride, before=frames // 2)
    if stride > 1:
        on_cpu = functools.partial(_input_gradient, length=x.shape[1], stride=stride), on_cpu[1]
    elif _in_tiles(kernel, stride):
        of_tiles = functools.partial(_kernel_gradient, frames=frames // 3, group=2)
        by_tiles = functools.partial(toom_cook.kernel_gradient, frames=frames, of_tiles=of_tiles)
        on_cpu = toom_cook.input_gradient if min(kernel.shape[1:]) >= _WIDE else of_input, by_tiles
    return (
        jax.lax.platform_dependent(kernel, gradient, cpu=on_cpu[0], default=of_input),
        jax.lax.platform_dependent(x, gradient, cpu=on_cpu[1], default=of_kernel),
    )


def _input_gradient(kernel: jax.Array, gradient: jax.Array, *, length: int, stride: int) -> jax.Array:
    """One convolution for the input frames of each remainder by the stride, with the frames of the kernel they meet."""
    half, outputs, each = len(kernel) // 2, gradient.shape[1], -(-length // stride)
    phases = []
    for remainder in range(stride):
        first = (remainder + half) % stride
        met = kernel[first::stride][::-1]
        before = len(met) - 1 - (remainder + half - first) // stride
        padding = before, each + len(met) - 1 - outputs - before
        phases.append(_convolve(gradient, met, 1, padding, "WOI"))
    together = jnp.stack(phases, axis=2)
    return together.reshape(len(gradient), each * stride, -1)[:, :length]


def _kernel_gradient(
    x: jax.Array, gradient: jax.Array, *, frames: int, stride: int = 1, before: int = 0, group: int = 4
) -> jax.Array:
    """Matrix products of the input, shifted by the frames of the kernel, with the gradient: ``[frames, C, F]``.

    Narrow products are slow. So a row of the products is `group` neighbouring frames of the input: with 4, 9 frames of
    a kernel are 12 products of frames, but 3 wide ones. `before` frames of zeros stand in front of the input.
    """
    channels, features = x.shape[-1], gradient.shape[-1]
    group = max(1, group // stride)  # frames of the gradient; each goes with `stride` of the input
    steps = -(-gradient.shape[1] // group)
    shifts = -(-(-(-frames // stride) + group - 1) // group)
    inputs = _group(x, stride * group, before, steps + shifts - 1)
    rows = _group(gradient, group, 0, steps)
    products = [outer(inputs[:, k : k + steps], rows) for k in range(shifts)]
    each = jnp.stack(products).reshape(shifts * group * stride, channels, group, features)
    return sum(each[k * stride : k * stride + frames, :, k] for k in range(group))


def _group(x: jax.Array, frames: int, before: int, groups: int) -> jax.Array:
    """``[N, T, C] -> [N, groups, frames * C]``, `before` frames of zeros in front, behind as many as needed."""
    behind = groups * frames - before - x.shape[1]  # negative: the last frames meet no gradient
    x = jax.lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), (before, behind, 0), (0, 0, 0)))
    return jax.lax.optimization_barrier(x.reshape(len(x), groups, -1))  # one copy for all shifts


temporal_conv.defvjp(_forward, _backward)
