"""ST-GCN: sizes of the specification, one unit against a slow loop, message passing against matrices."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax.errors import ConfigError
from emojax.graphs.partitions import partition_graph, partition_matrices
from emojax.graphs.skeletons import BODY_18
from emojax.models import toom_cook
from emojax.models.constants import init_with_constants
from emojax.models.graph_conv import graph_conv, propagate
from emojax.models.st_gcn import STGCN, UNITS, GraphConv, GraphUnit, relu_of_sum
from emojax.models.temporal_conv import temporal_conv


def matrices(strategy="spatial"):
    return partition_matrices(BODY_18, strategy)


def fresh(net, joints):
    return init_with_constants(net, net.fresh_constants, jax.random.key(0), joints, train=False)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("edge_importance, published", [(True, 3_081_793), (False, 3_072_073)])
def test_ten_units_with_both_outputs_have_the_published_number_of_parameters(edge_importance, published):
    net = STGCN(matrices(), edge_importance=edge_importance)
    shapes = jax.eval_shape(lambda: fresh(net, jnp.zeros((1, 297, 18, 3))))
    outputs = (net.feature_size + 1) * (26 + 3)
    assert sum(x.size for x in jax.tree.leaves(shapes["params"])) + outputs == published


@pytest.mark.parametrize("units, frames", [("units10", 75), ("units9", 75)])
def test_two_units_halve_the_frames(units, frames):
    net = STGCN(matrices(), units=units)
    joints = jnp.zeros((2, 297, 18, 3))
    shape = jax.eval_shape(lambda: net.apply(fresh(net, joints), joints, train=False))
    assert shape["map"].shape == (2, frames, 18, 256) and shape["features"].shape == (2, 256)


@pytest.mark.parametrize("strategy", ["uniform", "distance", "spatial", "spatial_true"])
def test_message_passing_and_matrices_give_the_same(strategy):
    a = matrices(strategy)
    x = draw(18, 2, 5, len(a), 4)
    dense, passed = (
        propagate(x, jnp.asarray(a, jnp.float32), partition_graph(a), how) for how in ("dense", "jraph")
    )
    np.testing.assert_allclose(dense, passed, atol=1e-6)


@pytest.mark.parametrize("width", [3, 7])
def test_a_narrow_and_a_wide_graph_convolution_give_what_message_passing_gives(width):
    a, x = matrices(), draw(18, 2, 5, 4)
    weights, graph = jnp.asarray(a, jnp.float32), partition_graph(a)
    variables = {"params": {"kernel": draw(1, 1, 4, 3 * width, seed=1), "bias": draw(3 * width, seed=2)}}
    dense, passed = (
        GraphConv(width, propagation=how).apply(variables, x, weights, graph) for how in ("dense", "jraph")
    )
    np.testing.assert_allclose(dense, passed, rtol=1e-6, atol=2e-6)


def test_one_unit_equals_a_slow_loop():
    a, x = matrices(), draw(2, 7, 18, 3)
    unit = GraphUnit(8, stride=2, residual=True)
    call = dict(train=False, mask=None, keys=None)
    weights = jnp.asarray(a, jnp.float32)
    joints_first = x.transpose(2, 0, 1, 3)
    variables = unit.init(jax.random.key(1), joints_first, weights, partition_graph(a), **call)
    variables["params"]["graph_conv"]["bias"] = jnp.asarray(draw(3 * 8, seed=1))
    got = unit.apply(variables, joints_first, weights, partition_graph(a), **call).transpose(1, 2, 0, 3)
    np.testing.assert_allclose(got, slow_unit(variables["params"], a, x, 8, 2), atol=2e-5)


def slow_unit(params, a, x, width, stride):
    """The unit as the paper has it, value by value; fresh batch norms divide by sqrt(1 + 1e-5)."""
    p = jax.tree.map(np.asarray, params)
    scale = 1 / np.sqrt(1 + 1e-5)
    mixed = x @ p["graph_conv"]["kernel"][0, 0] + p["graph_conv"]["bias"]
    graph = np.zeros((*x.shape[:3], width))
    for k in range(len(a)):
        for v, w in zip(*np.nonzero(a[k])):
            graph[:, :, w] += a[k, v, w] * mixed[:, :, v, k * width : (k + 1) * width]
    graph = np.maximum(graph * scale, 0)
    frames = range(0, x.shape[1], stride)
    out = np.zeros((x.shape[0], len(frames), 18, width))
    for i, t in enumerate(frames):
        for tap in range(9):
            if 0 <= t + tap - 4 < x.shape[1]:
                out[:, i] += graph[:, t + tap - 4] @ p["temporal_conv"]["kernel"][tap, 0]
    out = (out + p["temporal_conv"]["bias"]) * scale
    residual = x[:, ::stride] @ p["residual_conv"]["kernel"][0, 0] + p["residual_conv"]["bias"]
    return np.maximum(out + residual * scale, 0)


def test_the_data_norm_orders_its_54_values_by_joint_then_channel():
    net, joints = STGCN(matrices(), units="units_tiny"), draw(4, 9, 18, 3)
    variables = fresh(net, joints)
    keys = jax.random.split(jax.random.key(0), 4)
    _, new = jax.jit(lambda v: net.apply(v, joints, train=True, keys=keys, mutable=["batch_stats"]))(
        variables
    )
    mean = joints.mean((0, 1)).reshape(54)
    np.testing.assert_allclose(new["batch_stats"]["data_norm"]["mean"], 0.1 * mean, atol=1e-6)


def test_matrices_travel_with_the_variables_and_are_no_parameter():
    net, joints = STGCN(matrices(), units="units_tiny"), draw(1, 9, 18, 3)
    variables = fresh(net, joints)
    other = {**variables, "constants": {"matrices": 2 * variables["constants"]["matrices"]}}
    one, two = (net.apply(v, joints, train=False)["features"] for v in (variables, other))
    assert not np.allclose(one, two)
    np.testing.assert_allclose(variables["constants"]["matrices"], matrices(), atol=1e-7)


@pytest.mark.parametrize("wrong", [{"units": "units11"}, {"propagation": "sparse"}])
def test_an_unknown_option_is_told_with_those_there_are(wrong):
    with pytest.raises(ConfigError, match="choose"):
        fresh(STGCN(matrices(), **wrong), draw(1, 9, 18, 3))


def test_both_variants_end_with_the_same_width():
    assert {UNITS[name][0][-1] for name in ("units9", "units10")} == {256}


@pytest.mark.parametrize(
    "stride, frames, channels", [(1, 11, 4), (1, 12, 4), (1, 13, 4), (2, 11, 4), (2, 12, 4), (3, 13, 4)]
)
def test_the_gradients_of_the_temporal_convolution_are_those_of_the_convolution(stride, frames, channels):
    x, kernel = jnp.asarray(draw(6, frames, channels)), jnp.asarray(draw(9, channels, 5))
    weights = jnp.asarray(draw(6, -(-frames // stride), 5))

    def plain(x, kernel):
        return jax.lax.conv_general_dilated(
            x, kernel, (stride,), ((4, 4),), dimension_numbers=("NWC", "WIO", "NWC")
        )

    ours, theirs = (
        jax.jit(jax.grad(lambda x, kernel, f=f: jnp.sum(weights * f(x, kernel)), (0, 1)))(x, kernel)
        for f in (lambda x, kernel: temporal_conv(x, kernel, stride), plain)
    )
    for mine, other in zip(ours, theirs):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("taps, frames", [(9, 4), (9, 20), (3, 7), (15, 12)])
def test_a_convolution_of_tiles_and_the_gradient_of_its_input_are_those_of_the_convolution(taps, frames):
    x, kernel, weights = (draw(*shape) for shape in ((2, frames, 4), (taps, 4, 5), (2, frames, 5)))
    expected, back = jax.vjp(lambda x: temporal_conv(x, kernel, 1), x)
    np.testing.assert_allclose(toom_cook.convolve(x, kernel), expected, rtol=1e-5, atol=2e-5)
    np.testing.assert_allclose(
        toom_cook.input_gradient(kernel, weights), back(weights)[0], rtol=1e-5, atol=2e-5
    )


@pytest.mark.parametrize("channels", [3, 6])
def test_the_graph_convolution_and_its_gradients_are_those_of_the_sum(channels):
    given = [jnp.asarray(draw(*shape)) for shape in ((5, 2, 7, channels), (3, 5, 5), (3, channels, 4))]
    weights = jnp.asarray(draw(5, 2, 7, 4))

    def plain(x, matrices, kernel):
        return jnp.einsum("vbtc,kvw,kcf->wbtf", x, matrices, kernel, precision="highest")

    ours, theirs = (
        jax.jit(jax.value_and_grad(lambda *given, f=f: jnp.sum(weights * f(*given)), (0, 1, 2)))(*given)
        for f in (graph_conv, plain)
    )
    for mine, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs)):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=2e-5)


def test_the_relu_of_a_sum_and_its_gradients_are_those_of_the_relu():
    x, y, weights = (jnp.asarray(draw(500, seed=seed)) for seed in range(3))
    y = y.at[:100].set(-x[:100])  # zero: no gradient
    np.testing.assert_array_equal(relu_of_sum(x, y), jax.nn.relu(x + y))
    ours, theirs = (
        jax.grad(lambda x, y, f=f: jnp.sum(weights * f(x, y)), (0, 1))(x, y)
        for f in (relu_of_sum, lambda x, y: jax.nn.relu(x + y))
    )
    np.testing.assert_array_equal(ours, theirs)
