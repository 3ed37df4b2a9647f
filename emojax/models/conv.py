"""Convolutions with PyTorch's explicit padding, shared by the ported backbones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.convolve import convolve

# torch.nn.init.kaiming_normal_ (gain sqrt 2, not truncated) over inputs (DenseNet) or outputs (ResNet, VGG).
kaiming_fan_in = nn.initializers.variance_scaling(2.0, "fan_in", "normal")
kaiming_fan_out = nn.initializers.variance_scaling(2.0, "fan_out", "normal")


class PointwiseConv(nn.Module):
    """A 1x1 convolution as a matrix product, with the parameters of ``nn.Conv``.

    Of a convolution XLA's CPU compiler takes the kernel's gradient 2 to 6 times slower (measured on ResNet's
    and DenseNet's sizes).

    Attributes:
        features: channels of the output.
        stride: every how many-th row and column is taken.
        dtype: compute dtype; parameters stay float32.
        kernel_init: of the kernel ``[1, 1, C, features]``.
        use_bias: add ``bias [features]``.
    """

    features: int
    stride: int = 1
    dtype: Any = jnp.float32
    kernel_init: Any = kaiming_fan_out
    use_bias: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``[B, H, W, C] -> [B, H / stride, W / stride, features]``, sides rounded up."""
        kernel = self.param("kernel", self.kernel_init, (1, 1, x.shape[-1], self.features), jnp.float32)
        x = x.astype(self.dtype)[:, :: self.stride, :: self.stride]
        # Rows of features: of a product with axes of space XLA's CPU compiler copies a transposed map for the gradient.
        product = x.reshape(-1, x.shape[-1]) @ kernel[0, 0].astype(self.dtype)
        x = product.reshape(*x.shape[:-1], self.features)
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
            x += bias.astype(self.dtype)
        return x


class Conv(nn.Module):
    """A convolution with the parameters of ``nn.Conv`` whose gradient is quick on CPUs, too (`convolve`).

    Attributes:
        features: channels of the output.
        kernel_size: sides of the kernel.
        strides: from window to window, by axis.
        padding: zeros before and after, by axis.
        dtype: compute dtype; parameters stay float32.
        kernel_init: of the kernel ``[*kernel_size, C, features]``.
        use_bias: add ``bias [features]``.
    """

    features: int
    kernel_size: Sequence[int]
    strides: Sequence[int]
    padding: Sequence[tuple[int, int]]
    dtype: Any = jnp.float32
    kernel_init: Any = kaiming_fan_out
    use_bias: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``[B, *sizes, C] -> [B, *sizes', features]``."""
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        x = convolve(x.astype(self.dtype), kernel.astype(self.dtype), self.strides, self.padding)
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
            x += bias.astype(self.dtype)
        return x


def conv(
    features: int,
    kernel: int,
    stride: int = 1,
    *,
    dtype: Any,
    name: str,
    kernel_init=kaiming_fan_out,
    use_bias: bool = False,
) -> nn.Module:
    """A square convolution padded by ``kernel // 2`` on every side, as torch and torchvision do.

    Flax's SAME differs where the stride is 2: there it pads the bottom and the right only.
    """
    options = dict(use_bias=use_bias, dtype=dtype, kernel_init=kernel_init, name=name)
    if kernel == 1:
        return PointwiseConv(features, stride, **options)
    pad = kernel // 2
    return Conv(
        features,
        (kernel, kernel),
        (stride, stride),
        ((pad, pad), (pad, pad)),
        **options,
    )


class Classifier(nn.Module):
    """The linear layer of a published network, ``[B, D] -> [B, classes]`` in float32.

    Initialised like ``torch.nn.Linear``: weights and biases U(-1/sqrt(D), 1/sqrt(D)).
    """

    num_classes: int
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = x.astype(jnp.float32)
        uniform = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
        kernel = self.param("kernel", uniform, (x.shape[-1], self.num_classes), jnp.float32)
        logits = x @ kernel
        if self.use_bias:
            bound = x.shape[-1] ** -0.5
            logits += self.param("bias", _uniform(bound), (self.num_classes,), jnp.float32)
        return logits


def _uniform(bound: float):
    return lambda key, shape, dtype: jax.random.uniform(key, shape, dtype, -bound, bound)


def global_average_pool(x: jax.Array) -> jax.Array:
    """``[B, H, W, C] -> [B, C]``, averaged in float32."""
    return jnp.mean(x, axis=(1, 2), dtype=jnp.float32)
