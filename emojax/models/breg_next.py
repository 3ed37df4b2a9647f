"""BReG-NeXt (Hasani et al., IEEE T-AFFC 2020): residual layers with a bounded-gradient shortcut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.conv import Classifier, conv, global_average_pool
from emojax.models.norm import BatchNorm

_SMALLEST_SLOPE = 1e-4


class BoundedResidualLayer(nn.Module):
    """Two times BN, ELU, Conv 3x3; plus the shortcut ``atan(a x / r) / (a r)``, ``r = sqrt(c^2 + 1)``.

    The two scalars `a` and `c` are trained and start at 1. A stride of 2 average-pools the shortcut; new
    channels are zeros, half on each side. There is no activation after the sum.
    """

    width: int
    stride: int
    axis_name: str | None
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, mask: jax.Array | None) -> jax.Array:
        out = x
        for i, stride in enumerate((self.stride, 1), 1):
            norm = BatchNorm(axis_name=self.axis_name, dtype=self.dtype, name=f"norm{i}")
            out = nn.elu(norm(out, train=train, mask=mask))
            init = nn.initializers.he_uniform()
            options = dict(dtype=self.dtype, kernel_init=init, use_bias=True, name=f"conv{i}")
            out = conv(self.width, 3, stride, **options)(out)
        return out + self._shortcut(x)

    def _shortcut(self, x: jax.Array) -> jax.Array:
        a = self.param("a", nn.initializers.ones, (), jnp.float32)
        c = self.param("c", nn.initializers.ones, (), jnp.float32)
        # The limit for a -> 0 is x / r^2; the floor keeps the quotient defined on the way there.
        slope = jnp.where(jnp.abs(a) < _SMALLEST_SLOPE, jnp.where(a < 0, -1, 1) * _SMALLEST_SLOPE, a)
        root = jnp.sqrt(jnp.square(c) + 1)
        x = (jnp.arctan(slope / root * x) / (slope * root)).astype(x.dtype)
        if self.stride > 1:
            x = nn.avg_pool(x, (self.stride, self.stride), (self.stride, self.stride))
        missing = self.width - x.shape[-1]
        return jnp.pad(x, ((0, 0), (0, 0), (0, 0), (missing // 2, missing - missing // 2)))


class BReGNeXt(nn.Module):
    """BReG-NeXt-50 features, and its classifier where asked for (emotion_gcn spec 2.4).

    Height and width of the images are divisible by 4.

    Attributes:
        stage_sizes: residual layers of each width; from the second stage on the first layer has stride 2.
        widths: channels of each stage.
        num_classes: width of the linear classifier; 0 for none.
        dtype: compute dtype; parameters and statistics stay float32.
        axis_name: mapped axis of the global batch, for the batch normalisation.
    """

    stage_sizes: Sequence[int] = (7, 9, 8)
    widths: Sequence[int] = (32, 64, 128)
    num_classes: int = 0
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @property
    def feature_size(self) -> int:
        """Channels of the final map."""
        return self.widths[-1]

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, mask: jax.Array | None = None) -> dict[str, jax.Array]:
        """Activations after each stage.

        Args:
            x: normalised images ``[B, H, W, C]``.
            train: batch statistics in the normalisation layers.
            mask: ``[B]``, 0 for padding rows.

        Returns:
            ``stem``, ``stage1`` ... ``stage3`` and ``features`` (after the last BN and ELU, to be averaged;
            28x28x128 at 112 px); with `num_classes` also ``logits`` ``[B, num_classes]``, float32.
        """
        norm = dict(axis_name=self.axis_name, dtype=self.dtype)
        init = nn.initializers.he_uniform()
        stem = conv(self.widths[0], 3, dtype=self.dtype, kernel_init=init, use_bias=True, name="conv0")
        x = stem(x.astype(self.dtype))
        stages = {"stem": x}
        for stage, (layers, width) in enumerate(zip(self.stage_sizes, self.widths), 1):
            for i in range(layers):
                stride = 2 if stage > 1 and i == 0 else 1
                x = BoundedResidualLayer(width, stride, **norm, name=f"stage{stage}_{i}")(x, train, mask)
            stages[f"stage{stage}"] = x
        x = stages["features"] = nn.elu(BatchNorm(**norm, name="norm")(x, train=train, mask=mask))
        if self.num_classes:
            stages["logits"] = Classifier(self.num_classes, name="fc0")(global_average_pool(x))
        return stages
