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
