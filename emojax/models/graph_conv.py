"""Graph convolutions of skeleton sequences with a matrix for each subset of neighbours: ``[V, ..., C]``, joints first.

With the joints in front a sum over neighbours is one wide product, and no activation is transposed for it.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import jraph

from emojax.models.temporal_conv import outer


def graph_conv(x: jax.Array, matrices: jax.Array, kernel: jax.Array) -> jax.Array:
    """``y[w] = sum over k, v of matrices[k, v, w] x[v] @ kernel[k]``.

    Args:
        x: ``[V, B, T, C]``.
        matrices: ``[K, V, V]``.
        kernel: ``[K, C, F]``.

    Returns:
        ``[V, B, T, F]``.
    """
    return jax.lax.platform_dependent(
        x, matrices.astype(x.dtype), kernel, cpu=_products, default=_narrower_first
    )


def propagate(x: jax.Array, matrices: jax.Array, graph: jraph.GraphsTuple, how: str) -> jax.Array:
    """``y[w, b, t, c] = sum over k, v of matrices[k, v, w] x[v, b, t, k, c]``.

    Args:
        x: ``[V, B, T, K, C]``.
        matrices: ``[K, V, V]``.
        graph: the entries that may differ from zero, from `partition_graph`; used by ``jraph`` only.
        how: ``dense`` or ``jraph``.
    """
    if how == "dense":
        return jnp.einsum("vbtkc,kvw->wbtc", x, matrices.astype(x.dtype))
    subset = graph.edges["subset"]
    weight = matrices[subset, graph.senders, graph.receivers].astype(x.dtype)

    def messages(edges, sent, received, everywhere):
        return sent[jnp.arange(len(subset)), :, :, subset] * edges[:, None, None, None]

    network = jraph.GraphNetwork(
        update_edge_fn=messages,
        update_node_fn=lambda nodes, sent, received, everywhere: received,
        aggregate_edges_for_nodes_fn=jraph.segment_sum,
    )
    return network(graph._replace(nodes=x, edges=weight)).nodes


def project(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """``[..., C]``, ``[K, C, F]`` -> ``[..., K, F]``."""
    subsets, channels, width = kernel.shape
    rows = x.reshape(-1, channels) @ kernel.swapaxes(0, 1).reshape(channels, -1)
    return rows.reshape(*x.shape[:-1], subsets, width)


def _narrower_first(x: jax.Array, matrices: jax.Array, kernel: jax.Array) -> jax.Array:
    if x.shape[-1] < kernel.shape[-1]:  # the sum of the narrower map, then the convolution
        sums = jnp.einsum("vbtc,kvw->wbtkc", x, matrices)
        return jnp.einsum("wbtkc,kcf->wbtf", sums, kernel)
    return propagate(project(x, kernel), matrices, None, "dense")


@jax.custom_vjp
def _products(x: jax.Array, matrices: jax.Array, kernel: jax.Array) -> jax.Array:
    """`graph_conv` for a CPU: few wide products. Kept for the gradient is nothing but the input."""
    return _over_joints(matrices.transpose(2, 0, 1), _each(x, kernel))


def _forward(x, matrices, kernel):
    return _products(x, matrices, kernel), (x, matrices, kernel)


def _backward(kept, gradient):
    x, matrices, kernel = kept
    of_x, of_matrices, of_kernel = [], [], []
    for m, w in zip(matrices, kernel):
        of_sum = (gradient.reshape(-1, w.shape[1]) @ w.T).reshape(x.shape)
        of_x.append(_over_joints(m[:, None], of_sum[None]))
        by_joints = of_sum.reshape(len(m), -1), x.reshape(len(m), -1)
        of_matrices.append(jax.lax.dot_general(*by_joints, (((1,), (1,)), ((), ()))).T)
        of_kernel.append(outer(_over_joints(m.T[:, None], x[None]), gradient))
    return sum(of_x), jnp.stack(of_matrices), jnp.stack(of_kernel)


_products.defvjp(_forward, _backward)


def _each(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """``[V, ..., C]``, ``[K, C, F] -> [K, V, ..., F]``, the product with each kernel."""
    rows = x.reshape(-1, x.shape[-1])
    y = jnp.broadcast_to(rows, (len(kernel), *rows.shape)) @ kernel  # an einsum takes twice as long
    return y.reshape(len(kernel), *x.shape[:-1], -1)


def _over_joints(matrices: jax.Array, x: jax.Array) -> jax.Array:
    """``[W, K, V]``, ``[K, V, ...] -> [W, ...]``, summed over K and V."""
    joined = matrices.reshape(len(matrices), -1)
    return (joined @ x.reshape(joined.shape[1], -1)).reshape(-1, *x.shape[2:])
