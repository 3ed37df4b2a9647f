import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax.errors import ConfigError
from emojax.graphs.affectnet import AFFECTNET_SPEARMAN
from emojax.graphs.label_graph import adjacency
from emojax.models.constants import init_with_constants
from emojax.models.gcn import LabelGCN, graph_constants
from emojax.models.heads import (
    ExpressionHead,
    GCNHead,
    MaskDecoder,
    MultiTaskHead,
    ValenceArousalHead,
    export_gcn_head,
    uniform_by_input,
)
from emojax.models.pooling import global_pool

D = 1024


WORDS = 300
A_HAT = adjacency(AFFECTNET_SPEARMAN, 0.1, 0.7)


def constants_of(head, width=5) -> dict:
    if not isinstance(head, GCNHead):
        return {}
    vectors = np.random.default_rng(1).normal(size=(9, width))
    return {"gcn": graph_constants(A_HAT, vectors)}


def shapes_of(head, x, words=5):
    init = functools.partial(init_with_constants, head, constants_of(head, words), jax.random.key(0))
    return jax.eval_shape(init, x)["params"]


def sizes(head, width=D):
    return sum(x.size for x in jax.tree.leaves(shapes_of(head, jnp.zeros((2, width)), WORDS)))


def x_of(rows=3, width=8):
    return jnp.array(np.random.default_rng(0).normal(size=(rows, width)), jnp.float32)


def applied(head, x, words=5):
    """Parameters drawn by NumPy (quicker than compiling an initialisation) and the head's output."""
    rng = np.random.default_rng(0)
    shapes = shapes_of(head, x, words)
    params = jax.tree.map(lambda s: rng.normal(size=s.shape).astype(np.float32) / 4, shapes)
    return params, jax.jit(head.apply)({"params": params, "constants": constants_of(head, words)}, x)


def affine(params, name, x):
    return x @ params[name]["kernel"] + params[name]["bias"]


@pytest.mark.parametrize(
    ("head", "parameters"),
    [
        (ExpressionHead(7), 6_961_031 - 6_953_856),
        (MultiTaskHead(7), 6_963_081 - 6_953_856),
        (ValenceArousalHead(), D * 2 + 2),
        (GCNHead((512, 1024)), 7_631_744 - 6_953_856),
        (MultiTaskHead(7, 8, "concat", "aux"), D * 8 + 8 + (D + 8) * 7 + 7),
        (MultiTaskHead(7, 8, "separate", "aux"), 2 * (D * D + D) + D * 8 + 8 + D * 7 + 7),
    ],
)
def test_full_size_heads_have_their_parameter_counts(head, parameters):
    assert sizes(head) == parameters


def test_single_heads_are_one_affine_map():
    x = x_of()
    params, out = applied(ExpressionHead(7), x)
    np.testing.assert_allclose(out["logits"], affine(params, "expression", x), atol=1e-6)
    params, out = applied(ValenceArousalHead(), x)
    np.testing.assert_allclose(out["va"], affine(params, "va", x), atol=1e-6)


def test_classic_heads_are_independent():
    x = x_of()
    params, out = applied(MultiTaskHead(7), x)
    np.testing.assert_allclose(out["logits"], affine(params, "expression", x), atol=1e-6)
    np.testing.assert_allclose(out["va"], affine(params, "va", x), atol=1e-6)


@pytest.mark.parametrize("activation", ["none", "softmax"])
def test_concat_shows_the_second_task_to_the_classifier(activation):
    x = x_of()
    params, out = applied(MultiTaskHead(7, 4, "concat", "aux", concat_activation=activation), x)
    aux = affine(params, "aux", x)
    seen = jax.nn.softmax(aux) if activation == "softmax" else aux
    np.testing.assert_allclose(out["aux"], aux, atol=1e-6)
    np.testing.assert_allclose(
        out["logits"], affine(params, "expression", jnp.concatenate([x, seen], 1)), atol=1e-6
    )


@pytest.mark.parametrize("stop", [False, True])
def test_concat_lets_the_classifier_train_the_second_task_unless_stopped(stop):
    head, x = MultiTaskHead(7, fusion="concat", concat_stop_grad=stop), x_of()
    variables = {"params": applied(head, x)[0]}
    gradient = jax.jit(jax.grad(lambda v: jnp.sum(head.apply(v, x)["logits"] ** 2)))(variables)["params"]
    assert bool((gradient["va"]["kernel"] == 0).all()) == stop


def test_separate_heads_have_a_private_layer_each():
    x = x_of()
    params, out = applied(MultiTaskHead(7, fusion="separate"), x)
    for name, key in (("expression", "logits"), ("va", "va")):
        hidden = jax.nn.relu(affine(params, f"{name}_private", x))
        np.testing.assert_allclose(out[key], affine(params, name, hidden), atol=1e-6)


@pytest.mark.parametrize(
    "head", [MultiTaskHead(7, fusion="stack"), MultiTaskHead(7, 2, "concat", concat_activation="relu")]
)
def test_unknown_fusions_are_refused(head):
    with pytest.raises(ConfigError, match=r"stack|relu"):
        head.init(jax.random.key(0), x_of())


def test_dense_weights_and_biases_start_within_the_root_of_the_input_width():
    params = ExpressionHead(50).init(jax.random.key(0), x_of(width=400))["params"]
    for values in jax.tree.leaves(params):
        assert np.abs(values).max() <= 1 / 20
        assert np.abs(values).max() > 0.9 / 20
    samples = uniform_by_input(100)(jax.random.key(1), (10_000,))
    assert float(samples.std()) == pytest.approx(0.1 / np.sqrt(3), rel=0.02)


def test_gcn_head_multiplies_features_with_node_vectors():
    head, x = GCNHead((16, 8)), x_of()
    params, out = applied(head, x)
    vectors = LabelGCN(head.features).apply({"params": params["gcn"], "constants": constants_of(head)["gcn"]})
    np.testing.assert_allclose(out["logits"], x @ vectors[:7].T, atol=1e-6)
    np.testing.assert_allclose(out["va"], x @ vectors[7:].T, atol=1e-6)


def test_exported_gcn_head_gives_the_same_scores_at_full_size():
    head, x = GCNHead((512, D)), x_of(5, D)
    params, out = applied(head, x / 32, WORDS)
    kernel = export_gcn_head(head, {"params": params, "constants": constants_of(head, WORDS)})
    assert kernel.shape == (D, 9) and kernel.dtype == np.float32
    x, kernel = np.asarray(x / 32, np.float64), kernel.astype(np.float64)
    scores = np.concatenate([out["logits"], out["va"]], 1)
    rounding = np.finfo(np.float32).eps * (np.abs(x) @ np.abs(kernel))  # of a sum in float32, in any order
    assert (np.abs(scores - x @ kernel) <= rounding).all()


def test_gcn_of_another_width_than_the_backbone_is_refused():
    with pytest.raises(ConfigError, match=r"width 8.*gives 10"):
        shapes_of(GCNHead((16, 8)), x_of(width=10))


def test_heads_compute_in_float32_from_bfloat16_features():
    x = x_of().astype(jnp.bfloat16)
    for head in (ExpressionHead(7), MultiTaskHead(7, fusion="separate"), GCNHead((16, 8))):
        variables = {"params": shapes_of(head, x), "constants": constants_of(head)}
        for values in jax.eval_shape(head.apply, variables, x).values():
            assert values.dtype == jnp.float32


def test_mask_decoder_doubles_the_map_three_times():
    decoder = MaskDecoder()
    shapes = jax.eval_shape(lambda: decoder.init(jax.random.key(0), jnp.zeros((2, 7, 7, D)), train=True))
    count = sum(x.size for x in jax.tree.leaves(shapes["params"]))
    convs = 9 * (D * 256 + 256 * 128 + 128 * 64)
    assert count == convs + 2 * (256 + 128 + 64) + 64 + 1
    out = jax.eval_shape(lambda v: decoder.apply(v, jnp.zeros((2, 7, 7, D)), train=False), shapes)
    assert out["mask_logits"].shape == (2, 56, 56, 1) and out["mask_logits"].dtype == jnp.float32


def test_mask_decoder_repeats_the_nearest_pixel_after_relu():
    maps = jnp.array([[[-5.0], [1]], [[2], [3]]])[None]
    delta = jnp.zeros((3, 3, 1, 1)).at[1, 1].set(1)
    params = {
        "conv_0": {"kernel": delta},
        "norm_0": {"scale": jnp.ones(1), "bias": jnp.zeros(1)},
        "mask": {"kernel": jnp.ones((1, 1, 1, 1)), "bias": jnp.array([0.5])},
    }
    statistics = {"norm_0": {"mean": jnp.zeros(1), "var": jnp.ones(1)}}
    decoder = MaskDecoder(widths=(1,))
    out = jax.jit(decoder.apply, static_argnames="train")(
        {"params": params, "batch_stats": statistics}, maps, train=False
    )["mask_logits"]
    expected = np.kron([[0, 1], [2, 3]], np.ones((2, 2))) + 0.5
    np.testing.assert_allclose(out[0, :, :, 0], expected, atol=1e-4)


@pytest.mark.parametrize(("mode", "relu"), [("max", False), ("max", True), ("avg", False), ("avg", True)])
def test_pooling_takes_every_position(mode, relu):
    maps = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype(np.float32)
    maps[:, :, :, 0] = -1 - np.abs(maps[:, :, :, 0])
    seen = np.maximum(maps, 0) if relu else maps
    expected = (seen.max if mode == "max" else seen.mean)(axis=(1, 2))
    np.testing.assert_allclose(global_pool(jnp.array(maps), mode=mode, final_relu=relu), expected, atol=1e-6)


def test_average_of_a_bfloat16_map_is_summed_in_float32():
    maps = jnp.full((1, 60, 60, 1), 1.0, jnp.bfloat16)
    assert float(global_pool(maps, mode="avg", final_relu=True)[0, 0]) == 1


def test_unknown_pooling_is_refused():
    with pytest.raises(ConfigError, match="median"):
        global_pool(jnp.ones((1, 2, 2, 1)), mode="median", final_relu=False)
