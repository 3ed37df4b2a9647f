"""Xception (Chollet, CVPR 2017) in the layout of Keras' published weights."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.conv import Classifier, PointwiseConv, global_average_pool
from emojax.models.max_pool import max_pool
from emojax.models.norm import BatchNorm


class SeparableConv(nn.Module):
    """Depthwise 3x3 (SAME) and pointwise 1x1 convolution to `features`, without biases."""

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        options = dict(use_bias=False, dtype=self.dtype, kernel_init=nn.initializers.glorot_uniform())
        x = nn.Conv(channels, (3, 3), feature_group_count=channels, name="depthwise", **options)(x)
        return PointwiseConv(self.features, name="pointwise", **options)(x)


class Xception(nn.Module):
    """Xception features, and its classifier where asked for (affwild_cnn_rnn spec 2.3).

    Layers have Keras' names; the shortcuts, which Keras numbers by session, are ``block2_shortcut`` and so
    on. Padding is TensorFlow's SAME. Images are at least 71 px.

    Attributes:
        middle_blocks: blocks 5 to 12 of the middle flow.
        num_classes: width of the linear classifier (``predictions``); 0 for none.
        dtype: compute dtype; parameters and statistics stay float32.
        axis_name: mapped axis of the global batch, for the batch normalisation.
    """

    middle_blocks: int = 8
    num_classes: int = 0
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @property
    def feature_size(self) -> int:
        """Channels of the final map."""
        return 2048

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, mask: jax.Array | None = None) -> dict[str, jax.Array]:
        """Activations after each block.

        Args:
            x: images ``[B, H, W, C]``, published weights: RGB in [-1, 1].
            train: batch statistics in the normalisation layers.
            mask: ``[B]``, 0 for padding rows.

        Returns:
            ``block1`` ... ``block13`` and ``features`` (``block14_sepconv2_act``, after its ReLU,
            ``[B, H', W', 2048]``); with `num_classes` also ``logits`` ``[B, num_classes]``, float32.
        """
        block = _Blocks(train, mask, self.axis_name, self.dtype)
        stages = {}
        x = x.astype(self.dtype)
        x = nn.relu(block.conv(x, 32, 2, "block1_conv1"))
        x = stages["block1"] = nn.relu(block.conv(x, 64, 1, "block1_conv2"))
        for number, width in ((2, 128), (3, 256), (4, 728)):
            x = stages[f"block{number}"] = block.downsampling(
                x, (width, width), number, relu_first=number > 2
            )
        for number in range(5, 5 + self.middle_blocks):
            x = stages[f"block{number}"] = x + block.separable(x, (728,) * 3, number)
        number = 5 + self.middle_blocks
        x = stages[f"block{number}"] = block.downsampling(x, (728, 1024), number)
        for i, width in ((1, 1536), (2, 2048)):
            x = nn.relu(block.separable_norm(x, width, f"block{number + 1}_sepconv{i}"))
        stages["features"] = x
        if self.num_classes:
            stages["logits"] = Classifier(self.num_classes, name="predictions")(global_average_pool(x))
        return stages


class _Blocks:
    """The repeated parts of Xception, inside the module that calls them."""

    def __init__(self, train: bool, mask: jax.Array | None, axis_name: str | None, dtype: Any):
        self._train, self._mask, self._axis_name, self._dtype = train, mask, axis_name, dtype

    def norm(self, x, name):
        # Keras: epsilon 1e-3, momentum 0.99.
        layer = BatchNorm(
            momentum=0.99, epsilon=1e-3, axis_name=self._axis_name, dtype=self._dtype, name=name
        )
        return layer(x, train=self._train, mask=self._mask)

    def conv(self, x, features, stride, name):
        options = dict(use_bias=False, dtype=self._dtype, kernel_init=nn.initializers.glorot_uniform())
        x = nn.Conv(features, (3, 3), (stride, stride), "VALID", name=name, **options)(x)
        return self.norm(x, f"{name}_bn")

    def shortcut(self, x, features, name):
        options = dict(dtype=self._dtype, kernel_init=nn.initializers.glorot_uniform(), name=name)
        return self.norm(PointwiseConv(features, 2, **options)(x), f"{name}_bn")

    def separable_norm(self, x, features, name):
        return self.norm(SeparableConv(features, self._dtype, name=name)(x), f"{name}_bn")

    def separable(self, x, widths, number, relu_first=True):
        for i, width in enumerate(widths, 1):
            x = nn.relu(x) if relu_first or i > 1 else x
            x = self.separable_norm(x, width, f"block{number}_sepconv{i}")
        return x

    def downsampling(self, x, widths, number, relu_first=True):
        shortcut = self.shortcut(x, widths[-1], f"block{number}_shortcut")
        x = self.separable(x, widths, number, relu_first)
        return max_pool(x, (3, 3), (2, 2), "SAME") + shortcut
