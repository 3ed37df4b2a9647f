"""Graph convolution on jraph graphs, by a matrix product or by message passing (spec emotion_gcn 4.3, 4.9).

A label graph belongs to the labels, not to an image: it is propagated once a step, never once an image. It and the
word vectors of its nodes are constants of the network (`emojax.models.constants`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import jraph
import numpy as np

from emojax.errors import ConfigError
from emojax.models.constants import constant

# How nodes receive from their neighbours: an einsum with the matrix, or jraph's message passing; equal to 1e-6.
# Dense beside jraph, forward and backward (2026-11-27): CPU-ms on 1 core 0.79, 0.72 (label graph of 9 nodes), 10.2, 9.7
# (26 nodes), 17.2, 17.4 (26 skeletons), 0.16, 0.28 (people of 26 pictures); MB moved, compiled for an H200: 8.4, 8.7;
# 54, 56; 94, 99; 1.3, 2.0. So each kind of graph has a default of its own.
PROPAGATIONS = ("dense", "jraph")

# Label graphs are tiny; full float32 products keep them equal on every device at no cost.
PRECISION = jax.lax.Precision.HIGHEST


def to_graph(adjacency: np.ndarray) -> jraph.GraphsTuple:
    """One directed edge for each non-zero entry of a constant matrix, self edges included.

    Args:
        adjacency: ``[n, n]``; entry (i, j) is the weight of what node i receives from node j.

    Returns:
        GraphsTuple of NumPy arrays without node features: ``edges [E]`` float32 weights, ``senders [E]`` and
        ``receivers [E]`` int32, sorted by receiver; ``globals [1, n, n]`` float32, the matrix (see `propagate`).
    """
    adjacency = np.asarray(adjacency)
    receivers, senders = np.nonzero(adjacency)
    return jraph.GraphsTuple(
        nodes=None,
        edges=adjacency[receivers, senders].astype(np.float32),
        receivers=receivers.astype(np.int32),
        senders=senders.astype(np.int32),
        globals=adjacency[None].astype(np.float32),
        n_node=np.array([len(adjacency)], np.int32),
        n_edge=np.array([len(receivers)], np.int32),
    )


def graph_constants(adjacency: np.ndarray, embeddings: np.ndarray) -> dict[str, np.ndarray]:
    """Constants of a `LabelGCN`.

    Args:
        adjacency: ``[n, n]``, see `to_graph`.
        embeddings: ``[n, d]`` node features.

    Returns:
        ``nodes [n, d]`` and ``edges [E]`` float32, ``senders [E]`` and ``receivers [E]`` int32.
    """
    graph = to_graph(adjacency)
    arrays = {name: getattr(graph, name) for name in ("edges", "senders", "receivers")}
    return {"nodes": np.asarray(embeddings, np.float32), **arrays}


def dense_adjacency(constants: Mapping[str, np.ndarray]) -> np.ndarray:
    """``[n, n]`` float32 matrix of what `graph_constants` holds; rows receive, columns send."""
    nodes = len(constants["nodes"])
    matrix = np.zeros((nodes, nodes), np.float32)
    matrix[np.asarray(constants["receivers"]), np.asarray(constants["senders"])] = constants["edges"]
    return matrix


def label_graph(constants: Mapping) -> np.ndarray | None:
    """The matrix, as `dense_adjacency`, of the label graph among a network's constants; None without one."""
    if not hasattr(constants, "values"):
        return None
    if {"senders", "receivers", "edges", "nodes"} <= constants.keys():
        return dense_adjacency(constants)
    return next((m for value in constants.values() if (m := label_graph(value)) is not None), None)


def uniform_by_output(key: jax.Array, shape: Sequence[int], dtype=jnp.float32) -> jax.Array:
    """U(-1/sqrt(out), 1/sqrt(out)) for a kernel ``[in, out]``: the rule of the public GCN code."""
    bound = 1 / np.sqrt(shape[-1])
    return jax.random.uniform(key, shape, dtype, -bound, bound)


def propagate(graph: jraph.GraphsTuple, how: str) -> jax.Array:
    """Each node sums what its senders hold, weighted by the edges.

    jraph's own GraphConvolution adds self edges and normalises by degree, which would change the matrix.

    Args:
        graph: G graphs of n nodes each: ``nodes [G n, ..., d]``; ``edges [E]``, the weights; ``globals [G, n, n]``, the
            same weights as matrices, rows receive.
        how: ``dense`` multiplies by the matrices, ``jraph`` passes messages along the edges; equal but for rounding.

    Returns:
        ``[G n, ..., d]``.

    Raises:
        ConfigError: unknown `how`.
    """
    nodes = graph.nodes
    if how == "dense":
        by_graph = nodes.reshape(*graph.globals.shape[:2], *nodes.shape[1:])
        received = jnp.einsum("grs,gs...->gr...", graph.globals, by_graph, precision=PRECISION)
        return received.reshape(nodes.shape)
    if how != "jraph":
        raise ConfigError(f"A graph convolution's propagation is {how!r}; choose {', '.join(PROPAGATIONS)}.")
    weights = jnp.reshape(graph.edges, (-1,) + (1,) * (nodes.ndim - 1))
    return jraph.segment_sum(weights * nodes[graph.senders], graph.receivers, num_segments=len(nodes))


class GraphConvolution(nn.Module):
    """``H' = A_hat H W``: each node sums its senders' projected features, weighted by the edges.

    Attributes:
        features: output width.
        propagation: see `propagate`.
    """

    features: int
    propagation: str = "jraph"

    @nn.compact
    def __call__(self, graph: jraph.GraphsTuple) -> jraph.GraphsTuple:
        """Graph with ``nodes [n, ..., d]`` (see `propagate`) -> the same with ``nodes [n, ..., features]``.

        Axes in between hold samples that share the graph.
        """
        nodes = jnp.asarray(graph.nodes, jnp.float32)
        kernel = self.param("kernel", uniform_by_output, (nodes.shape[-1], self.features), jnp.float32)
        projected = jnp.dot(nodes, kernel, precision=PRECISION)
        return graph._replace(nodes=propagate(graph._replace(nodes=projected), self.propagation))


class LabelGCN(nn.Module):
    """Stack of graph convolutions that turns word vectors into one classifier vector a label.

    LeakyReLU (slope 0.2) between layers, none after the last, no biases.

    The graph and its node features are constants: see `graph_constants`.

    Attributes:
        features: output width of each layer; the last is the feature size D of the backbone. The headline
            net of the thesis has (512, 1024) on 300-d word vectors.
        propagation: see `propagate`.
    """

    features: Sequence[int]
    propagation: str = "jraph"

    @nn.compact
    def __call__(self) -> jax.Array:
        """Returns W ``[n, D]`` float32, a row for each node in the order of the graph."""
        graph = self._graph()
        for layer, width in enumerate(self.features):
            if layer:
                graph = graph._replace(nodes=nn.leaky_relu(graph.nodes, 0.2))
            graph = GraphConvolution(width, self.propagation, name=f"layer_{layer}")(graph)
        return graph.nodes

    def _graph(self) -> jraph.GraphsTuple:
        nodes, edges = constant(self, "nodes"), constant(self, "edges")
        receivers, senders = constant(self, "receivers"), constant(self, "senders")
        matrix = jnp.zeros((len(nodes), len(nodes))).at[receivers, senders].set(edges)
        return jraph.GraphsTuple(
            nodes=nodes,
            edges=edges,
            receivers=receivers,
            senders=senders,
            globals=matrix[None],
            n_node=np.array([len(nodes)], np.int32),
            n_edge=np.array([len(edges)], np.int32),
        )
