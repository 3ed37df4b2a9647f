"""Networks on the 141 numbers of a pose: Conv1D or graph convolution (context_emotion spec 2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.errors import ConfigError
from emojax.graphs.openpose import NUM_JOINTS, body_and_hands_edges, normalized_adjacency
from emojax.models.gcn import GraphConvolution, to_graph
from emojax.models.heads import dense, uniform_by_input
from emojax.models.norm import BatchNorm

POSE_SIZE = 2 * NUM_JOINTS + 7  # joints as x, y; then seven Laban values
POOLS = ("avg", "flatten")


class DenseStack(nn.Module):
    """Dense layers, each with batch norm and ReLU: ``[B, D] -> [B, widths[-1]]`` float32."""

    widths: Sequence[int]
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, mask: jax.Array | None = None) -> jax.Array:
        for i, width in enumerate(self.widths):
            norm = BatchNorm(axis_name=self.axis_name, name=f"norm_{i}")
            x = nn.relu(norm(dense(x, width, f"dense_{i}"), train=train, mask=mask))
        return x


class PoseConv1D(nn.Module):
    """Three 1-D convolutions along the pose vector, pooling over its length, three dense layers.

    Attributes:
        filters: of the convolutions (kernel 3, batch norm, ReLU).
        widths: of the dense layers; the last is the size of the feature.
        pool: "avg" over the length, or "flatten" (spec 10, G4).
        dtype: dtype of the convolutions.
        axis_name: mapped axis over which batch statistics are taken; None for one device.
    """

    filters: Sequence[int] = (256, 512, 1024)
    widths: Sequence[int] = (1024, 512, 256)
    pool: str = "avg"
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @property
    def feature_size(self) -> int:
        return self.widths[-1]

    @nn.compact
    def __call__(
        self, pose: jax.Array, *, train: bool, mask: jax.Array | None = None
    ) -> dict[str, jax.Array]:
        """Pose vectors ``[B, 141]`` -> ``{"features": [B, widths[-1]]}`` float32.

        Raises:
            ConfigError: unknown `pool`.
        """
        if self.pool not in POOLS:
            raise ConfigError(f"The pose network pools by 'avg' or 'flatten', not by {self.pool!r}.")
        x = pose[..., None].astype(self.dtype)
        for i, filters in enumerate(self.filters):
            init = uniform_by_input(3 * x.shape[-1])
            conv = nn.Conv(
                filters, (3,), kernel_init=init, use_bias=False, dtype=self.dtype, name=f"conv_{i}"
            )
            norm = BatchNorm(axis_name=self.axis_name, dtype=self.dtype, name=f"conv_norm_{i}")
            x = nn.relu(norm(conv(x), train=train, mask=mask))
        if self.pool == "avg":
            x = jnp.mean(x, axis=1, dtype=jnp.float32)
        x = x.reshape(x.shape[0], -1)
        stack = DenseStack(self.widths, self.axis_name, name="dense")
        return {"features": stack(x, train=train, mask=mask)}


class PoseGCN(nn.Module):
    """Graph convolutions over the skeleton of body and hands, then three dense layers.

    Nodes are the 67 joints with x and y; the seven Laban values join the flattened nodes (spec 10, G4b).

    Attributes:
        channels: of the graph convolutions (batch norm, ReLU).
        widths: of the dense layers; the last is the size of the feature.
        propagation: see `models.gcn.propagate`.
        axis_name: mapped axis over which batch statistics are taken; None for one device.
    """

    channels: Sequence[int] = (32, 64, 64)
    widths: Sequence[int] = (1024, 512, 256)
    propagation: str = "dense"
    axis_name: str | None = None

    @property
    def feature_size(self) -> int:
        return self.widths[-1]

    @nn.compact
    def __call__(
        self, pose: jax.Array, *, train: bool, mask: jax.Array | None = None
    ) -> dict[str, jax.Array]:
        """Pose vectors ``[B, 141]`` -> ``{"features": [B, widths[-1]]}`` float32."""
        graph = to_graph(normalized_adjacency(body_and_hands_edges(), NUM_JOINTS))
        joints, laban = jnp.split(pose.astype(jnp.float32), [2 * NUM_JOINTS], axis=-1)
        x = joints.reshape(-1, NUM_JOINTS, 2)
        for i, width in enumerate(self.channels):
            # The graph has its nodes in front, batch norm the samples.
            graph = graph._replace(nodes=jnp.swapaxes(x, 0, 1))
            graph = GraphConvolution(width, self.propagation, name=f"graph_{i}")(graph)
            norm = BatchNorm(axis_name=self.axis_name, name=f"graph_norm_{i}")
            x = nn.relu(norm(jnp.swapaxes(graph.nodes, 0, 1), train=train, mask=mask))
        x = jnp.concatenate([x.reshape(x.shape[0], -1), laban], axis=-1)
        stack = DenseStack(self.widths, self.axis_name, name="dense")
        return {"features": stack(x, train=train, mask=mask)}
