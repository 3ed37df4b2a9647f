"""DenseNet (Huang et al., CVPR 2017) in torchvision's arrangement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.conv import Classifier, conv, global_average_pool, kaiming_fan_in
from emojax.models.max_pool import max_pool
from emojax.models.moments import Moments, join, moments
from emojax.models.norm import BatchNorm


class DenseLayer(nn.Module):
    """BN, ReLU, Conv 1x1, BN, ReLU, Conv 3x3 on the concatenation of all earlier outputs of the block."""

    growth_rate: int
    bottleneck: int
    axis_name: str | None
    dtype: Any

    @nn.compact
    def __call__(
        self, features: Sequence[jax.Array], known: Moments | None, train: bool, mask: jax.Array | None
    ) -> jax.Array:
        # The concatenation is inside, so that rematerialisation keeps the parts and not the growing whole.
        x = jnp.concatenate(features, axis=-1)
        options = dict(dtype=self.dtype, kernel_init=kaiming_fan_in)
        for i, kernel, width in ((1, 1, self.bottleneck * self.growth_rate), (2, 3, self.growth_rate)):
            norm = BatchNorm(axis_name=self.axis_name, dtype=self.dtype, name=f"norm{i}")
            x = nn.relu(norm(x, train=train, mask=mask, known=known if i == 1 else None))
            x = conv(width, kernel, name=f"conv{i}", **options)(x)
        return x


class DenseBlock(nn.Module):
    """`num_layers` dense layers; returns ``[B, H, W, C + num_layers * growth_rate]`` and, in training, its moments.

    Every layer normalises all maps before it. Their moments are taken once, when a map is made: taking them again in
    every layer reads a number of maps that grows with the square of the layers.
    """

    num_layers: int
    growth_rate: int
    bottleneck: int
    axis_name: str | None
    dtype: Any
    remat: bool

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, mask: jax.Array | None) -> tuple[jax.Array, Moments | None]:
        layer = nn.remat(DenseLayer, static_argnums=(3,)) if self.remat else DenseLayer
        axis_name = None if self.is_initializing() else self.axis_name
        features, known = [x], [moments(x, mask, axis_name)] if train else []
        for i in range(1, self.num_layers + 1):
            sizes = (self.growth_rate, self.bottleneck, self.axis_name, self.dtype)
            so_far = join(known) if train else None
            x = layer(*sizes, name=f"denselayer{i}")(tuple(features), so_far, train, mask)
            features.append(x)
            if train:
                known.append(moments(x, mask, axis_name))
        return jnp.concatenate(features, axis=-1), join(known) if train else None


class Transition(nn.Module):
    """BN, ReLU, Conv 1x1 to `width` channels, AvgPool 2x2 (floor)."""

    width: int
    axis_name: str | None
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, known: Moments | None, train: bool, mask: jax.Array | None) -> jax.Array:
        norm = BatchNorm(axis_name=self.axis_name, dtype=self.dtype, name="norm")
        x = norm(x, train=train, mask=mask, known=known)
        x = conv(self.width, 1, dtype=self.dtype, kernel_init=kaiming_fan_in, name="conv")(nn.relu(x))
        return nn.avg_pool(x, (2, 2), (2, 2))


class DenseNet(nn.Module):
    """DenseNet features, and its classifier where asked for (emotion_gcn spec 2.1).

    Module names follow torchvision's, so that its weights map by name.

    Attributes:
        block_sizes: dense layers in each block; (6, 12, 24, 16) is DenseNet-121.
        growth_rate: channels that a dense layer adds.
        stem_features: channels of the first convolution.
        bottleneck: the 1x1 convolution has `bottleneck * growth_rate` channels.
        compression: share of the channels that a transition keeps.
        num_classes: width of the linear classifier on the averaged, rectified features; 0 for none.
        dtype: compute dtype; parameters and statistics stay float32.
        axis_name: mapped axis of the global batch, for the batch normalisation.
        remat: recompute each dense layer in the backward pass instead of keeping its activations. For a step
            of DenseNet-121 on 8 images of 227 px in float32 the forward pass then keeps 371 MiB for the
            backward pass instead of 2,094 MiB. On a CPU that saves nothing once compiled: XLA plans 1,503 MiB of
            temporaries, and a step takes 1.3 to 1.4 s, with and without (2026-11-25, 2 x86-64 cores, jax
            0.10.2; ``python scripts/bench_backbones.py --networks densenet121 --size 227 --no-torch``, and
            with ``--remat``). Not yet measured on a GPU.
    """

    block_sizes: Sequence[int] = (6, 12, 24, 16)
    growth_rate: int = 32
    stem_features: int = 64
    bottleneck: int = 4
    compression: float = 0.5
    num_classes: int = 0
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
            ``stem``, ``pool``, ``denseblock1``, ``transition1``, ... and
            ``features``, the last batch normalisation (torchvision's ``norm5``) **before** any ReLU,
            ``[B, H', W', feature_size]``; with `num_classes` also ``logits`` ``[B, num_classes]``, float32.
        """
        norm = dict(axis_name=self.axis_name, dtype=self.dtype)
        x = x.astype(self.dtype)
        stages = {}
        options = dict(dtype=self.dtype, kernel_init=kaiming_fan_in)
        x = conv(self.stem_features, 7, 2, name="conv0", **options)(x)
        x = stages["stem"] = nn.relu(BatchNorm(**norm, name="norm0")(x, train=train, mask=mask))
        x = stages["pool"] = max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for i, layers in enumerate(self.block_sizes, 1):
            block = DenseBlock(
                layers, self.growth_rate, self.bottleneck, **norm, remat=self.remat, name=f"denseblock{i}"
            )
            x, known = block(x, train, mask)
            stages[f"denseblock{i}"] = x
            if i < len(self.block_sizes):
                width = int(x.shape[-1] * self.compression)
                x = stages[f"transition{i}"] = Transition(width, **norm, name=f"transition{i}")(
                    x, known, train, mask
                )
        x = stages["features"] = BatchNorm(**norm, name="norm5")(x, train=train, mask=mask, known=known)
        if self.num_classes:
            pooled = global_average_pool(nn.relu(x))
            stages["logits"] = Classifier(self.num_classes, name="classifier")(pooled)
        return stages
