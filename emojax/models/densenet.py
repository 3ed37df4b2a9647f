"""DenseNet (Huang et al., CVPR 2017) in torchvision's arrangement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.norm import BatchNorm

# torchvision: kaiming_normal_ with its defaults (fan in, gain sqrt 2), not truncated.
_conv_init = nn.initializers.variance_scaling(2.0, "fan_in", "normal")


class DenseLayer(nn.Module):
    """BN, ReLU, Conv 1x1, BN, ReLU, Conv 3x3 on the concatenation of all earlier outputs of the block."""

    growth_rate: int
    bottleneck: int
    axis_name: str | None
    dtype: Any

    @nn.compact
    def __call__(self, features: Sequence[jax.Array], train: bool, mask: jax.Array | None) -> jax.Array:
        # The concatenation is inside, so that rematerialisation keeps the parts and not the growing whole.
        x = jnp.concatenate(features, axis=-1)
        for i, (kernel, width) in enumerate(
            ((1, self.bottleneck * self.growth_rate), (3, self.growth_rate)), 1
        ):
            x = BatchNorm(axis_name=self.axis_name, dtype=self.dtype, name=f"norm{i}")(
                x, train=train, mask=mask
            )
            x = _conv(width, kernel, 1, self.dtype, f"conv{i}")(nn.relu(x))
        return x


class DenseBlock(nn.Module):
    """`num_layers` dense layers; returns ``[B, H, W, C + num_layers * growth_rate]``."""

    num_layers: int
    growth_rate: int
    bottleneck: int
    axis_name: str | None
    dtype: Any
    remat: bool

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, mask: jax.Array | None) -> jax.Array:
        layer = nn.remat(DenseLayer, static_argnums=(2,)) if self.remat else DenseLayer
        features = [x]
        for i in range(1, self.num_layers + 1):
            sizes = (self.growth_rate, self.bottleneck, self.axis_name, self.dtype)
            features.append(layer(*sizes, name=f"denselayer{i}")(tuple(features), train, mask))
        return jnp.concatenate(features, axis=-1)


class Transition(nn.Module):
    """BN, ReLU, Conv 1x1 to `width` channels, AvgPool 2x2 (floor)."""

    width: int
    axis_name: str | None
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, mask: jax.Array | None) -> jax.Array:
        x = BatchNorm(axis_name=self.axis_name, dtype=self.dtype, name="norm")(x, train=train, mask=mask)
        x = _conv(self.width, 1, 1, self.dtype, "conv")(nn.relu(x))
        return nn.avg_pool(x, (2, 2), (2, 2))


class DenseNet(nn.Module):
    """DenseNet features without pooling and classifier (emotion_gcn spec 2.1).

    Module names follow torchvision's, so that its weights map by name.

    Attributes:
        block_sizes: dense layers in each block; (6, 12, 24, 16) is DenseNet-121.
        growth_rate: channels that a dense layer adds.
        stem_features: channels of the first convolution.
        small_stem: 3x3 stride-2 first convolution without pooling, for inputs of about 64 px.
        bottleneck: the 1x1 convolution has `bottleneck * growth_rate` channels.
        compression: share of the channels that a transition keeps.
        dtype: compute dtype; parameters and statistics stay float32.
        axis_name: mapped axis of the global batch, for the batch normalisation.
        remat: recompute each dense layer in the backward pass instead of keeping its activations.
    """

    block_sizes: Sequence[int] = (6, 12, 24, 16)
    growth_rate: int = 32
    stem_features: int = 64
    small_stem: bool = False
    bottleneck: int = 4
    compression: float = 0.5
    dtype: Any = jnp.float32
    axis_name: str | None = None
    remat: bool = False

    @property
    def feature_size(self) -> int:
        """Channels of the final map."""
        width = self.stem_features
        for i, layers in enumerate(self.block_sizes):
            width = (int(width * self.compression) if i else width) + layers * self.growth_rate
        return width

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, mask: jax.Array | None = None) -> dict[str, jax.Array]:
        """Activations after each stage.

        Args:
            x: normalised images ``[B, H, W, C]``.
            train: batch statistics in the normalisation layers.
            mask: ``[B]``, 0 for padding rows.

        Returns:
            ``stem``, ``pool`` (not with `small_stem`), ``denseblock1``, ``transition1``, ... and ``features``,
            the last batch normalisation (torchvision's ``norm5``) **before** any ReLU,
            ``[B, H', W', feature_size]``.
        """
        norm = dict(axis_name=self.axis_name, dtype=self.dtype)
        x = x.astype(self.dtype)
        stages = {}
        x = _conv(self.stem_features, 3 if self.small_stem else 7, 2, self.dtype, "conv0")(x)
        x = stages["stem"] = nn.relu(BatchNorm(**norm, name="norm0")(x, train=train, mask=mask))
        if not self.small_stem:
            x = stages["pool"] = nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for i, layers in enumerate(self.block_sizes, 1):
            block = DenseBlock(
                layers, self.growth_rate, self.bottleneck, **norm, remat=self.remat, name=f"denseblock{i}"
            )
            x = stages[f"denseblock{i}"] = block(x, train, mask)
            if i < len(self.block_sizes):
                width = int(x.shape[-1] * self.compression)
                x = stages[f"transition{i}"] = Transition(width, **norm, name=f"transition{i}")(
                    x, train, mask
                )
        stages["features"] = BatchNorm(**norm, name="norm5")(x, train=train, mask=mask)
        return stages


def _conv(features: int, kernel: int, stride: int, dtype, name: str) -> nn.Conv:
    # Explicit padding: SAME would pad the bottom and right only where the stride is 2.
    pad = kernel // 2
    return nn.Conv(
        features,
        (kernel, kernel),
        (stride, stride),
        ((pad, pad), (pad, pad)),
        use_bias=False,
        dtype=dtype,
        kernel_init=_conv_init,
        name=name,
    )
