"""Heads on the pooled feature vector x ``[B, D]`` or on the feature map (spec emotion_gcn 2.5).

Every head returns a dictionary: ``logits [B, C]``, ``va [B, 2]`` (valence, arousal, linear), ``aux [B, T]``
(regions of the valence-arousal plane), ``mask_logits [B, 8H, 8W, 1]``. Heads compute in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from emojax.errors import ConfigError
from emojax.models.constants import CONSTANTS
from emojax.models.gcn import PRECISION, LabelGCN
from emojax.models.norm import BatchNorm

Outputs = dict[str, jax.Array]


def uniform_by_input(fan_in: int) -> Callable:
    """U(-1/sqrt(fan_in), 1/sqrt(fan_in)), PyTorch's default for the weights and biases of a dense layer."""
    bound = 1 / np.sqrt(fan_in)

    def init(key: jax.Array, shape: Sequence[int], dtype=jnp.float32) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


def dense(x: jax.Array, features: int, name: str) -> jax.Array:
    """Biased float32 dense layer with PyTorch's initialisation; call it inside a compact method."""
    init = uniform_by_input(x.shape[-1])
    layer = nn.Dense(features, kernel_init=init, bias_init=init, precision=PRECISION, name=name)
    return layer(x.astype(jnp.float32))


class ExpressionHead(nn.Module):
    """`single`: one dense layer to C expression logits."""

    num_classes: int

    @nn.compact
    def __call__(self, x: jax.Array) -> Outputs:
        return {"logits": dense(x, self.num_classes, "expression")}


class ValenceArousalHead(nn.Module):
    """`va_single`: one dense layer to (valence, arousal)."""

    @nn.compact
    def __call__(self, x: jax.Array) -> Outputs:
        return {"va": dense(x, 2, "va")}


class MultiTaskHead(nn.Module):
    """Expression logits beside a second task (thesis fig. 5.2.3).

    Attributes:
        num_classes: C.
        num_aux: T, outputs of the second task: 2 for valence and arousal, 1 for two regions, 4, 8 or 12 for
            that many regions.
        fusion: "classic" (a dense layer a task), "concat" (the second task's output joins x in front of the
            classifier) or "separate" (a private dense D -> D and ReLU a task).
        aux_name: key of the second task's output and name of its layers, "va" or "aux".
        concat_stop_grad: keep the classifier's gradient from the second task under "concat".
        concat_activation: what the classifier sees of the second task under "concat": "none" or "softmax".
    """

    num_classes: int
    num_aux: int = 2
    fusion: str = "classic"
    aux_name: str = "va"
    concat_stop_grad: bool = False
    concat_activation: str = "none"

    @nn.compact
    def __call__(self, x: jax.Array) -> Outputs:
        if self.fusion not in ("classic", "concat", "separate"):
            raise ConfigError(f"Heads fuse by 'classic', 'concat' or 'separate', not by {self.fusion!r}.")
        x = x.astype(jnp.float32)
        for_expression = for_aux = x
        if self.fusion == "separate":
            for_expression = nn.relu(dense(x, x.shape[-1], "expression_private"))
            for_aux = nn.relu(dense(x, x.shape[-1], f"{self.aux_name}_private"))
        aux = dense(for_aux, self.num_aux, self.aux_name)
        if self.fusion == "concat":
            for_expression = jnp.concatenate([x, self._fused(aux)], axis=-1)
        return {"logits": dense(for_expression, self.num_classes, "expression"), self.aux_name: aux}

    def _fused(self, aux: jax.Array) -> jax.Array:
        if self.concat_activation not in ("none", "softmax"):
            raise ConfigError(f"concat_activation is 'none' or 'softmax', not {self.concat_activation!r}.")
        if self.concat_activation == "softmax":
            aux = nn.softmax(aux)
        return jax.lax.stop_gradient(aux) if self.concat_stop_grad else aux


class GCNHead(nn.Module):
    """Emotion-GCN's head: classifiers and regressors are the node vectors of a label GCN, no bias.

    Attributes:
        features: widths of the GCN's layers; the last equals D.
        num_dimensions: how many of the last nodes are dimensions and no expressions: 2, or 0.
        propagation: see `models.gcn.propagate`.

    Constants: ``gcn``, the label graph of C + 2 (or C) nodes and their word vectors (`gcn.graph_constants`).
    """

    features: Sequence[int]
    num_dimensions: int = 2
    propagation: str = "jraph"

    @nn.compact
    def __call__(self, x: jax.Array) -> Outputs:
        vectors = LabelGCN(self.features, self.propagation, name="gcn")()
        if vectors.shape[-1] != x.shape[-1]:
            raise ConfigError(
                f"The last GCN layer has width {vectors.shape[-1]}, but the backbone gives {x.shape[-1]} "
                "features: they are multiplied and must be equal."
            )
        scores = jnp.dot(x.astype(jnp.float32), vectors.T, precision=PRECISION)
        if not self.num_dimensions:
            return {"logits": scores}
        return {"logits": scores[:, :-2], "va": scores[:, -2:]}


def export_gcn_head(head: GCNHead, variables: Mapping[str, Any]) -> np.ndarray:
    """The GCN head as the kernel of a bias-free dense layer, for inference without the graph.

    Args:
        head: the head.
        variables: its trained parameters and its constants, ``{"params": {"gcn": ...}, "constants": {"gcn": ...}}``.

    Returns:
        ``[D, C + 2]`` float32; ``x @ kernel`` gives the C logits, then valence and arousal where there are such nodes.
    """
    own = {collection: variables[collection]["gcn"] for collection in ("params", CONSTANTS)}
    return np.asarray(LabelGCN(head.features, head.propagation).apply(own)).T.copy()


class MaskDecoder(nn.Module):
    """`mask`: eye-and-mouth mask from the last feature map, three stages of two-fold up-sampling.

    Attributes:
        widths: channels of the stages; the spec's decoder goes 7x7x1024 -> 56x56x64.
        dtype: dtype of the convolutions.
        axis_name: mapped axis over which batch statistics are taken; None for one device.
    """

    widths: Sequence[int] = (256, 128, 64)
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, feature_map: jax.Array, *, train: bool, mask: jax.Array | None = None) -> Outputs:
        """``[B, H, W, D]`` after the last batch norm -> ``{"mask_logits": [B, 8H, 8W, 1]}`` float32.

        Args:
            feature_map: last map of the backbone; ReLU is applied here.
            train: use and record batch statistics.
            mask: ``[B]``, 1 for a real sample, 0 for padding.
        """
        x = nn.relu(feature_map).astype(self.dtype)
        for stage, width in enumerate(self.widths):
            x = jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)
            x = self._conv(x, width, 3, f"conv_{stage}", use_bias=False, dtype=self.dtype)
            norm = BatchNorm(axis_name=self.axis_name, dtype=self.dtype, name=f"norm_{stage}")
            x = nn.relu(norm(x, train=train, mask=mask))
        return {"mask_logits": self._conv(x.astype(jnp.float32), 1, 1, "mask", use_bias=True)}

    def _conv(self, x, features: int, size: int, name: str, **options) -> jax.Array:
        init = uniform_by_input(size * size * x.shape[-1])
        conv = nn.Conv(features, (size, size), kernel_init=init, bias_init=init, name=name, **options)
        return conv(x)
