"""Backbone, pooling and head of a face network."""

from __future__ import annotations

import flax.linen as nn
import jax

from emojax.models.pooling import global_pool


class FaceNet(nn.Module):
    """Outputs of one head on the pooled features of one backbone.

    Attributes:
        backbone: see `emojax.models.backbones.create_backbone`.
        head: see `emojax.models.heads`; takes x ``[B, D]``.
        pool: ``max`` or ``avg``.
        final_relu: ReLU before pooling.
        decoder: of the last feature map, e.g. `emojax.models.heads.MaskDecoder`; None for none.
    """

    backbone: nn.Module
    head: nn.Module
    pool: str
    final_relu: bool
    decoder: nn.Module | None = None

    @nn.compact
    def __call__(
        self, images: jax.Array, *, train: bool, mask: jax.Array | None = None
    ) -> dict[str, jax.Array]:
        """Normalised images ``[B, H, W, 3]`` -> the head's outputs and ``embedding [B, D]``, float32."""
        feature_map = self.backbone(images, train=train, mask=mask)["features"]
        x = global_pool(feature_map, mode=self.pool, final_relu=self.final_relu)
        decoded = self.decoder(feature_map, train=train, mask=mask) if self.decoder else {}
        return {**self.head(x), **decoded, "embedding": x}
