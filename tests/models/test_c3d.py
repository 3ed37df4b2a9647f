"""C3D: the shapes of the specification for 5 and 16 frames, and equality with torch under copied weights."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax.models.c3d import C3D
from emojax.models.vgg_head import DenseLayers, pool_map

# image_sequences spec 2.5: outputs of the poolings and of the dense layers, without the batch.
SHAPES = {
    5: {
        "pool1": (5, 56, 56, 64),
        "pool2": (3, 28, 28, 128),
        "pool3": (2, 14, 14, 256),
        "pool4": (1, 7, 7, 512),
        "pool5": (1, 4, 4, 512),
        "fc6": (4096,),
        "fc7": (4096,),
    },
    16: {
        "pool1": (16, 56, 56, 64),
        "pool2": (8, 28, 28, 128),
        "pool3": (4, 14, 14, 256),
        "pool4": (2, 7, 7, 512),
        "pool5": (1, 4, 4, 512),
        "fc6": (4096,),
        "fc7": (4096,),
    },
}
PARAMETERS = {
    "conv1a": 5_248,
    "conv2a": 221_312,
    "conv3a": 884_992,
    "conv3b": 1_769_728,
    "conv4a": 3_539_456,
    "conv4b": 7_078_400,
    "conv5a": 7_078_400,
    "conv5b": 7_078_400,
    "head": 33_558_528 + 16_781_312,
}


@pytest.mark.parametrize("pad", ["same", "symmetric"])
@pytest.mark.parametrize("frames", SHAPES)
def test_shapes_are_those_of_the_specification(frames, pad):
    net, clip = C3D(pool5_pad=pad), jax.ShapeDtypeStruct((2, frames, 112, 112, 3), jnp.float32)
    stages, variables = jax.eval_shape(
        lambda x: net.init_with_output(jax.random.key(0), x, train=False), clip
    )
    assert {name: stages[name].shape[1:] for name in SHAPES[frames]} == SHAPES[frames]
    sizes = {name: sum(x.size for x in jax.tree.leaves(tree)) for name, tree in variables["params"].items()}
    assert sizes == PARAMETERS


def test_symmetric_windows_of_the_last_pooling_begin_one_before_the_map():
    # The 7 x 7 map of the last block of a 112 px clip, alone: windows start at -1, 1, 3 and 5.
    x = jnp.arange(49.0).reshape(1, 1, 7, 7, 1)
    pooled = C3D(pool5_pad="symmetric")._pool(x, 5)[0, 0, :, :, 0]
    rows = np.array([0, 2, 4, 6])
    np.testing.assert_array_equal(pooled, rows[:, None] * 7 + rows)
    np.testing.assert_array_equal(
        C3D()._pool(x, 5)[0, 0, :, :, 0], np.minimum(rows + 1, 6)[:, None] * 7 + np.minimum(rows + 1, 6)
    )


def test_dense_layers_give_their_features_before_and_after_the_relu():
    layers, x = DenseLayers(8), jnp.array(np.random.default_rng(0).normal(size=(3, 5)), jnp.float32)
    variables = layers.init(jax.random.key(0), x, train=False)
    stages = layers.apply(variables, x, train=False)
    kernel = variables["params"]["fc6"]["kernel"]
    np.testing.assert_allclose(stages["fc6_linear"], x @ kernel, atol=1e-6)
    for name in ("fc6", "fc7"):
        np.testing.assert_array_equal(stages[name], np.maximum(stages[f"{name}_linear"], 0))
    assert (stages["fc6_linear"] < 0).any()


def test_dropout_belongs_to_the_row_not_to_the_batch():
    layers, x = DenseLayers(64, 0.5), jnp.ones((4, 5))
    variables, keys = layers.init(jax.random.key(0), x, train=False), jax.random.split(jax.random.key(1), 4)
    whole = layers.apply(variables, x, train=True, keys=keys)["fc7"]
    part = layers.apply(variables, x[2:], train=True, keys=keys[2:])["fc7"]
    np.testing.assert_allclose(whole[2:], part, rtol=1e-6)
    assert not np.allclose(whole[0], whole[1])


def test_poolings_of_a_map_are_flat_mean_and_maximum():
    x = jnp.arange(24.0).reshape(1, 2, 3, 4)
    np.testing.assert_array_equal(pool_map(x, "flat"), x.reshape(1, 24))
    np.testing.assert_allclose(pool_map(x, "avg")[0], [10, 11, 12, 13])
    np.testing.assert_array_equal(pool_map(x, "max")[0], [20, 21, 22, 23])


@pytest.mark.parity
def test_every_stage_equals_torch_s_with_copied_weights():
    torch = pytest.importorskip("torch")
    widths, side = (4, 8, 8, 16, 16), 32
    net = C3D(widths, fc_units=12)
    clip = np.random.default_rng(0).normal(size=(2, 5, side, side, 3)).astype(np.float32)
    variables = net.init(jax.random.key(0), clip, train=False)
    ours = net.apply(variables, clip, train=False)
    x = torch.tensor(clip).permute(0, 4, 1, 2, 3)
    for block, layers in enumerate(("a", "a", "ab", "ab", "ab"), 1):
        for layer in layers:
            given = variables["params"][f"conv{block}{layer}"]
            kernel = torch.tensor(np.array(given["kernel"])).permute(4, 3, 0, 1, 2)
            x = torch.relu(
                torch.nn.functional.conv3d(x, kernel, torch.tensor(np.array(given["bias"])), padding=1)
            )
        time = 1 if block == 1 else 2
        x = torch.nn.functional.max_pool3d(x, (time, 2, 2), (time, 2, 2), ceil_mode=True)
        np.testing.assert_allclose(ours[f"pool{block}"], x.permute(0, 2, 3, 4, 1).numpy(), atol=1e-4)
    x = x.permute(0, 2, 3, 4, 1).reshape(2, -1)
    for name in ("fc6", "fc7"):
        given = variables["params"]["head"][name]
        x = torch.relu(x @ torch.tensor(np.array(given["kernel"])) + torch.tensor(np.array(given["bias"])))
        np.testing.assert_allclose(ours[name], x.numpy(), atol=1e-4)
