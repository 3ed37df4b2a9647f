"""VGG-16 and VGG-19 (Simonyan & Zisserman, 2015), with and without batch normalisation, and VGG-Face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.conv import conv
from emojax.models.max_pool import max_pool
from emojax.models.norm import BatchNorm

_WIDTHS = (64, 128, 256, 512, 512)
# torchvision's VGG: linear layers N(0, 0.01), no bias at the start.
_linear_init = nn.initializers.normal(0.01)


class VGG(nn.Module):
    """Five blocks of 3x3 convolutions, and the three fully connected layers where asked for.

    VGG-Face (Parkhi et al., BMVC 2015) is the 16-layer network with 2622 classes and its own input coding
    (image_sequences spec 2.1). Layers have the original names: ``conv1_1`` ... ``conv5_3``, ``fc6``, ``fc7``,
    ``fc8``.

    Attributes:
        block_sizes: convolutions in each block; (2, 2, 3, 3, 3) is VGG-16.
        batch_norm: batch normalisation between convolution and ReLU.
        num_classes: width of ``fc8``; 0 for a network without fully connected layers. The size of ``fc6``
            depends on that of the images (published weights: 224 to 255 px).
        fc_units: width of ``fc6`` and ``fc7``.
        dropout_rate: after ``fc6`` and ``fc7`` in training; needs the random stream ``dropout``.
        dtype: compute dtype; parameters and statistics stay float32.
        axis_name: mapped axis of the global batch, for the batch normalisation.
    """

    block_sizes: Sequence[int] = (2, 2, 3, 3, 3)
    batch_norm: bool = False
    num_classes: int = 0
    fc_units: int = 4096
    dropout_rate: float = 0.5
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @property
    def feature_size(self) -> int:
        """Channels of the final map."""
        return _WIDTHS[len(self.block_sizes) - 1]

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, mask: jax.Array | None = None) -> dict[str, jax.Array]:
        """Activations after each block.

        Args:
            x: normalised images ``[B, H, W, C]``.
            train: batch statistics in the normalisation layers, dropout in the fully connected ones.
            mask: ``[B]``, 0 for padding rows.

        Returns:
            ``pool1`` ... ``pool4``, ``conv5`` (last ReLU before the last pooling) and ``features``
            (``pool5``, ``[B, H // 32, W // 32, 512]``); with `num_classes` also ``fc6``, ``fc7`` (after the
            ReLU) and ``logits`` ``[B, num_classes]``, float32.
        """
        stages = {}
        x = x.astype(self.dtype)
        for block, layers in enumerate(self.block_sizes, 1):
            for i in range(1, layers + 1):
                width = _WIDTHS[block - 1]
                x = conv(width, 3, dtype=self.dtype, use_bias=True, name=f"conv{block}_{i}")(x)
                if self.batch_norm:
                    norm = BatchNorm(axis_name=self.axis_name, dtype=self.dtype, name=f"bn{block}_{i}")
                    x = norm(x, train=train, mask=mask)
                x = nn.relu(x)
            last = block == len(self.block_sizes)
            if last:
                stages[f"conv{block}"] = x
            x = stages["features" if last else f"pool{block}"] = max_pool(x, (2, 2), (2, 2))
        return {**stages, **self._fully_connected(x, train)} if self.num_classes else stages

    def _fully_connected(self, x: jax.Array, train: bool) -> dict[str, jax.Array]:
        stages = {}
        x = x.reshape(x.shape[0], -1)
        for name in ("fc6", "fc7"):
            dense = nn.Dense(self.fc_units, dtype=self.dtype, kernel_init=_linear_init, name=name)
            x = stages[name] = nn.relu(dense(x))
            x = nn.Dropout(self.dropout_rate, deterministic=not train)(x)
        head = nn.Dense(self.num_classes, dtype=jnp.float32, kernel_init=_linear_init, name="fc8")
        return {**stages, "logits": head(x)}
