"""Networks of people in context have the sizes of the spec; graphs pass messages along their edges alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs.emotic import VARIANTS, get_config
from emojax import systems
from emojax.graphs.cooccurrence import ml_gcn_adjacency
from emojax.graphs.openpose import (
    BODY_25_EDGES,
    HAND_EDGES,
    NUM_JOINTS,
    body_and_hands_edges,
    normalized_adjacency,
)
from emojax.models.attention_branch import AttentionBranch
from emojax.models.backbones import create_backbone
from emojax.models.constants import init_with_constants
from emojax.models.depth_net import DepthCNN
from emojax.models.fusion import DimensionHead, LabelHead, PeopleNet, attention_branch
from emojax.models.fusion_emoticon import PeopleGCN, people_graph
from emojax.models.gcn import PROPAGATIONS, graph_constants
from emojax.models.pose_nets import PoseConv1D, PoseGCN
from emojax.models.streams import encode, in_order

IMAGES = ("body", "context", "face")
INPUTS = {
    **{name: jnp.zeros((2, 224, 224, 3)) for name in (*IMAGES, "depth")},
    "pose": jnp.zeros((2, 141)),
    "scenes": jnp.zeros((2, 365)),
    "attributes": jnp.zeros((2, 102)),
}


def count(tree) -> int:
    return sum(x.size for x in jax.tree.leaves(tree))


def abstract(net, inputs=INPUTS):
    constants = {"words": np.zeros((26, 300))}
    key = jax.random.key(0)
    return jax.eval_shape(lambda: init_with_constants(net, constants, key, inputs, train=False))["params"]


def resnet18(name):
    return create_backbone("resnet18", module_name=name)


def bold_net(streams, channels):
    """The snippet network of the BoLD systems: the same streams with two linear heads and a projection."""
    net = PeopleNet(
        streams,
        dict.fromkeys(IMAGES, resnet18),
        LabelHead(26),
        DimensionHead((), 3),
        embedding=True,
        embedding_streams=streams,
    )
    return net, {**INPUTS, **{s: jnp.zeros((2, 224, 224, channels)) for s in IMAGES}}


def test_parameters_of_the_published_bold_networks():
    net, inputs = bold_net((*IMAGES, "scenes", "attributes"), 3)
    assert count(abstract(net, inputs)) == 34_188_852
    net, inputs = bold_net(IMAGES, 10)
    assert count(abstract(net, inputs)) == 34_101_065


# spec 2.3: width of the fused vector and hidden layers of the continuous head
SPEC_WIDTHS = {
    "emotic_b_r18": (512, (512, 256)),
    "emotic_bc_r18_nomask": (1024, (512, 256)),
    "emotic_bc_r18": (1024, (512, 256)),
    "emotic_bcf_r18": (1536, (1024, 512, 256)),
    "emotic_bcfp_gcn_r18": (1792, (1024, 512, 256)),
    "emotic_bcfp_r18": (1792, (1024, 512, 256)),
    "emotic_bcfps_r18": (2157, (1024, 512, 256)),
    "emotic_bcfpsa_r18": (2259, (1024, 512, 256)),
    "emotic_bcfpsa_depthcnn_r18": (2771, (1024, 512, 256)),
    "emotic_bcfpsa_depthr18_r18": (2771, (1024, 512, 256)),
    "emotic_bcfpsa_cabn_r18": (2259, (1024, 512, 256)),
    "emotic_bcfpsa_bcabn_r18": (2259, (1024, 512, 256)),
    "emotic_bcfpsa_r50": (6867, (4096, 2048, 1024, 512, 256)),
    "emotic_b_r50": (2048, (512, 256)),
    "emotic_b_mlgcn_r50": (2048, (512, 256)),
    "emotic_bcfpsa_mlgcn_r50": (6867, (4096, 2048, 1024, 512, 256)),
    "emotic_bcfpsa_mlgcn_emb_r50": (6867, (4096, 2048, 1024, 512, 256)),
}
_GIVEN = {"scenes": 365, "attributes": 102}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_config_builds_and_has_the_widths_of_the_spec(name):
    config = get_config(name)
    system = systems.build(config, systems.stand_in(config))
    made = {stream: make(name=stream) for stream, make in system.net.encoders.items()}
    width = sum(made[s].feature_size if s in made else _GIVEN[s] for s in in_order(system.streams))
    if name in SPEC_WIDTHS:
        assert (width, tuple(config.model.dimension_hidden)) == SPEC_WIDTHS[name]


def test_parameters_of_the_body_system_are_those_of_its_layers():
    config = get_config("emotic_b_r18")
    system = systems.build(config, systems.stand_in(config))
    params = jax.eval_shape(system.init, jax.random.key(0))["params"]
    heads = (512 * 26 + 26) + (512 * 512 + 512) + (512 * 256 + 256) + (256 * 3 + 3)
    assert count(params) == 11_176_512 + heads
    assert count(params["body"]) == 11_176_512


def test_parameters_of_the_best_system_are_those_of_its_parts():
    config = get_config("emotic_bcfpsa_mlgcn_emb_r50")
    system = systems.build(config, systems.stand_in(config))
    params = jax.eval_shape(system.init, jax.random.key(0))["params"]
    assert {count(params[s]) for s in IMAGES} == {23_508_032}
    assert count(params["labels"]) == system.constants["words"].shape[1] * 2048 + 2048 * 6867
    assert params["embedding"]["kernel"].shape == (4096, system.constants["words"].shape[1])


def test_a_stream_with_an_attention_branch_keeps_the_arrays_of_its_resnet():
    net = PeopleNet(
        ("context",), {"context": resnet18}, LabelHead(26), DimensionHead((), 3), attention=("context",)
    )
    params = abstract(net)
    assert count(params["context"]) == 11_176_512 and "context_attention" in params
    shapes = jax.eval_shape(
        lambda v: net.apply(v, INPUTS, train=False),
        jax.eval_shape(lambda: net.init(jax.random.key(0), INPUTS, train=False)),
    )
    assert shapes["attention_maps"]["context"].shape == (2, 14, 14, 1)
    assert shapes["attention_logits"]["context"].shape == (2, 26)
    assert shapes["maps"]["context"].shape == (2, 7, 7, 512)


class _Fixed(AttentionBranch):
    """A branch that attends to the left half."""

    def __call__(self, g, *, train, mask=None):
        left = (jnp.arange(g.shape[2]) < g.shape[2] // 2).astype(g.dtype)
        return {"map": jnp.broadcast_to(left[None, None, :, None], (*g.shape[:3], 1)), "logits": g[:, 0, 0]}


def test_the_last_stage_sees_its_input_times_one_plus_the_map():
    net, x = create_backbone("resnet_tiny"), jax.random.normal(jax.random.key(1), (2, 32, 32, 3))
    variables = jax.jit(lambda: net.init(jax.random.key(0), x, train=False))()
    branch = _Fixed(26, 64, 1, False)
    said = net.apply(variables, x, method=lambda m, x: encode(m, x, train=False, mask=None, branch=branch))
    plain = net.apply(variables, x, train=False)
    doubled = net.apply(
        variables, x, train=False, before_last_stage=lambda g: g.at[:, :, : g.shape[2] // 2].multiply(2)
    )
    np.testing.assert_allclose(said["features"], doubled["features"].mean((1, 2)), rtol=1e-5)
    assert np.abs(said["features"] - plain["features"].mean((1, 2))).max() > 1e-4


def test_attention_branch_follows_the_last_stage_of_its_resnet():
    assert attention_branch(create_backbone("resnet18"), 26, "a").width == 512
    fifty = attention_branch(create_backbone("resnet50"), 26, "a")
    assert (fifty.width, fifty.blocks, fifty.bottleneck) == (512, 3, True)


def test_skeleton_of_body_and_hands():
    edges = body_and_hands_edges()
    assert len(BODY_25_EDGES) == 24 and len(HAND_EDGES) == 20 and len(edges) == 66
    matrix = normalized_adjacency(edges, NUM_JOINTS)
    np.testing.assert_allclose(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix).max() == pytest.approx(1)  # D^1/2 1 is the eigenvector of 1
    reached = np.linalg.matrix_power(matrix > 0, NUM_JOINTS)
    assert reached.all()  # one connected skeleton


def test_pose_gcn_equals_matrix_products():
    net = PoseGCN(channels=(4,), widths=(5,))
    pose = np.random.default_rng(0).normal(size=(3, 141)).astype(np.float32)
    variables = jax.jit(lambda: net.init(jax.random.key(0), pose, train=False))()
    params = variables["params"]
    matrix = normalized_adjacency(body_and_hands_edges(), NUM_JOINTS)
    joints = pose[:, :134].reshape(3, 67, 2)
    nodes = np.maximum(matrix @ (joints @ params["graph_0"]["kernel"]) / np.sqrt(1 + 1e-5), 0)
    x = np.concatenate([nodes.reshape(3, -1), pose[:, 134:]], axis=1)
    layer = params["dense"]["dense_0"]
    expected = np.maximum((x @ layer["kernel"] + layer["bias"]) / np.sqrt(1 + 1e-5), 0)
    said = net.apply(variables, pose, train=False)["features"]
    np.testing.assert_allclose(said, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "net", [PoseConv1D((8,), (6,)), PoseGCN((4,), (6,)), PoseConv1D((8,), (6,), "flatten")]
)
def test_padding_rows_do_not_reach_the_batch_statistics(net):
    pose = np.random.default_rng(0).normal(size=(6, 141)).astype(np.float32)
    variables = jax.jit(lambda: net.init(jax.random.key(0), pose, train=False))()
    apply = jax.jit(lambda x, mask: net.apply(variables, x, train=True, mask=mask, mutable=["batch_stats"]))
    plain, state = apply(pose[:4], jnp.ones(4))
    padded, padded_state = apply(pose, jnp.array([1.0, 1, 1, 1, 0, 0]))
    np.testing.assert_allclose(padded["features"][:4], plain["features"], rtol=1e-4, atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), state, padded_state)


def test_pose_and_depth_networks_have_the_widths_of_the_spec():
    def features(net, x):
        variables = jax.eval_shape(lambda: net.init(jax.random.key(0), x, train=False))
        return jax.eval_shape(lambda v: net.apply(v, x, train=False), variables)["features"].shape, variables

    assert features(PoseConv1D(), INPUTS["pose"])[0] == features(PoseGCN(), INPUTS["pose"])[0] == (2, 256)
    shape, variables = features(DepthCNN(), INPUTS["depth"])
    assert shape == (2, 512)
    assert variables["params"]["dense"]["dense_0"]["kernel"].shape == (6 * 6 * 512, 512)
    flat = features(PoseConv1D(pool="flatten"), INPUTS["pose"])[1]
    assert flat["params"]["dense"]["dense_0"]["kernel"].shape == (141 * 1024, 1024)


def test_ml_gcn_head_multiplies_features_by_its_node_vectors():
    counts = np.array([[10, 6, 1], [6, 8, 1], [1, 1, 5]])
    matrix = ml_gcn_adjacency(counts, 0.4, 0.25)
    z, x = np.random.default_rng(0).normal(size=(3, 4)), np.random.default_rng(1).normal(size=(2, 5))
    head, constants = LabelHead(3, True, (6,)), {"gcn": graph_constants(matrix, z)}
    variables = init_with_constants(head, constants, jax.random.key(0), jnp.asarray(x, jnp.float32))
    first, second = (np.asarray(variables["params"]["gcn"][f"layer_{i}"]["kernel"]) for i in (0, 1))
    hidden = matrix @ z @ first
    vectors = matrix @ np.where(hidden > 0, hidden, 0.2 * hidden) @ second
    np.testing.assert_allclose(head.apply(variables, x), x @ vectors.T, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(head.vectors(variables, 5), vectors, rtol=1e-4, atol=1e-5)
    linear = LabelHead(3)
    variables = linear.init(jax.random.key(0), jnp.asarray(x, jnp.float32))
    assert linear.vectors(variables, 5).shape == (3, 5)


BOXES = np.array([[0.1, 0.1, 0.3, 0.3], [0.2, 0.1, 0.4, 0.3], [0.8, 0.8, 1.0, 1.0], [0, 0, 0, 0]], np.float32)


def test_graph_of_people_joins_those_within_reach_and_nobody_else():
    centres = (BOXES[:, :2] + BOXES[:, 2:]) / 2
    graph = people_graph(jnp.asarray(centres[None]), jnp.asarray([[True, True, True, False]]), 0.5)
    weights = np.asarray(graph.edges).reshape(4, 4)
    assert (weights > 0).tolist() == [
        [True, True, False, False],
        [True, True, False, False],
        [False, False, True, False],
        [False, False, False, False],
    ]
    np.testing.assert_allclose(weights[2, 2], 1, rtol=1e-5)
    raw = np.exp(-0.1)
    np.testing.assert_allclose(weights[0, 1], raw / (1 + raw), rtol=1e-4)


def test_the_agent_hears_its_neighbours_in_any_order_and_not_the_far_ones():
    net = PeopleGCN(channels=(4, 4), features=3)
    near, far = BOXES[[0, 1, 3, 3]], BOXES[[0, 2, 3, 3]]
    pair, swapped = BOXES[[0, 1, 2, 3]], BOXES[[0, 2, 1, 3]]
    batch = np.stack([BOXES[[0, 3, 3, 3]], near, far, pair, swapped])
    variables = jax.jit(lambda: net.init(jax.random.key(3), batch, train=False))()
    nodes = jax.jit(lambda: _agents(net, variables, batch))()
    alone, by_neighbour, by_far, both, other_order = np.asarray(nodes)
    assert np.abs(by_neighbour - alone).max() > 1e-4
    np.testing.assert_allclose(by_far, alone, atol=1e-6)
    np.testing.assert_allclose(both, by_neighbour, atol=1e-6)
    np.testing.assert_allclose(other_order, both, atol=1e-6)


POSES = np.random.default_rng(1).normal(size=(3, 141)).astype(np.float32)


@pytest.mark.parametrize(("make", "x"), [(PoseGCN, POSES), (PeopleGCN, BOXES[None, [0, 1, 3, 2]])])
def test_messages_and_matrices_give_skeletons_and_people_the_same_to_a_millionth(make, x):
    widths = {"channels": (4, 4), **({"widths": (6,)} if make is PoseGCN else {"features": 6})}
    dense, messages = (make(**widths, propagation=how) for how in PROPAGATIONS)
    variables = jax.jit(lambda: dense.init(jax.random.key(4), x, train=False))()

    def outputs_and_gradients(net):
        def total(params):
            y = net.apply({**variables, "params": params}, x, train=False)["features"]
            return jnp.sum(jnp.sin(y)), y

        return jax.jit(jax.grad(total, has_aux=True))(variables["params"])

    expected, found = outputs_and_gradients(dense), outputs_and_gradients(messages)
    assert np.abs(expected[1]).max() > 0.01
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6), found, expected)


def _agents(net, variables, boxes):
    """The agent's node before the last ReLU, which could hide a difference."""
    _, state = net.apply(variables, boxes, train=False, capture_intermediates=True)
    return state["intermediates"]["dense"]["__call__"][0]


def test_people_graph_has_finite_gradients_where_people_stand_on_one_spot():
    centres = jnp.full((1, 3, 2), 0.4)
    gradient = jax.grad(lambda c: people_graph(c, jnp.ones((1, 3), bool), 0.5).edges.sum())(centres)
    assert np.isfinite(gradient).all()
