"""Spatial temporal graph convolutional network on skeletons (Yan et al., AAAI 2018; context_emotion spec 2.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import jraph
import numpy as np

from emojax.errors import ConfigError
from emojax.graphs.partitions import partition_graph
from emojax.models.constants import constant
from emojax.models.conv import PointwiseConv, kaiming_fan_out
from emojax.models.dropout import dropout
from emojax.models.gcn import PROPAGATIONS
from emojax.models.graph_conv import graph_conv, project, propagate
from emojax.models.norm import BatchNorm
from emojax.models.temporal_conv import TemporalConv

# Channels, and the units with stride 2 (spec 2.6): the public code has ten, the text of the thesis nine; the tiny one
# is for demonstrations on a CPU.
UNITS = {
    "units10": ((64, 64, 64, 64, 128, 128, 128, 256, 256, 256), (5, 8)),
    "units_tiny": ((16, 32, 32), (2, 3)),
    "units9": ((64, 64, 64, 128, 128, 128, 256, 256, 256), (4, 7)),
}


class GraphConv(nn.Module):
    """A 1x1 convolution to a block of channels for each subset, then a sum over neighbours.

    Attributes:
        features: output channels.
        propagation: see `GraphUnit`.
        dtype: compute dtype; parameters stay float32.
    """

    features: int
    propagation: str = "dense"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, matrices: jax.Array, graph: jraph.GraphsTuple) -> jax.Array:
        """``[V, B, T, C]``, ``[K, V, V]`` -> ``[V, B, T, features]``."""
        subsets, width = len(matrices), self.features
        kernel = self.param("kernel", kaiming_fan_out, (1, 1, x.shape[-1], subsets * width), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (subsets * width,), jnp.float32)
        x = x.astype(self.dtype)
        kernel = kernel.astype(self.dtype).reshape(-1, subsets, width).swapaxes(0, 1)
        if self.propagation == "dense":
            y = graph_conv(x, matrices, kernel)
        else:
            y = propagate(project(x, kernel), matrices, graph, self.propagation)
        # The bias reaches every frame alike: what the neighbours add up of it is one value a joint and channel.
        of_joints = jnp.einsum("kvw,kc->wc", matrices, bias.reshape(subsets, width), precision="highest")
        return y + of_joints.astype(self.dtype)[:, None, None]


class GraphUnit(nn.Module):
    """One unit: graph convolution, batch norm, ReLU, temporal convolution, batch norm, dropout, residual, ReLU.

    Attributes:
        features: output channels.
        stride: of the temporal convolution.
        residual: add the input, projected where its shape differs.
        dropout: share of the values dropped in training.
        kernel: frames of the temporal convolution.
        propagation: ``dense`` (einsum with the matrices) or ``jraph`` (message passing); equal but for rounding.
        axis_name: mapped axis of the global batch.
        dtype: compute dtype.
    """

    features: int
    stride: int = 1
    residual: bool = True
    dropout: float = 0.0
    kernel: int = 9
    propagation: str = "dense"
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        matrices: jax.Array,
        graph: jraph.GraphsTuple,
        *,
        train: bool,
        mask: jax.Array | None,
        keys: jax.Array | None,
    ) -> jax.Array:
        """``[V, B, T, C] -> [V, B, T / stride, features]``.

        Args:
            x: activations.
            matrices: ``[K, V, V]``, edge importance included.
            graph: the edges of the matrices.
            train: batch statistics, dropout.
            mask: ``[V, B]``, 0 for padding rows.
            keys: ``[B]``, needed in training where there is dropout.
        """

        def norm(name: str, y: jax.Array) -> jax.Array:
            layer = BatchNorm(axis_name=self.axis_name, dtype=self.dtype, name=name)
            return layer(y, train=train, mask=mask)

        pointwise = dict(dtype=self.dtype, kernel_init=kaiming_fan_out, use_bias=True)
        y = GraphConv(self.features, self.propagation, self.dtype, name="graph_conv")(x, matrices, graph)
        y = nn.relu(norm("graph_norm", y))
        temporal = TemporalConv(self.features, self.kernel, self.stride, self.dtype, name="temporal_conv")
        y = temporal(y)
        y = norm("temporal_norm", y)
        if train and self.dropout:
            y = dropout(y, keys, self.dropout, order=(2, 0, 1, 3))
        if not self.residual:
            return nn.relu(y)
        if x.shape[-1] != self.features or self.stride != 1:
            x = PointwiseConv(self.features, **pointwise, name="residual_conv")(x[:, :, :: self.stride])
            x = norm("residual_norm", x)
        return relu_of_sum(y, x)


@jax.custom_vjp
def relu_of_sum(x: jax.Array, y: jax.Array) -> jax.Array:
    """``relu(x + y)``, the same values, written as a sum.

    XLA's CPU compiler takes a ReLU again wherever the next unit reads it, with all that it comes from, dropout of the
    units before included. A sum of two maps it keeps.
    """
    return jnp.maximum(x, -y) + y


def _relu_forward(x, y):
    result = relu_of_sum(x, y)
    return result, result > 0


def _relu_backward(positive, gradient):
    gradient = jnp.where(positive, gradient, 0)
    return gradient, gradient


relu_of_sum.defvjp(_relu_forward, _relu_backward)


class STGCN(nn.Module):
    """ST-GCN without its outputs: a batch norm over joints and channels, units, the mean over time and joints.

    The matrices are the constant ``matrices [K, V, V]`` of the network: they travel with the weights.

    Attributes:
        matrices: ``[K, V, V]`` of `partition_matrices`; which entries there are, and the constant of a fresh network.
        units: a name in `UNITS`.
        edge_importance: a learned factor for each entry of the matrices in each unit, ones at the start.
        dropout: in all units but the first.
        propagation: see `GraphUnit`.
        axis_name: mapped axis of the global batch.
        dtype: compute dtype.
    """

    matrices: np.ndarray
    units: str = "units10"
    edge_importance: bool = True
    dropout: float = 0.5
    propagation: str = "dense"
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @property
    def feature_size(self) -> int:
        return UNITS[self.units][0][-1]

    @property
    def fresh_constants(self) -> dict[str, np.ndarray]:
        """The constants of a fresh network, see `emojax.models.constants`."""
        return {"matrices": self.matrices.astype(np.float32)}

    @nn.compact
    def __call__(
        self,
        joints: jax.Array,
        *,
        train: bool,
        mask: jax.Array | None = None,
        keys: jax.Array | None = None,
    ) -> dict[str, jax.Array]:
        """Skeleton sequences ``[B, T, V, C]`` -> ``{"features": [B, feature_size]}`` float32.

        Args:
            joints: x, y and confidence of every joint and frame, zeros where there is none.
            train: batch statistics and dropout.
            mask: ``[B]``, 0 for padding rows.
            keys: one random key a row ``[B]``; needed in training.

        Raises:
            ConfigError: unknown `units` or `propagation`.
        """
        _require("units", self.units, UNITS)
        _require("propagation", self.propagation, PROPAGATIONS)
        matrices = constant(self, "matrices")
        graph = partition_graph(self.matrices)
        batch, frames, nodes, channels = joints.shape
        norm = BatchNorm(axis_name=self.axis_name, dtype=self.dtype, name="data_norm")
        x = norm(joints.reshape(batch, frames, nodes * channels), train=train, mask=mask)
        x = x.reshape(joints.shape).transpose(2, 0, 1, 3)  # joints first, until the end
        if mask is not None:
            mask = jnp.broadcast_to(mask, (nodes, batch))
        widths, shrinking = UNITS[self.units]
        for i, width in enumerate(widths, 1):
            weights = matrices
            if self.edge_importance:
                weights = matrices * self.param(f"edge_importance_{i}", nn.initializers.ones, matrices.shape)
            unit = GraphUnit(
                width,
                stride=2 if i in shrinking else 1,
                residual=i > 1,
                dropout=self.dropout if i > 1 else 0.0,
                propagation=self.propagation,
                axis_name=self.axis_name,
                dtype=self.dtype,
                name=f"unit_{i}",
            )
            unit_keys = None if keys is None else jax.vmap(lambda key, i=i: jax.random.fold_in(key, i))(keys)
            x = unit(x, weights, graph, train=train, mask=mask, keys=unit_keys)
        return {"features": jnp.mean(x, axis=(0, 2), dtype=jnp.float32), "map": x.transpose(1, 2, 0, 3)}


def _require(field: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigError(f"ST-GCN's {field} is {value!r}; choose {', '.join(known)}.")
