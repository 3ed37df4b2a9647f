"""ResNet (He et al., CVPR 2016) in torchvision's arrangement, and Places365's Wide-ResNet-18."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.conv import Classifier, conv, global_average_pool
from emojax.models.max_pool import max_pool
from emojax.models.norm import BatchNorm


class ResidualBlock(nn.Module):
    """Basic (3x3, 3x3) or bottleneck (1x1, 3x3 with the stride, 1x1 to 4 times the width) block.

    Attributes:
        width: channels of the 3x3 convolutions.
        stride: of the block.
        bottleneck: which of the two.
    """

    width: int
    stride: int
    bottleneck: bool
    axis_name: str | None
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, mask: jax.Array | None) -> jax.Array:
        def conv_norm(x, features, kernel, stride, names):
            x = conv(features, kernel, stride, dtype=self.dtype, name=names[0])(x)
            norm = BatchNorm(axis_name=self.axis_name, dtype=self.dtype, name=names[1])
            return norm(x, train=train, mask=mask)

        if self.bottleneck:
            # The stride is in the 3x3 convolution ("ResNet v1.5"), as in torchvision's weights.
            layers = ((self.width, 1, 1), (self.width, 3, self.stride), (4 * self.width, 1, 1))
        else:
            layers = ((self.width, 3, self.stride), (self.width, 3, 1))
        out = x
        for i, layer in enumerate(layers, 1):
            out = conv_norm(out if i == 1 else nn.relu(out), *layer, (f"conv{i}", f"bn{i}"))
        if x.shape != out.shape:
            names = ("downsample_conv", "downsample_bn")
            x = conv_norm(x, out.shape[-1], 1, self.stride, names)
        return nn.relu(out + x)


class ResNet(nn.Module):
    """ResNet features, and its classifier where asked for (emotion_gcn spec 2.3, context_emotion spec 2.2).

    The number of input channels is that of the images (3 RGB, 10 flow, 15 RGB difference). Module names
    follow torchvision's, so that its weights map by name.

    Attributes:
        stage_sizes: residual blocks in each stage; (2, 2, 2, 2) is ResNet-18.
        bottleneck: bottleneck instead of basic blocks.
        width: channels of the first convolution and stage; each further stage doubles them.
        stem_pool: max-pool after the first convolution; Places365's Wide-ResNet-18 has none, so that
            its last map is 14x14 at 224 px.
        num_classes: width of the linear classifier; 0 for none.
        num_attributes: width of a second linear layer without bias (the 102 SUN attributes that Places365
            publishes for its Wide-ResNet-18); 0 for none.
        dtype: compute dtype; parameters and statistics stay float32.
        axis_name: mapped axis of the global batch, for the batch normalisation.
    """

    stage_sizes: Sequence[int]
    bottleneck: bool
    width: int = 64
    stem_pool: bool = True
    num_classes: int = 0
    num_attributes: int = 0
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @property
    def feature_size(self) -> int:
        """Channels of the final map."""
        return self.width * 2 ** (len(self.stage_sizes) - 1) * (4 if self.bottleneck else 1)

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        *,
        train: bool,
        mask: jax.Array | None = None,
        before_last_stage: Callable[[jax.Array], jax.Array] | None = None,
    ) -> dict[str, jax.Array]:
        """Activations after each stage.

        Args:
            x: normalised images ``[B, H, W, C]``.
            train: batch statistics in the normalisation layers.
            mask: ``[B]``, 0 for padding rows.
            before_last_stage: what the last stage sees in place of its input, e.g. the input weighted by
                an attention map.

        Returns:
            ``stem`` (after the ReLU), ``pool``, ``layer1`` ... ``layer3``, ``features`` (torchvision's
            ``layer4`` after its ReLU, ``[B, H', W', feature_size]``); where there are classifiers,
            ``logits`` ``[B, num_classes]`` and ``attribute_logits`` ``[B, num_attributes]``, float32.
        """
        norm = dict(axis_name=self.axis_name, dtype=self.dtype)
        stages = {}
        x = conv(self.width, 7, 2, dtype=self.dtype, name="conv1")(x.astype(self.dtype))
        x = stages["stem"] = nn.relu(BatchNorm(**norm, name="bn1")(x, train=train, mask=mask))
        if self.stem_pool:
            x = stages["pool"] = max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for stage, blocks in enumerate(self.stage_sizes):
            if before_last_stage and stage == len(self.stage_sizes) - 1:
                x = before_last_stage(x)
            for i in range(blocks):
                stride = 2 if stage and i == 0 else 1
                name = f"layer{stage + 1}_{i}"
                width = self.width * 2**stage
                x = ResidualBlock(width, stride, self.bottleneck, **norm, name=name)(x, train, mask)
            stages["features" if stage == len(self.stage_sizes) - 1 else f"layer{stage + 1}"] = x
        if self.num_classes:
            stages["logits"] = Classifier(self.num_classes, name="fc")(global_average_pool(x))
        if self.num_attributes:
            head = Classifier(self.num_attributes, use_bias=False, name="attributes")
            stages["attribute_logits"] = head(global_average_pool(x))
        return stages
