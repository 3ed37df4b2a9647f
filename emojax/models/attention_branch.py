"""The attention branch of a ResNet stream (context_emotion spec 2.4; Fukui et al., CVPR 2019)."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.conv import conv, global_average_pool
from emojax.models.norm import BatchNorm
from emojax.models.resnet import ResidualBlock


class AttentionBranch(nn.Module):
    """A copy of the last stage with stride 1 that classifies and, on the way, draws an attention map.

    Attributes:
        num_classes: K labels.
        width: of the last stage's blocks, e.g. 512.
        blocks: number of blocks of the last stage.
        bottleneck: kind of the blocks.
        dtype: compute dtype.
        axis_name: mapped axis over which batch statistics are taken; None for one device.
    """

    num_classes: int
    width: int
    blocks: int
    bottleneck: bool
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, g: jax.Array, *, train: bool, mask: jax.Array | None = None) -> dict[str, jax.Array]:
        """Input of the last stage ``[B, h, w, C]`` -> what the branch says of it.

        Returns:
            ``map [B, h, w, 1]`` in [0, 1] of the compute dtype, ``logits [B, K]`` float32.
        """
        options = dict(axis_name=self.axis_name, dtype=self.dtype)

        def norm(x, name):
            return BatchNorm(**options, name=name)(x, train=train, mask=mask)

        x = g
        for i in range(self.blocks):
            block = ResidualBlock(self.width, 1, self.bottleneck, **options, name=f"block_{i}")
            x = block(x, train, mask)
        x = conv(self.num_classes, 1, dtype=self.dtype, name="to_classes")(norm(x, "norm_in"))
        u = nn.relu(norm(x, "norm_classes"))
        heat = conv(1, 3, dtype=self.dtype, name="to_map")(u)
        scores = conv(self.num_classes, 1, dtype=self.dtype, name="to_logits")(u)
        return {"map": nn.sigmoid(norm(heat, "norm_map")), "logits": global_average_pool(scores)}
