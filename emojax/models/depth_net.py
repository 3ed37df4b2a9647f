"""The baseline CNN on depth maps (context_emotion spec 2.2, thesis 000 l.7071-7076)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.heads import uniform_by_input
from emojax.models.max_pool import max_pool
from emojax.models.norm import BatchNorm
from emojax.models.pose_nets import DenseStack


class DepthCNN(nn.Module):
    """Five convolutions without padding, each with batch norm, ReLU and max-pool, and one dense layer.

    Attributes:
        filters: of the convolutions; the first kernel is 5x5, the others 3x3 (widths: spec 10, G5).
        features: width of the dense layer.
        dtype: dtype of the convolutions.
        axis_name: mapped axis over which batch statistics are taken; None for one device.
    """

    filters: Sequence[int] = (32, 64, 128, 256, 512)
    features: int = 512
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @property
    def feature_size(self) -> int:
        return self.features

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, mask: jax.Array | None = None) -> dict[str, jax.Array]:
        """Normalised depth maps ``[B, H, W, 3]``, H and W >= 64 -> ``{"features": [B, features]}``."""
        x = x.astype(self.dtype)
        for i, filters in enumerate(self.filters):
            size = 3 if i else 5
            conv = nn.Conv(
                filters,
                (size, size),
                padding="VALID",
                kernel_init=uniform_by_input(size * size * x.shape[-1]),
                use_bias=False,
                dtype=self.dtype,
                name=f"conv_{i}",
            )
            norm = BatchNorm(axis_name=self.axis_name, dtype=self.dtype, name=f"conv_norm_{i}")
            x = nn.relu(norm(conv(x), train=train, mask=mask))
            x = max_pool(x, (2, 2), (2, 2), ((1, 1), (1, 1)))
        stack = DenseStack((self.features,), self.axis_name, name="dense")
        return {"features": stack(x.reshape(x.shape[0], -1), train=train, mask=mask)}
