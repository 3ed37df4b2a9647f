"""ONNX: what JAX computes, onnxruntime computes, for any batch size; what has no counterpart is refused by name."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from configs import affectnet_breg, affwild, bold, emotic
from emojax import systems
from emojax.errors import ConfigError, OutputError

pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")

from emojax.exports.inference import Inference, inference  # noqa: E402
from emojax.exports.to_onnx import file  # noqa: E402
from emojax.exports.to_onnx.trace import convert  # noqa: E402
from emojax.models import toom_cook  # noqa: E402

(BATCH,) = jax.export.symbolic_shape("batch")
RNG = np.random.default_rng(0)


def _numbers(*shape) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def _conv(x, kernel, **options):
    return lax.conv_general_dilated(
        x,
        kernel,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        **{"window_strides": (1, 1), "padding": "SAME"} | options,
    )


def _scanned(x, w):
    def step(carry, frame):
        carry = jnp.tanh(carry @ w + frame)
        return carry, carry * 2

    start = jnp.zeros((x.shape[0], x.shape[2]))
    last, all_of_them = lax.scan(step, start, jnp.swapaxes(x, 0, 1), reverse=True)
    return last + jnp.swapaxes(all_of_them, 0, 1).sum(axis=1)


def _counted(x, w):
    return lax.scan(lambda carry, _: (carry @ w, None), x[:, 0], None, length=3)[0]


# name -> function of x and weights, shape of one x, weights
FUNCTIONS = {
    "convolution, strides": (
        lambda x, w: _conv(x, w, window_strides=(2, 2)),
        (7, 6, 4),
        _numbers(3, 3, 4, 5),
    ),
    "convolution in groups": (
        lambda x, w: _conv(x, w, feature_group_count=4),
        (5, 5, 4),
        _numbers(3, 3, 1, 8),
    ),
    "dilated convolution": (lambda x, w: _conv(x, w, rhs_dilation=(2, 2)), (7, 7, 2), _numbers(3, 3, 2, 2)),
    "convolution of tiles": (toom_cook.convolve, (7, 2), _numbers(9, 2, 4)),
    "convolution of clips": (
        lambda x, w: lax.conv_general_dilated(
            x, w, (1, 2, 2), "VALID", dimension_numbers=("NDHWC", "DHWIO", "NDHWC")
        ),
        (4, 6, 6, 2),
        _numbers(3, 3, 3, 2, 4),
    ),
    "maximum of windows": (
        lambda x, w: lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME"),
        (7, 7, 2),
        None,
    ),
    "sum of windows": (
        lambda x, w: lax.reduce_window(x, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"),
        (6, 4, 3),
        None,
    ),
    "products": (lambda x, w: jnp.einsum("btd,kd->kbt", x, w) + x.sum(-1), (5, 3), _numbers(2, 3)),
    "products of the batch": (lambda x, w: jnp.einsum("btd,bsd->bts", x, x), (5, 3), None),
    "batch norm": (lambda x, w: (x - w) * lax.rsqrt(jnp.square(w) + 1e-5), (4, 3), _numbers(3)),
    "softmax, gelu, elu": (
        lambda x, w: jax.nn.elu(jax.nn.gelu(jax.nn.softmax(x), approximate=False) - 0.1),
        (9,),
        None,
    ),
    "choices": (lambda x, w: jnp.where((x > 0) & (x != w), jnp.clip(x, -0.5, 0.5), x**3), (4,), _numbers(4)),
    "slices": (lambda x, w: x[:, 1:6:2] + x[:, ::-1][:, :3] + x[:, [4, 0, 2]], (7, 2), None),
    "grid of places": (lambda x, w: x[:, ::2, ::2], (6, 5, 3), None),
    "padding, joining": (lambda x, w: jnp.concatenate([jnp.pad(x, ((0, 0), (1, 2))), x], 1), (4,), None),
    "parts": (lambda x, w: sum(a * i for i, a in enumerate(jnp.split(x, 3, axis=1))), (6,), None),
    "place of the maximum": (lambda x, w: jnp.cumsum(x, 1) * jnp.argmax(x, axis=1)[:, None], (5,), None),
    "value at a place": (
        lambda x, w: jnp.take_along_axis(x, jnp.argmax(x[:, :, :1], axis=1, keepdims=True), axis=1)[:, 0],
        (5, 3),
        None,
    ),
    "batch and time as one axis": (
        lambda x, w: (x.reshape(-1, 3) @ w).reshape(x.shape[0], 4, 2),
        (4, 3),
        _numbers(3, 2),
    ),
    "loop backwards": (_scanned, (6, 3), _numbers(3, 3)),
    "loop without a series": (_counted, (1, 3), _numbers(3, 3)),
    "loop over frames by number": (
        lambda x, w: lax.map(lambda t: lax.dynamic_index_in_dim(x, t, 1, keepdims=False) + t, jnp.arange(3)),
        (3, 2),
        None,
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_onnxruntime_computes_what_jax_computes_for_any_batch_size(name):
    function, shape, weights = FUNCTIONS[name]

    def named(variables, inputs):
        return {"y": function(inputs["x"], variables)}

    inputs = {"x": jax.ShapeDtypeStruct((BATCH, *shape), np.float32)}
    model = convert(named, weights, inputs, BATCH)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    x = _numbers(3, *shape)
    expected = jax.jit(function)(x, weights)
    np.testing.assert_allclose(session.run(None, {"x": x})[0], expected, rtol=1e-5, atol=1e-5)


def test_what_depends_on_weights_alone_is_computed_when_the_file_is_written():
    def network(variables, inputs):
        return {"y": inputs["x"] @ jnp.sort(jnp.tanh(variables @ variables)), "unread": inputs["z"]}

    inputs = {n: jax.ShapeDtypeStruct((BATCH, 3), np.float32) for n in "xz"}
    model = convert(network, _numbers(3, 3), inputs, BATCH)
    assert [node.op_type for node in model.graph.node if node.op_type != "Identity"] == ["MatMul"]
    alone = convert(lambda v, given: {"y": network(v, given)["y"]}, _numbers(3, 3), inputs, BATCH)
    assert [given.name for given in alone.graph.input] == ["x"]  # z is not read


def test_a_primitive_without_a_counterpart_is_refused_by_name_unless_nothing_needs_it():
    inputs = {"x": jax.ShapeDtypeStruct((BATCH, 3), np.float32)}
    with pytest.raises(ConfigError, match="uses JAX's sort"):
        convert(lambda v, given: {"y": jnp.sort(given["x"])}, None, inputs, BATCH)

    def unused(variables, given):
        jnp.sort(given["x"])
        return {"y": given["x"]}

    assert not [n for n in convert(unused, None, inputs, BATCH).graph.node if n.op_type != "Identity"]


def test_a_network_that_needs_the_number_of_examples_is_refused_in_words():
    inputs = {"x": jax.ShapeDtypeStruct((BATCH, 3), np.float32)}
    with pytest.raises(ConfigError, match="so the batch size cannot stay free"):
        convert(
            lambda v, given: {"y": given["x"] * np.arange(given["x"].shape[0])[:, None]}, None, inputs, BATCH
        )


def test_a_file_that_predicts_other_numbers_is_not_written():
    inputs = {"x": jax.ShapeDtypeStruct((BATCH, 3), np.float32)}
    model = convert(lambda v, given: {"y": given["x"] * 1.001}, None, inputs, BATCH)
    with pytest.raises(OutputError, match="y differs from JAX's by 9.7e-04"):
        file.check(model.SerializeToString(), Inference(lambda v, g: {"y": g["x"]}, inputs, BATCH), None)


NETWORKS = {
    "graph of labels, BReG-NeXt": affectnet_breg.get_config("breg_emotion_gcn@demo"),
    "people, one stream": emotic.get_config("emotic_b_r18@demo"),
    "skeletons": bold.get_config("bold_stgcn_spatial@demo"),
    "recurrent layer over faces": affwild.get_config("affwild_cnn_gru@demo"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_every_kind_become_onnx_files_that_load(name):
    config = NETWORKS[name]
    recipe = systems.stand_in(config)
    system, found = systems.build(config, recipe), inference(config, recipe)
    shapes = jax.eval_shape(system.init, jax.random.key(0))
    variables = jax.tree.map(lambda leaf: np.full(leaf.shape, 0.01, leaf.dtype), shapes)
    if system.constants:
        variables["constants"] = system.constants
    session = onnxruntime.InferenceSession(
        convert(found.function, variables, found.inputs, found.batch).SerializeToString()
    )
    inputs = file.random_inputs(found, 2)
    outputs = session.run(None, {given.name: inputs[given.name] for given in session.get_inputs()})
    assert all(len(output) == 2 and np.isfinite(output).all() for output in outputs)
    assert {given.shape[0] for given in session.get_inputs()} == {"batch"}
