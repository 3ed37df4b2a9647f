"""Convolutions over time and space, computed by convolutions of pictures."""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from emojax.models.convolve import convolve


class VolumeConv(nn.Module):
    """3x3x3, stride 1, padded by zeros in all axes; the parameters of ``nn.Conv``.

    The kernel starts as in He et al. (ICCV 2015), but only the inputs inside the clip count. The last layers of a
    short clip see one frame of three: with padding counted too they start so small that training shrinks them further
    and stays at chance.

    Attributes:
        features: channels of the output.
        dtype: compute dtype; parameters stay float32.
    """

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``[B, T, H, W, C] -> [B, T, H, W, features]``."""
        inside = math.prod((3 * side - 2) / side for side in x.shape[1:-1])
        he = nn.initializers.normal((2 / (inside * x.shape[-1])) ** 0.5)
        kernel = self.param("kernel", he, (3, 3, 3, x.shape[-1], self.features), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return volume_conv(x.astype(self.dtype), kernel.astype(self.dtype)) + bias.astype(self.dtype)


@jax.custom_vjp
def volume_conv(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The sum of what each picture of the kernel finds in the frames before, at and after each frame.

    XLA's CPU compiler computes a convolution of volumes 1.4 (whole size) to 5 times (32 px) slower, and also computes
    frames of the padding. Other devices convolve volumes: pictures move half as many bytes again.

    Args:
        x: ``[B, T, H, W, C]``.
        kernel: ``[3, 3, 3, C, D]``.

    Returns:
        ``[B, T, H, W, D]``.
    """
    return lax.platform_dependent(x, kernel, cpu=_of_pictures, default=_of_volumes)


def _forward(x, kernel):
    return volume_conv.fun(x, kernel), (x, kernel)


def _backward(kept, gradient):
    def pulled(convolution):
        return lambda x, kernel, gradient: jax.vjp(convolution, x, kernel)[1](gradient)

    cpu, default = pulled(_of_pictures), pulled(_of_volumes)
    return lax.platform_dependent(*kept, gradient, cpu=cpu, default=default)


volume_conv.defvjp(_forward, _backward)


def _of_volumes(x, kernel):
    layout = ("NDHWC", "DHWIO", "NDHWC")
    return lax.conv_general_dilated(x, kernel, (1, 1, 1), "SAME", dimension_numbers=layout)


def _of_pictures(x, kernel):
    batch, time, *picture = x.shape
    total = 0.0
    for place, offset in enumerate((-1, 0, 1)):
        before, after = max(0, -offset), max(0, offset)  # output frames that read the padding
        if before + after >= time:
            continue
        count = time - before - after
        frames = x[:, after : time - before].reshape(batch * count, *picture)
        found = convolve(frames, kernel[place], (1, 1), ((1, 1), (1, 1)))
        found = found.reshape(batch, count, *picture[:2], kernel.shape[-1])
        total = total + jnp.pad(found, ((0, 0), (before, after), (0, 0), (0, 0), (0, 0)))
    return total
