"""The network that a config describes (image_sequences spec 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.engine.mesh import DATA_AXIS
from emojax.models.backbones import create_backbone
from emojax.models.c3d import C3D, WIDTHS
from emojax.models.constants import constant
from emojax.models.dropout import dropout
from emojax.models.recurrent import Recurrent, last_output
from emojax.models.time import fold_time, frame_keys, unfold_time
from emojax.models.vgg_head import HEADS, DenseLayers, pool_map
from emojax.systems.sequences.inputs import STAGE_COLUMN, streams_of

SHARED = "shared"  # name of the network of all streams
TINY_WIDTHS = (16, 32, 32, 64, 64)


class FrameFeatures(nn.Module):
    """Convolutions and pooling of every stream of a frame, and its geometry, side by side; then ``fc6`` and ``fc7``.

    Attributes:
        trunks: stream -> makes its convolutions, called with ``name``; None where its features come stored.
        head: of `HEADS`.
        units, dropout_rate: of the dense layers.
        frozen: the convolutions are not trained: no gradient is computed for them.
        dtype: of the dense layers.
        shared: one network, called `SHARED`, for all streams.
        branch_norm: layer norm of each stream's pooled maps and of the geometry.
    """

    trunks: Mapping[str, Callable[..., nn.Module] | None]
    head: str
    units: int
    dropout_rate: float
    frozen: bool
    dtype: Any
    shared: bool = False
    branch_norm: bool = False

    @nn.compact
    def __call__(
        self,
        inputs: Mapping[str, jax.Array],
        *,
        train: bool,
        mask: jax.Array | None = None,
        keys: jax.Array | None = None,
    ) -> dict[str, jax.Array]:
        """Pooled maps ``trunk_STREAM [N, D]``, stages of `DenseLayers` where the head has them, ``features [N, D]``.

        Args:
            inputs: stream -> normalised images ``[N, H, W, 3]``; ``geometry [N, G]``.
            train: dropout; needs `keys`.
            mask: ``[N]``, 0 for padding.
            keys: ``[N]`` random keys.
        """
        nets = self._nets()
        pooled = {f"trunk_{name}": self._pooled(nets[name], inputs[name], train, mask) for name in nets}
        parts = {**pooled, **({"geometry": inputs["geometry"]} if "geometry" in inputs else {})}
        if self.branch_norm:
            parts = {name: nn.LayerNorm(name=f"norm_{name}")(part) for name, part in parts.items()}
        x = jnp.concatenate(list(parts.values()), axis=-1)
        if not HEADS[self.head][1]:
            return {**pooled, "features": x}
        dense = DenseLayers(self.units, self.dropout_rate, self.dtype, name="head")
        return {**pooled, **dense(x, train=train, keys=keys)}

    def _nets(self) -> dict[str, nn.Module | None]:
        """The convolutions of each stream."""
        makers = self.trunks
        if self.shared and all(makers.values()):
            return dict.fromkeys(makers, next(iter(makers.values()))(name=SHARED))
        return {name: make and make(name=name) for name, make in makers.items()}

    def _pooled(self, net: nn.Module | None, x: jax.Array, train: bool, mask: jax.Array | None) -> jax.Array:
        """What the convolutions of a stream give, pooled, ``[N, D]`` float32; stored features as they are."""
        if net is None:
            return x
        maps = net(x, train=train and not self.frozen, mask=mask)["features"]
        pooled = pool_map(maps, HEADS[self.head][0])
        return jax.lax.stop_gradient(pooled) if self.frozen else pooled


class FrameNet(nn.Module):
    """Classifier of single frames: `FrameFeatures`, then ``fc8``.

    Attributes:
        frames: see there.
        num_classes: of the logits.
    """

    frames: FrameFeatures
    num_classes: int

    @nn.compact
    def __call__(self, inputs, *, train: bool, mask=None, keys=None) -> dict[str, jax.Array]:
        """As `FrameFeatures`, and ``logits [N, C]`` float32."""
        stages = self.frames(inputs, train=train, mask=mask, keys=keys)
        return {**stages, "logits": _classifier(self.num_classes)(stages["features"])}


class ClipNet(nn.Module):
    """Classifier of clips by C3D.

    Attributes:
        c3d: the network.
        num_classes: of the logits.
    """

    c3d: C3D
    num_classes: int

    @nn.compact
    def __call__(self, inputs, *, train: bool, mask=None, keys=None) -> dict[str, jax.Array]:
        """``inputs["clip"] [B, T, H, W, 3]`` -> the stages of `C3D` and ``logits [B, C]``."""
        stages = self.c3d(inputs["clip"], train=train, keys=keys)
        return {**stages, "logits": _classifier(self.num_classes)(stages["features"])}


class RecurrentNet(nn.Module):
    """Classifier of clips by recurrent layers on ``fc7`` of their frames.

    Attributes:
        frames: see `FrameFeatures`; None where `stage` comes stored.
        recurrent: the layers.
        num_classes: of the logits.
        stage: of the frames' features: ``fc7`` or ``fc7_linear``.
        reduced: project by the constants ``pca_mean [D]`` and ``pca_components [P, D]``; the frames' network is not
            trained then.
        dropout_rate: before the classifier.
        dense_units: of a dense layer with ReLU after the recurrent layers; 0 for none.
    """

    frames: FrameFeatures | None
    recurrent: Recurrent
    num_classes: int
    stage: str
    reduced: bool
    dropout_rate: float
    dense_units: int = 0

    @nn.compact
    def __call__(self, inputs, *, train: bool, mask=None, keys=None) -> dict[str, jax.Array]:
        """Stream -> images ``[B, T, H, W, 3]`` or features ``[B, T, D]``; without `frames`, ``frames [B, T, D]``.

        Gives ``sequence [B, T, D]`` and ``logits [B, C]`` float32.
        """
        x = self._stage(inputs, train, mask, keys) if self.frames is not None else inputs[STAGE_COLUMN]
        if self.reduced:
            x = jax.lax.stop_gradient(x - constant(self, "pca_mean"))
            x = jnp.dot(x, constant(self, "pca_components").T, precision=jax.lax.Precision.HIGHEST)
        hidden = last_output(self.recurrent(x))
        if self.dense_units:
            glorot = nn.initializers.glorot_uniform()
            hidden = nn.relu(nn.Dense(self.dense_units, kernel_init=glorot, name="dense")(hidden))
        if train and self.dropout_rate:
            hidden = dropout(hidden, keys, self.dropout_rate)
        return {"sequence": x, "logits": _classifier(self.num_classes)(hidden)}

    def _stage(self, inputs, train: bool, mask, keys) -> jax.Array:
        time = next(iter(inputs.values())).shape[1]
        rows = None if mask is None else jnp.repeat(mask, time)
        of_frames = None if keys is None else frame_keys(keys, time).reshape(-1)
        fixed = train and not self.reduced
        x = self.frames(fold_time(dict(inputs)), train=fixed, mask=rows, keys=of_frames)[self.stage]
        return unfold_time(x, time).astype(jnp.float32)


def build_net(config, num_classes: int, dtype) -> nn.Module:
    """`FrameNet`, `ClipNet` or `RecurrentNet`."""
    options = config.model
    if options.net == "c3d":
        widths = TINY_WIDTHS if options.backbone != "vggface" else WIDTHS
        c3d = C3D(widths, options.fc_units, options.dropout, options.pool5_pad, dtype=dtype)
        return ClipNet(c3d, num_classes)
    trunk = None if options.cached else _trunk(options.backbone, dtype)
    frames = FrameFeatures(
        dict.fromkeys(streams_of(config), trunk),
        options.head,
        options.fc_units,
        options.dropout,
        trunk_is_frozen(config),
        dtype,
        options.shared_trunk,
        options.branch_norm,
    )
    if options.net == "cnn":
        return FrameNet(frames, num_classes)
    recurrent = Recurrent(
        options.cell,
        options.rnn_units,
        options.rnn_layers,
        reset_after=options.gru_variant == "reset_after",
        dtype=dtype,
    )
    reduced = options.rnn_input == "features"
    frames = None if options.cached and reduced else frames
    return RecurrentNet(
        frames, recurrent, num_classes, options.feature, reduced, options.dropout, options.rnn_dense
    )


def trunk_is_frozen(config) -> bool:
    """Whether no convolution is trained."""
    factors = config.optimizer.factors
    return factors.first == 0 == factors.trunk


def _trunk(backbone: str, dtype) -> Callable[..., nn.Module]:
    return lambda name: create_backbone(backbone, dtype=dtype, axis_name=DATA_AXIS, module_name=name)


def _classifier(num_classes: int) -> nn.Module:
    return nn.Dense(num_classes, kernel_init=nn.initializers.glorot_uniform(), name="classifier")
