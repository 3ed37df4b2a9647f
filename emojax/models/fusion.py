"""Fusion of streams and the heads on it (context_emotion spec 2.1, 2.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from emojax.errors import ConfigError
from emojax.models.attention_branch import AttentionBranch
from emojax.models.constants import CONSTANTS, constant
from emojax.models.dropout import dropout
from emojax.models.gcn import PRECISION, LabelGCN
from emojax.models.heads import dense
from emojax.models.norm import BatchNorm
from emojax.models.resnet import ResNet
from emojax.models.streams import encode, in_order

Encoders = Mapping[str, Callable[..., nn.Module]]

# Spec 10, G23: linear heads start at N(0, 0.001), biases at 0.
_small = nn.initializers.normal(0.001)


def linear_head(x: jax.Array, features: int, name: str) -> jax.Array:
    """Float32 linear layer; call it inside a compact method."""
    return nn.Dense(features, kernel_init=_small, precision=PRECISION, name=name)(x)


class LabelHead(nn.Module):
    """Label logits by one linear layer, or by the node vectors of a label GCN (thesis 000, eq. 4.12).

    Attributes:
        num_classes: C.
        gcn: by a label GCN, whose graph and word vectors are the constants ``gcn`` (`gcn.graph_constants`).
        hidden: widths of the GCN's layers before the last, whose width is that of x.
        propagation: of the GCN, see `models.gcn.propagate`.
    """

    num_classes: int
    gcn: bool = False
    hidden: Sequence[int] = ()
    propagation: str = "jraph"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``[B, D] -> [B, C]`` float32."""
        if not self.gcn:
            return linear_head(x, self.num_classes, "linear")
        widths = (*self.hidden, x.shape[-1])
        vectors = LabelGCN(widths, self.propagation, name="gcn")()
        return jnp.dot(x, vectors.T, precision=PRECISION)

    def vectors(self, variables: Mapping, size: int) -> np.ndarray:
        """The weights ``[C, D]`` that logits are made with, from the head's variables; D is `size`."""
        if not self.gcn:
            return np.asarray(variables["params"]["linear"]["kernel"]).T
        own = {collection: variables[collection]["gcn"] for collection in ("params", CONSTANTS)}
        return np.asarray(LabelGCN((*self.hidden, size), self.propagation, parent=None).apply(own))


class DimensionHead(nn.Module):
    """Valence, arousal and dominance: hidden dense layers with ReLU, then a linear layer.

    Attributes:
        hidden: widths of the hidden layers.
        num_dimensions: outputs.
        squash: sigmoid on the outputs.
    """

    hidden: Sequence[int]
    num_dimensions: int
    squash: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``[B, D] -> [B, num_dimensions]`` float32."""
        for i, width in enumerate(self.hidden):
            x = nn.relu(dense(x, width, f"hidden_{i}"))
        x = linear_head(x, self.num_dimensions, "linear")
        return nn.sigmoid(x) if self.squash else x


class FusionLayer(nn.Module):
    """The EMOTIC baseline's fusion: dense layer, batch norm, ReLU, dropout (spec 2.10).

    Attributes:
        width: of the dense layer.
        dropout: share of the outputs that is dropped in training.
        axis_name: mapped axis over which batch statistics are taken; None for one device.
    """

    width: int
    dropout: float
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, mask: jax.Array | None, keys: jax.Array | None):
        """``[B, D] -> [B, width]`` float32, or ``[B, T, D] -> [B, T, width]``; a key a row is needed in training."""
        norm = BatchNorm(axis_name=self.axis_name, name="norm")
        x = nn.relu(norm(dense(x, self.width, "dense"), train=train, mask=mask))
        if not train:
            return x
        return dropout(x, keys, self.dropout)


class PeopleNet(nn.Module):
    """Streams, their concatenation, and heads for labels, dimensions and word vectors.

    The parameters of a stream stand under its name, those of its attention branch under ``NAME_attention``.

    Attributes:
        streams: names of the streams; fused in the order of `streams.STREAMS`.
        encoders: stream -> makes its network, called with ``name``. A stream without one is a given vector.
        attention: streams with an attention branch; their encoders are ResNets.
        labels: head of the label logits.
        dimensions: head of the continuous dimensions; None for none.
        fusion: layer between the concatenation and the heads; None for none, as in all systems of the thesis.
        embedding: project features for the embedding loss, to the width of the constant ``words`` [C, d].
        embedding_streams: whose features are projected (spec 3: those that are never missing).
    """

    streams: Sequence[str]
    encoders: Encoders
    labels: LabelHead
    dimensions: DimensionHead | None = None
    attention: Sequence[str] = ()
    fusion: FusionLayer | None = None
    embedding: bool = False
    embedding_streams: Sequence[str] = ("body", "context")

    @nn.compact
    def __call__(
        self,
        inputs: Mapping[str, jax.Array],
        *,
        train: bool,
        mask: jax.Array | None = None,
        keys: jax.Array | None = None,
    ) -> dict:
        """Runs every stream and the heads.

        Args:
            inputs: stream -> normalised images ``[B, H, W, C]`` or vectors ``[B, D]``.
            train: use and record batch statistics, drop out.
            mask: ``[B]``, 0 for padding rows.
            keys: a random key a sample ``[B]``; needed in training where there is dropout.

        Returns:
            ``logits [B, C]``; ``dimensions [B, K]`` and ``embedding [B, d]`` where the network has them; by
            stream ``maps`` (last map ``[B, h, w, D]``), ``attention_logits`` (``[B, C]``) and
            ``attention_maps`` (``[B, h, w, 1]``).
        """
        encoded = {name: self._encode(name, inputs[name], train, mask) for name in in_order(self.streams)}
        fused = jnp.concatenate([e["features"] for e in encoded.values()], axis=-1)
        outputs = collect(encoded)
        if self.embedding:
            width = constant(self, "words").shape[-1]
            visual = [encoded[s]["features"] for s in in_order(self.embedding_streams)]
            outputs["embedding"] = linear_head(jnp.concatenate(visual, axis=-1), width, "embedding")
        if self.fusion is not None:
            fused = self.fusion(fused, train=train, mask=mask, keys=keys)
        outputs["logits"] = self.labels(fused)
        if self.dimensions is not None:
            outputs["dimensions"] = self.dimensions(fused)
        return outputs

    def _encode(self, name: str, x: jax.Array, train: bool, mask: jax.Array | None) -> dict[str, jax.Array]:
        if name not in self.encoders:
            return {"features": x.astype(jnp.float32)}
        encoder = self.encoders[name](name=name)
        branch = None
        if name in self.attention:
            branch = attention_branch(encoder, self.labels.num_classes, f"{name}_attention")
        return encode(encoder, x, train=train, mask=mask, branch=branch)


def collect(encoded: Mapping[str, Mapping[str, jax.Array]]) -> dict[str, dict[str, jax.Array]]:
    """What streams give besides features: kind -> stream -> array."""
    names = {"map": "maps", "attention_logits": "attention_logits", "attention_map": "attention_maps"}
    return {
        plural: {stream: e[kind] for stream, e in encoded.items() if kind in e}
        for kind, plural in names.items()
    }


def attention_branch(encoder: nn.Module, num_classes: int, name: str) -> AttentionBranch:
    """The branch that goes with a ResNet: like its last stage, but with stride 1.

    Raises:
        ConfigError: the encoder is no ResNet.
    """
    if not isinstance(encoder, ResNet):
        raise ConfigError(f"An attention branch needs a ResNet; the stream has a {type(encoder).__name__}.")
    stages = encoder.stage_sizes
    return AttentionBranch(
        num_classes,
        encoder.width * 2 ** (len(stages) - 1),
        stages[-1],
        encoder.bottleneck,
        dtype=encoder.dtype,
        axis_name=encoder.axis_name,
        name=name,
    )
