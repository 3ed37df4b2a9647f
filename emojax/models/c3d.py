"""C3D: convolutions over time and space (Tran et al., ICCV 2015; image_sequences spec 2.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.max_pool import max_pool
from emojax.models.vgg_head import DenseLayers
from emojax.models.volume_conv import VolumeConv

# Block -> layers and width; pool1 keeps the time axis.
BLOCKS = (("a",), ("a",), ("a", "b"), ("a", "b"), ("a", "b"))
WIDTHS = (64, 128, 256, 512, 512)
POOL5_PADDINGS = ("same", "symmetric")


class C3D(nn.Module):
    """Eight 3x3x3 convolutions, five poolings, ``fc6`` and ``fc7``.

    Layers have the names of the Caffe model: ``conv1a`` ... ``conv5b``, ``fc6``, ``fc7``. Poolings round up in every
    axis, so 5 frames become 5, 3, 2, 1 and 1, and the 8192 inputs of ``fc6`` are those of the published net. All start
    as in He et al.; see `VolumeConv`.

    Attributes:
        widths: channels of the five blocks.
        fc_units: width of ``fc6`` and ``fc7``.
        dropout_rate: after ``fc6`` and ``fc7`` in training.
        pool5_pad: ``same`` pads the end alone; ``symmetric`` one row and column on both sides, as the Keras port of
            the published weights does.
        dense: whether ``fc6`` and ``fc7`` follow the convolutions.
        num_classes: width of ``fc8``; 0 for none.
        dtype: of the convolutions; parameters are float32.
    """

    widths: Sequence[int] = WIDTHS
    fc_units: int = 4096
    dropout_rate: float = 0.5
    pool5_pad: str = "same"
    dense: bool = True
    num_classes: int = 0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, keys: jax.Array | None = None) -> dict[str, jax.Array]:
        """Clips ``[B, T, H, W, C]`` -> ``pool1`` ... ``pool5`` ``[B, T', H', W', D]``, and the stages of `DenseLayers`.

        With `num_classes` also ``logits [B, num_classes]`` float32.

        Args:
            x: normalised frames.
            train: dropout; needs `keys`.
            keys: ``[B]``, a random key a clip.
        """
        stages, x = {}, x.astype(self.dtype)
        for block, (layers, width) in enumerate(zip(BLOCKS, self.widths), 1):
            for layer in layers:
                name = f"conv{block}{layer}"
                x = nn.relu(VolumeConv(width, self.dtype, name=name)(x))
            x = stages[f"pool{block}"] = self._pool(x, block)
        if self.dense:
            he = nn.initializers.he_normal()
            dense = DenseLayers(self.fc_units, self.dropout_rate, self.dtype, he, name="head")
            stages |= dense(x.reshape(x.shape[0], -1), train=train, keys=keys)
        if self.num_classes:
            stages["logits"] = nn.Dense(self.num_classes, name="fc8")(stages["features"].astype(jnp.float32))
        return stages

    def _pool(self, x: jax.Array, block: int) -> jax.Array:
        time = 1 if block == 1 else 2
        if block == len(BLOCKS) and self.pool5_pad == "symmetric":
            even = x.shape[1] % time
            return max_pool(x, (time, 2, 2), (time, 2, 2), ((0, even), (1, 1), (1, 1)))
        return max_pool(x, (time, 2, 2), (time, 2, 2), "SAME")
