"""CNN-M with batch normalisation (affwild_gan spec 2.1)."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.conv import kaiming_fan_in
from emojax.models.max_pool import max_pool
from emojax.models.norm import BatchNorm

# width, kernel, stride, padding
_CONVOLUTIONS = (
    (96, 7, 2, "VALID"),
    (256, 5, 2, "SAME"),
    (512, 3, 1, "SAME"),
    (512, 3, 1, "SAME"),
    (512, 3, 1, "SAME"),
)
# after convolution: window, padding; stride 2
_POOLS = {1: (3, "VALID"), 2: (3, "SAME"), 5: (2, "SAME")}


class CNNM(nn.Module):
    """Five convolutions, each with batch normalisation and ReLU, and three max-poolings (rows 1 to 13).

    The fully connected layers (4096, 2) belong to the system that uses it. SAME is TensorFlow's.

    Attributes:
        dtype: compute dtype; parameters and statistics stay float32.
        axis_name: mapped axis of the global batch, for the batch normalisation.
    """

    dtype: Any = jnp.float32
    axis_name: str | None = None

    @property
    def feature_size(self) -> int:
        """Channels of the final map."""
        return _CONVOLUTIONS[-1][0]

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, mask: jax.Array | None = None) -> dict[str, jax.Array]:
        """Activations after each layer.

        Args:
            x: normalised images ``[B, H, W, C]``.
            train: batch statistics in the normalisation layers.
            mask: ``[B]``, 0 for padding rows.

        Returns:
            ``conv1`` ... ``conv5`` (after the ReLU), ``pool1``, ``pool2``, and ``features``, the last
            pooling (7x7x512 at 224 px).
        """
        stages = {}
        x = x.astype(self.dtype)
        for i, (width, kernel, stride, padding) in enumerate(_CONVOLUTIONS, 1):
            options = dict(dtype=self.dtype, kernel_init=kaiming_fan_in, name=f"conv{i}")
            x = nn.Conv(width, (kernel, kernel), (stride, stride), padding, **options)(x)
            norm = dict(momentum=0.99, epsilon=1e-3, axis_name=self.axis_name, dtype=self.dtype)
            x = stages[f"conv{i}"] = nn.relu(BatchNorm(**norm, name=f"bn{i}")(x, train=train, mask=mask))
            if i in _POOLS:
                window, padding = _POOLS[i]
                name = "features" if i == len(_CONVOLUTIONS) else f"pool{i}"
                x = stages[name] = max_pool(x, (window, window), (2, 2), padding)
        return stages
