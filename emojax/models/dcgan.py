"""Generator and discriminator of the Regression GAN, a DCGAN (Radford et al., ICLR 2016; affwild_gan spec 2.5-2.7)."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.dropout import dropout
from emojax.models.norm import BatchNorm

_small = nn.initializers.truncated_normal(0.02)
_START = 4  # side of the generator's first map
_MANY = 32  # channels of the input from which on the convolutions below are quicker than Flax's


class TransposedConv(nn.Module):
    """A transposed 5 x 5 convolution of stride 2 with SAME padding, that of ``nn.ConvTranspose``, parameters included.

    It is computed as convolutions to the four pixels that each pixel becomes: XLA's CPU compiler takes the gradient of
    a dilated convolution seven times slower. On a CPU they are four: one to all four multiplies by zeros (16 maps of 4
    x 4 x 512 to 256: 96 ms for the kernel's gradient, not 36; one core, 2026-11-27). Elsewhere they are one: it moves
    fewer bytes.

    Attributes:
        features: channels of the output.
        dtype: compute dtype; parameters are float32.
    """

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``[B, H, W, C] -> [B, 2 H, 2 W, features]``."""
        kernel = self.param("kernel", _small, (5, 5, x.shape[-1], self.features), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        rows = x.astype(self.dtype), kernel.astype(self.dtype)
        y = jax.lax.platform_dependent(*rows, cpu=_up_one_by_one, default=_up_together)
        batch, height, width, _ = x.shape
        y = y.reshape(batch, 2 * height, 2 * width, self.features)
        return y + bias.astype(self.dtype)


class StridedConv(nn.Module):
    """A 5 x 5 convolution of stride 2 with SAME padding of even sides, that of ``nn.Conv``, parameters included.

    It is computed as convolutions of squares of 2 x 2 pixels: XLA's CPU compiler takes the gradient of a strided
    convolution to few pixels sixty times slower (16 maps of 8 x 8 x 256 to 512: 2.9 s, not 0.04; one core, 2026-11-27).
    On a CPU they are four, one of each pixel of the square, elsewhere one: see `TransposedConv`.

    Attributes:
        features: channels of the output.
        dtype: compute dtype; parameters are float32.
    """

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``[B, 2 H, 2 W, C] -> [B, H, W, features]``."""
        kernel = self.param("kernel", _small, (5, 5, x.shape[-1], self.features), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        rows = x.astype(self.dtype), kernel.astype(self.dtype)
        y = jax.lax.platform_dependent(*rows, cpu=_down_one_by_one, default=_down_together)
        return y + bias.astype(self.dtype)


# Pixel 2 p of the larger side sees taps 1, 3 of the pixels p - 1, p of the smaller; 2 p + 1 taps 0, 2, 4 of three.
_TAPS = (slice(1, 4, 2), slice(0, 5, 2))
_UP, _DOWN = ((1, 0), (1, 1)), ((0, 1), (1, 1))  # padding of their convolutions


def _convolved(x: jax.Array, kernel: jax.Array, rows=(1, 1), columns=(1, 1)) -> jax.Array:
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), (rows, columns), dimension_numbers=layout)


def _up_one_by_one(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """``[B, H, 2, W, 2, features]``."""

    def row(i: int) -> jax.Array:
        columns = [_convolved(x, kernel[_TAPS[i]][:, _TAPS[j]], _UP[i], _UP[j]) for j in range(2)]
        return jnp.stack(columns, axis=3)

    return jnp.stack([row(0), row(1)], axis=2)


def _up_together(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """As `_up_one_by_one`."""
    phases = [c for rows in _phases(kernel, 0) for c in _phases(rows, 1)]
    y = _convolved(x, jnp.concatenate(phases, axis=-1))
    return y.reshape(*y.shape[:3], 2, 2, -1).swapaxes(2, 3)


def _phases(kernel: jax.Array, axis: int) -> tuple[jax.Array, jax.Array]:
    """Taps 1, 3 and none, and taps 0, 2, 4 of an axis of 5."""
    taps = [jax.lax.slice_in_dim(kernel, i, i + 1, axis=axis) for i in range(5)]
    even = jnp.concatenate([taps[1], taps[3], jnp.zeros_like(taps[0])], axis)
    return even, jnp.concatenate(taps[::2], axis)


def _down_one_by_one(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """``[B, H / 2, W / 2, features]``."""
    return sum(
        _convolved(x[:, i::2, j::2], kernel[_TAPS[i]][:, _TAPS[j]], _DOWN[i], _DOWN[j])
        for i in range(2)
        for j in range(2)
    )


def _down_together(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """As `_down_one_by_one`."""
    batch, height, width, channels = x.shape
    # Taps -1 to 3 of a pixel of the output, with one more before: three squares of two.
    taps = jnp.pad(kernel, ((1, 0), (1, 0), (0, 0), (0, 0))).reshape(3, 2, 3, 2, channels, -1)
    joint = taps.swapaxes(1, 2).reshape(3, 3, 4 * channels, -1)
    squares = x.reshape(batch, height // 2, 2, width // 2, 2, channels).swapaxes(2, 3)
    return _convolved(squares.reshape(batch, height // 2, width // 2, 4 * channels), joint)


class Generator(nn.Module):
    """Noise to a face: a projection to 4 x 4, then transposed 5 x 5 convolutions of stride 2.

    Batch norm and ReLU follow all but the last, which ends in tanh.

    Attributes:
        image_size: side of the pictures, 8 times a power of two, so that the last convolution but one has
            `base_channels` / 8 maps at 64 px.
        base_channels: of the 4 x 4 map; each convolution halves them.
        dtype: compute dtype; parameters and statistics stay float32.
        axis_name: mapped axis of the global batch.
    """

    image_size: int = 64
    base_channels: int = 512
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool, mask: jax.Array | None = None) -> jax.Array:
        """``z [B, Z] -> [B, S, S, 3]`` float32 in [-1, 1]; `mask [B]`: rows that the batch norms count."""
        channels = self.base_channels
        x = nn.Dense(_START * _START * channels, kernel_init=_small, dtype=self.dtype, name="project")(z)
        x = self._norm(x.reshape(z.shape[0], _START, _START, channels), "bn0", train, mask)
        layers = (self.image_size // _START).bit_length() - 1
        for i in range(1, layers):
            channels //= 2
            x = self._norm(self._up(x, channels, f"deconv{i}"), f"bn{i}", train, mask)
        return jnp.tanh(self._up(x, 3, f"deconv{layers}").astype(jnp.float32))

    def _up(self, x: jax.Array, features: int, name: str) -> jax.Array:
        options = {"dtype": self.dtype, "name": name}
        if x.shape[-1] >= _MANY:
            return TransposedConv(features, **options)(x)
        return nn.ConvTranspose(features, (5, 5), (2, 2), "SAME", kernel_init=_small, **options)(x)

    def _norm(self, x: jax.Array, name: str, train: bool, mask: jax.Array | None) -> jax.Array:
        options = {"dtype": self.dtype, "axis_name": self.axis_name, "name": name}
        return nn.relu(BatchNorm(**options)(x, train=train, mask=mask))


class Discriminator(nn.Module):
    """Valence, arousal and the logit of "drawn by the generator" of a picture (Table 4.1).

    Four 5 x 5 convolutions of stride 2, each followed by batch norm (but the first), leaky ReLU of 0.2 and dropout;
    then the mean over all positions and one linear layer.

    Attributes:
        base_channels: of the first convolution; each doubles them.
        rate: of dropout.
        outputs: of the linear layer.
        dtype: compute dtype; parameters and statistics stay float32.
        axis_name: mapped axis of the global batch.
    """

    base_channels: int = 64
    rate: float = 0.5
    outputs: int = 3
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool, mask: jax.Array | None = None, keys: jax.Array | None = None
    ) -> dict[str, jax.Array]:
        """``outputs [B, 3]`` float32, linear: valence, arousal, logit; ``features [B, 8 base_channels]``.

        Args:
            x: ``[B, S, S, 3]`` in [-1, 1].
            train: batch statistics.
            mask: ``[B]``, rows that the batch norms count.
            keys: for dropout, one a row ``[B]``; without them nothing is dropped.
        """
        x = x.astype(self.dtype)
        for i in range(4):
            x = self._conv(self.base_channels << i, many=x.shape[-1] >= _MANY, name=f"conv{i + 1}")(x)
            if i:
                norm = {"dtype": self.dtype, "axis_name": self.axis_name, "name": f"bn{i + 1}"}
                x = BatchNorm(**norm)(x, train=train, mask=mask)
            x = nn.leaky_relu(x, 0.2)
            if keys is not None and self.rate:
                layer = jax.vmap(lambda key, i=i: jax.random.fold_in(key, i))(keys)
                x = dropout(x, layer, self.rate)
        features = jnp.mean(x, axis=(1, 2), dtype=jnp.float32)
        return {
            "features": features,
            "outputs": nn.Dense(self.outputs, kernel_init=_small, name="head")(features),
        }

    def _conv(self, features: int, *, many: bool, name: str) -> nn.Module:
        if many:
            return StridedConv(features, self.dtype, name=name)
        return nn.Conv(features, (5, 5), (2, 2), "SAME", kernel_init=_small, dtype=self.dtype, name=name)
