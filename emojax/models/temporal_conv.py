"""Convolutions of skeleton sequences whose kernels' gradients are quick on a CPU."""

from __future__ import annotations

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

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
        """``[B, T, V, C] -> [B, T / stride, V, features]``, frames rounded up."""
        shape = (self.kernel, 1, x.shape[-1], self.features)
        kernel = self.param("kernel", kaiming_fan_out, shape, jnp.float32).astype(self.dtype)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return temporal_conv(x.astype(self.dtype), kernel, self.stride) + bias.astype(self.dtype)


@jax.custom_vjp
def joint_product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """``[..., C] @ [C, F]``."""
    return x @ kernel


def _product_backward(kept, gradient):
    x, kernel = kept

    def together(x, gradient):
        return jnp.einsum("...c,...f->cf", x, gradient)

    return gradient @ kernel.T, jax.lax.platform_dependent(x, gradient, cpu=_outer, default=together)


def _outer(x: jax.Array, gradient: jax.Array) -> jax.Array:
    """``[..., C]`` and ``[..., F]`` -> ``[C, F]``, summed; the gradient stands on the left, which CPU products like."""
    rows = gradient.reshape(-1, gradient.shape[-1])
    return jax.lax.dot_general(rows, x.reshape(-1, x.shape[-1]), (((0,), (0,)), ((), ()))).T


joint_product.defvjp(lambda x, kernel: (joint_product(x, kernel), (x, kernel)), _product_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def temporal_conv(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """``[B, T, V, C]`` with ``[K, 1, C, F]``, K odd, padded by K // 2 frames -> ``[B, ceil(T / stride), V, F]``."""
    half = kernel.shape[0] // 2
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, 1), ((half, half), (0, 0)), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _forward(x, kernel, stride):
    return temporal_conv(x, kernel, stride), (x, kernel)


def _backward(stride, kept, gradient):
    x, kernel = kept
    plain = temporal_conv.fun

    def of_input(kernel, gradient):
        return jax.vjp(lambda x: plain(x, kernel, stride), x)[1](gradient)[0]

    def of_kernel(x, gradient):
        return jax.vjp(lambda kernel: plain(x, kernel, stride), kernel)[1](gradient)[0]

    # XLA's CPU compiler takes these gradients as convolutions 2 (stride 2) and 3 to 7 times slower.
    by_phase = (
        functools.partial(_input_gradient, length=x.shape[1], stride=stride) if stride > 1 else of_input
    )
    by_products = functools.partial(_kernel_gradient, frames=kernel.shape[0], stride=stride)
    return (
        jax.lax.platform_dependent(kernel, gradient, cpu=by_phase, default=of_input),
        jax.lax.platform_dependent(x, gradient, cpu=by_products, default=of_kernel),
    )


def _input_gradient(kernel: jax.Array, gradient: jax.Array, *, length: int, stride: int) -> jax.Array:
    """One convolution for the input frames of each remainder by the stride, with the frames of the kernel they meet."""
    half, outputs, each = len(kernel) // 2, gradient.shape[1], -(-length // stride)
    phases = []
    for remainder in range(stride):
        first = (remainder + half) % stride
        met = kernel[first::stride][::-1]
        before = len(met) - 1 - (remainder + half - first) // stride
        padding = (before, each + len(met) - 1 - outputs - before), (0, 0)
        phases.append(
            jax.lax.conv_general_dilated(
                gradient, met, (1, 1), padding, dimension_numbers=("NHWC", "HWOI", "NHWC")
            )
        )
    together = jnp.stack(phases, axis=2)
    return together.reshape(len(gradient), each * stride, *together.shape[3:])[:, :length]


def _kernel_gradient(x: jax.Array, gradient: jax.Array, *, frames: int, stride: int) -> jax.Array:
    """Matrix products of the input, shifted by the frames of the kernel, with the gradient: ``[frames, 1, C, F]``.

    Narrow products are slow. So with stride 1 a row of the products is a group of 2 or 4 neighbouring frames: 10 or 12
    products of frames instead of 9, but fewer and wider ones.
    """
    half, length, channels = frames // 2, gradient.shape[1], x.shape[-1]
    group = 1 if stride > 1 else 2 if channels > 128 else 4
    steps, shifts = -(-length // group), -(-(frames + group - 1) // group)
    last = stride * (steps - 1) + 1
    inputs = _group(x, group, half, last + shifts - 1)
    rows = _group(gradient, group, 0, steps)
    products = [_outer(inputs[:, k : k + last : stride], rows) for k in range(shifts)]
    each = jnp.stack(products).reshape(shifts * group, channels, group, gradient.shape[-1])
    return sum(each[k : k + frames, :, k] for k in range(group))[:, None]


def _group(x: jax.Array, frames: int, before: int, groups: int) -> jax.Array:
    """``[B, T, V, C] -> [B, groups, V, frames * C]``, `before` frames of zeros in front, behind as many as needed."""
    batch, length, joints, channels = x.shape
    behind = groups * frames - before - length  # negative: the last frames meet no gradient
    x = jax.lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), (before, behind, 0), (0, 0, 0), (0, 0, 0)))
    x = x.reshape(batch, groups, frames, joints, channels).transpose(0, 1, 3, 2, 4)
    x = x.reshape(batch, groups, joints, frames * channels)
    return jax.lax.optimization_barrier(x) if frames > 1 else x  # one copy for all shifts


temporal_conv.defvjp(_forward, _backward)
