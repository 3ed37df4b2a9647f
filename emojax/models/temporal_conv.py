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


class JointConv(nn.Module):
    """A matrix product with the features of each joint; the parameters of a 1x1 ``nn.Conv`` with a bias.

    Attributes:
        features: channels of the output.
        dtype: compute dtype; parameters stay float32.
    """

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``[B, T, V, C] -> [B, T, V, features]``."""
        shape = (1, 1, x.shape[-1], self.features)
        kernel = self.param("kernel", kaiming_fan_out, shape, jnp.float32).astype(self.dtype)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return joint_product(x.astype(self.dtype), kernel[0, 0]) + bias.astype(self.dtype)


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
    (of_x,) = jax.vjp(lambda x: plain(x, kernel, stride), x)[1](gradient)

    def by_convolution(x, gradient):
        return jax.vjp(lambda kernel: plain(x, kernel, stride), kernel)[1](gradient)[0]

    # XLA's CPU compiler takes this gradient as a convolution 3 to 7 times slower.
    by_products = functools.partial(_kernel_gradient, frames=kernel.shape[0], stride=stride)
    of_kernel = jax.lax.platform_dependent(x, gradient, cpu=by_products, default=by_convolution)
    return of_x, of_kernel


def _kernel_gradient(x: jax.Array, gradient: jax.Array, *, frames: int, stride: int) -> jax.Array:
    """One matrix product a frame of the kernel."""
    half, length = frames // 2, gradient.shape[1]
    padded = jnp.pad(x, ((0, 0), (half, half), (0, 0), (0, 0)))
    last = stride * (length - 1) + 1
    products = [_outer(padded[:, k : k + last : stride], gradient) for k in range(frames)]
    return jnp.stack(products)[:, None]


temporal_conv.defvjp(_forward, _backward)
