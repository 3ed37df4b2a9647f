"""Convolutions of the backbones."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax.models import convolve
from emojax.models.conv import Conv, PointwiseConv, conv


@pytest.mark.parametrize(("side", "stride", "bias"), [(6, 1, False), (7, 2, True), (6, 2, False)])
def test_a_pointwise_convolution_has_flaxs_parameters_outputs_and_gradients(side, stride, bias):
    x = np.random.default_rng(0).normal(size=(2, side, side, 5)).astype(np.float32)
    init = nn.initializers.he_normal()
    ours = PointwiseConv(4, stride, kernel_init=init, use_bias=bias)
    flax = nn.Conv(4, (1, 1), (stride, stride), kernel_init=init, use_bias=bias)
    assert_same(ours, flax, x)


@pytest.mark.parametrize("part", [60, 10**9])
@pytest.mark.parametrize(
    ("sizes", "sides", "strides", "padding"),
    [
        ((6, 9), (3, 3), (1, 1), ((1, 1), (1, 1))),
        ((7, 6), (5, 3), (2, 2), ((2, 1), (0, 0))),
        ((3, 4, 5), (3, 2, 3), (1, 1, 2), ((1, 1), (0, 1), (1, 1))),
    ],
)
def test_a_convolution_has_flaxs_parameters_outputs_and_gradients_whole_and_in_parts(
    monkeypatch, part, sizes, sides, strides, padding
):
    monkeypatch.setattr(convolve, "_MOST", part)
    monkeypatch.setattr(convolve, "_PART", part)
    x = np.random.default_rng(0).normal(size=(2, *sizes, 3)).astype(np.float32)
    options = dict(strides=strides, padding=padding, kernel_init=nn.initializers.he_normal(), use_bias=True)
    assert_same(Conv(4, sides, **options), nn.Conv(4, sides, **options), x)


@pytest.mark.parametrize(
    ("sizes", "sides", "padding", "channels", "features"),
    [
        ((6, 9), (3, 3), ((1, 1), (1, 1)), 4, 4),
        ((7, 4), (2, 3), ((0, 2), (1, 0)), 5, 1),
        ((5, 5), (5, 5), ((0, 0), (0, 0)), 3, 2),
    ],
)
def test_rows_of_all_pictures_on_end_have_flaxs_outputs_and_gradients(
    monkeypatch, sizes, sides, padding, channels, features
):
    monkeypatch.setattr(convolve, "_WORTHWHILE", 0)
    on_end, asked = convolve._rows_on_end, []
    monkeypatch.setattr(convolve, "_rows_on_end", lambda *given: asked.append(given) or on_end(*given))
    x = np.random.default_rng(0).normal(size=(2, *sizes, channels)).astype(np.float32)
    options = dict(strides=(1, 1), padding=padding, kernel_init=nn.initializers.he_normal())
    assert_same(Conv(features, sides, **options), nn.Conv(features, sides, use_bias=False, **options), x)
    assert asked


@pytest.mark.parametrize(
    ("shape", "sides", "features", "stride", "dtype", "quick"),
    [
        ((8, 56, 56, 128), (3, 3), 32, 1, "float32", True),  # DenseNet-121
        ((8, 56, 56, 64), (3, 3), 64, 1, "float32", True),  # ResNet-50
        ((8, 28, 28, 128), (3, 3), 128, 1, "float32", False),  # two tiles a row
        ((8, 14, 14, 128), (3, 3), 32, 1, "float32", False),  # little to gain
        ((8, 56, 56, 64), (3, 3), 64, 2, "float32", False),
        ((8, 56, 56, 64), (1, 3), 64, 1, "float32", False),
        ((8, 56, 56, 32), (3, 3), 128, 1, "float32", False),
        ((8, 56, 56, 128), (3, 3), 32, 1, "bfloat16", False),
        ((2, 5, 56, 56, 64), (3, 3, 3), 64, 1, "float32", False),
    ],
)
def test_rows_are_laid_on_end_where_a_row_alone_is_one_threads_work(
    shape, sides, features, stride, dtype, quick
):
    x, kernel = np.empty(shape, dtype), np.empty((*sides, shape[-1], features), dtype)
    padding = tuple((side // 2, side // 2) for side in sides)
    assert convolve._on_one_thread(x, kernel, (stride,) * len(sides), padding) == quick


def assert_same(ours, flax, x):
    def run(net):
        variables = net.init(jax.random.key(1), x)
        outputs, gradients = jax.vjp(net.apply, variables, x)
        return variables, outputs, gradients(jnp.cos(outputs))

    def assert_close(a, b):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)

    jax.tree.map(assert_close, run(ours), run(flax))


def test_convolutions_of_one_pixel_are_pointwise_and_others_pad_as_torch():
    assert isinstance(conv(4, 1, 2, dtype=jnp.float32, name="c"), PointwiseConv)
    x = jnp.ones((1, 6, 6, 2))
    variables = {"params": {"kernel": jnp.ones((3, 3, 2, 4))}}
    y = conv(4, 3, 2, dtype=jnp.float32, name=None).apply(variables, x)
    assert (
        y.shape == (1, 3, 3, 4) and float(y[0, 0, 0, 0]) == 2 * 4
    )  # a row and a column of zeros above and left


def test_bfloat16_is_computed_and_float32_kept():
    net = PointwiseConv(4, dtype=jnp.bfloat16, use_bias=True)
    y, variables = net.init_with_output(jax.random.key(0), jnp.ones((1, 2, 2, 3)))
    assert y.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
