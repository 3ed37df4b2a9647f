import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emojax.graphs.affectnet import AFFECTNET_SPEARMAN
from emojax.graphs.label_graph import adjacency
from emojax.models.constants import init_with_constants
from emojax.models.gcn import (
    PROPAGATIONS,
    GraphConvolution,
    LabelGCN,
    dense_adjacency,
    graph_constants,
    to_graph,
    uniform_by_output,
)

A_HAT = adjacency(AFFECTNET_SPEARMAN, 0.1, 0.7)


def embeddings(width=300, nodes=9):
    return np.random.default_rng(0).normal(0, 0.4, (nodes, width)).astype(np.float32)


def dense_gcn(matrix, nodes, kernels):
    for layer, kernel in enumerate(kernels):
        if layer:
            nodes = np.where(nodes > 0, nodes, 0.2 * nodes)
        nodes = matrix @ (nodes @ kernel)
    return nodes


def kernels_of(params):
    return [np.float64(params[f"layer_{i}"]["kernel"]) for i in range(len(params))]


@pytest.mark.parametrize(
    ("tau", "literal", "edges"), [(0.1, False, 33), (0, False, 37), (0, True, 81), (0.15, False, 29)]
)
def test_one_edge_for_each_entry_weighted_by_receiver_and_sender(tau, literal, edges):
    matrix = adjacency(AFFECTNET_SPEARMAN, tau, 0.7, tau_literal=literal)
    graph = to_graph(matrix)
    assert graph.n_edge.tolist() == [edges] and graph.n_node.tolist() == [9]
    assert (np.diff(graph.receivers) >= 0).all()
    rebuilt = dense_adjacency(graph_constants(matrix, embeddings()))
    np.testing.assert_allclose(rebuilt, matrix, atol=1e-7)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 1000), nodes=st.integers(2, 12))
def test_both_propagations_equal_the_product_with_the_matrix(seed, nodes):
    rng = np.random.default_rng(seed)
    matrix = rng.uniform(0, 1, (nodes, nodes)) * (rng.uniform(size=(nodes, nodes)) > 0.5)
    graph = to_graph(matrix)._replace(nodes=rng.normal(size=(nodes, 5)).astype(np.float32))
    kernel = rng.normal(size=(5, 4)).astype(np.float32) / 3
    for how in PROPAGATIONS:
        received = GraphConvolution(4, how).apply({"params": {"kernel": kernel}}, graph).nodes
        np.testing.assert_allclose(received, matrix @ (graph.nodes @ kernel), rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("features", [(1024,), (512, 1024), (512, 512, 1024), (512, 128)])
@pytest.mark.parametrize("transpose", [False, True])
def test_the_stack_equals_its_dense_form_at_full_size(features, transpose):
    matrix = adjacency(AFFECTNET_SPEARMAN, 0.1, 0.7, transpose=transpose)
    net, constants = LabelGCN(features), graph_constants(matrix, embeddings())
    variables = jax.jit(lambda key: init_with_constants(net, constants, key))(jax.random.key(1))
    params = variables["params"]
    out = jax.jit(net.apply)(variables)
    assert out.shape == (9, features[-1]) and out.dtype == jnp.float32
    np.testing.assert_allclose(
        out, dense_gcn(matrix, np.float64(embeddings()), kernels_of(params)), atol=1e-6
    )


def test_the_headline_stack_has_its_published_size_and_no_bias():
    constants = graph_constants(A_HAT, embeddings())
    init = functools.partial(init_with_constants, LabelGCN((512, 1024)), constants)
    shapes = jax.eval_shape(init, jax.random.key(0))["params"]
    assert sum(x.size for x in jax.tree.leaves(shapes)) == 7_631_744 - 6_953_856
    assert {k: set(v) for k, v in shapes.items()} == {"layer_0": {"kernel"}, "layer_1": {"kernel"}}


@pytest.mark.parametrize("propagation", PROPAGATIONS)
def test_gradients_equal_those_of_the_dense_form(propagation):
    net, constants = LabelGCN((6, 4), propagation), graph_constants(A_HAT, embeddings(5))
    params = init_with_constants(net, constants, jax.random.key(2))["params"]

    def dense(params):
        hidden = jax.nn.leaky_relu(A_HAT @ (embeddings(5) @ params["layer_0"]["kernel"]), 0.2)
        return jnp.sum(jnp.sin(A_HAT @ (hidden @ params["layer_1"]["kernel"])))

    ours = jax.jit(jax.grad(lambda p: jnp.sum(jnp.sin(net.apply({"params": p, "constants": constants})))))(
        params
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), ours, jax.jit(jax.grad(dense))(params)
    )


def test_a_graph_that_the_variables_lack_is_named():
    with pytest.raises(ValueError, match="no constant nodes"):
        LabelGCN((4,)).init(jax.random.key(0))


def test_constants_change_neither_the_parameters_nor_those_of_other_modules():
    net, constants = LabelGCN((6, 4)), graph_constants(A_HAT, embeddings(5))
    one = init_with_constants(net, constants, jax.random.key(3))
    other = init_with_constants(net, graph_constants(A_HAT.T, embeddings(5)), jax.random.key(3))
    jax.tree.map(np.testing.assert_array_equal, one["params"], other["params"])
    jax.tree.map(np.testing.assert_array_equal, one["constants"], constants)
    assert set(one) == {"params", "constants"}


def test_weights_start_uniform_within_the_root_of_the_output_width():
    kernel = uniform_by_output(jax.random.key(0), (300, 1024))
    bound = 1 / 32
    assert float(jnp.abs(kernel).max()) <= bound
    assert float(kernel.std()) == pytest.approx(bound / np.sqrt(3), rel=0.01)
