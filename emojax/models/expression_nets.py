"""Two small networks of others that name the expression of a face: finished ones, whose weights are imported.

Sources: mini-Xception, Arriaga et al. (2017); the expression network of face-api.js (four blocks of depthwise separable
convolutions whose outputs are added).
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.norm import BatchNorm
from emojax.models.xception import SeparableConv

_GREY = (0.299, 0.587, 0.114)
_FACE_API_MEAN = (122.782, 117.001, 104.298)


class MiniXception(nn.Module):
    """mini-Xception of FER2013; modules have the names of the layers in Keras."""

    classes = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    image_size = 64
    box_margin = 0.0

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        """uint8 RGB ``[B, 64, 64, 3]`` -> logits ``[B, 7]``."""
        grey = images.astype(jnp.float32) @ jnp.array(_GREY)
        x = (grey[..., None] / 255 - 0.5) * 2
        for i in (1, 2):
            x = nn.Conv(8, (3, 3), padding="VALID", use_bias=False, name=f"conv2d_{i}")(x)
            x = nn.relu(self._norm(x, i))
        for block, width in enumerate((16, 32, 64, 128)):
            shortcut = nn.Conv(width, (1, 1), (2, 2), use_bias=False, name=f"conv2d_{block + 3}")(x)
            first = 3 * block + 3
            shortcut = self._norm(shortcut, first)
            x = SeparableConv(width, name=f"separable_conv2d_{2 * block + 1}")(x)
            x = nn.relu(self._norm(x, first + 1))
            x = SeparableConv(width, name=f"separable_conv2d_{2 * block + 2}")(x)
            x = nn.max_pool(self._norm(x, first + 2), (3, 3), (2, 2), "SAME") + shortcut
        return jnp.mean(nn.Conv(7, (3, 3), name="conv2d_7")(x), (1, 2))

    def _norm(self, x: jax.Array, number: int) -> jax.Array:
        return BatchNorm(epsilon=1e-3, name=f"batch_normalization_{number}")(x, train=False)


class FaceApiNet(nn.Module):
    """The expression network of face-api.js; modules have the names of its tensors."""

    classes = ("neutral", "happy", "sad", "anger", "fear", "disgust", "surprise")
    image_size = 112
    box_margin = 0.1

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        """uint8 RGB ``[B, 112, 112, 3]`` -> logits ``[B, 7]``."""
        x = (images.astype(jnp.float32) - jnp.array(_FACE_API_MEAN)) / 255
        for i, width in enumerate((32, 64, 128, 256)):
            x = _Block(width, is_first=i == 0, name=f"dense{i}")(x)
        return nn.Dense(7, name="fc")(jnp.mean(x, (1, 2)))


class _Block(nn.Module):
    width: int
    is_first: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        if self.is_first:
            total = nn.relu(nn.Conv(self.width, (3, 3), (2, 2), name="conv0")(x))
        else:
            total = nn.relu(_Separable(self.width, 2, name="conv0")(x))
        last = total
        for i in (1, 2, 3):
            last = _Separable(self.width, 1, name=f"conv{i}")(nn.relu(total) if i > 1 else last)
            total = total + last
        return nn.relu(total)


class _Separable(nn.Module):
    width: int
    stride: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels, strides = x.shape[-1], (self.stride, self.stride)
        x = nn.Conv(
            channels, (3, 3), strides, feature_group_count=channels, use_bias=False, name="depthwise"
        )(x)
        return nn.Conv(self.width, (1, 1), name="pointwise")(x)


NETS: dict[str, type[MiniXception] | type[FaceApiNet]] = {
    "mini_xception": MiniXception,
    "face_api": FaceApiNet,
}
