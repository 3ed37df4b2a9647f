"""Max pooling gives what Flax's gives, to the bit, and so does its gradient."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax.models.max_pool import max_pool

SHAPES = [
    ((3, 3), (2, 2), ((1, 1), (1, 1)), (2, 9, 12, 5)),
    ((2, 2), (2, 2), ((1, 1), (1, 1)), (2, 8, 7, 3)),
    ((3, 3), (2, 2), "SAME", (2, 10, 7, 4)),
    ((2, 2), (2, 2), "VALID", (3, 7, 9, 2)),
    ((3, 2), (1, 3), "VALID", (1, 6, 11, 3)),
    ((2, 3, 2), (2, 2, 2), ((0, 1), (1, 1), (1, 1)), (2, 5, 6, 7, 3)),
]


def with_ties(shape, seed=0):
    """Values on a coarse grid, half of them zero: most windows have several maxima."""
    return np.maximum(np.random.default_rng(seed).integers(-4, 4, shape), 0).astype(np.float32) / 2


def both(pool, x, *options):
    """The pooled map and the gradient of its product with random weights."""

    def forward_and_back(x):
        y, back = jax.vjp(lambda x: pool(x, *options), x)
        weights = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)
        return y, back(jnp.asarray(weights, y.dtype))[0]

    return jax.jit(forward_and_back)(x)


@pytest.mark.parametrize("window, strides, padding, shape", SHAPES)
def test_values_and_gradients_are_those_of_flax_also_where_maxima_are_equal(window, strides, padding, shape):
    x = with_ties(shape)
    expected, theirs = both(nn.max_pool, x, window, strides, padding)
    found, ours = both(max_pool, x, window, strides, padding)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(ours, theirs)


def test_gradients_of_bfloat16_are_rounded_once():
    x, options = with_ties((2, 9, 9, 4)), ((3, 3), (2, 2), ((1, 1), (1, 1)))
    _, found = both(max_pool, jnp.asarray(x, jnp.bfloat16), *options)

    def exact(x):
        y, back = jax.vjp(lambda x: nn.max_pool(x, *options), x)
        weights = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)
        return back(jnp.asarray(weights, jnp.bfloat16).astype(jnp.float32))[0].astype(jnp.bfloat16)

    np.testing.assert_array_equal(found, jax.jit(exact)(x))


def test_a_window_with_nan_gives_nan():
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    x[0, 0, 0, 0] = np.nan
    assert np.isnan(max_pool(x, (2, 2), (2, 2))).ravel().tolist() == [True, False, False, False]


def test_the_backward_pass_scatters_nothing():
    def loss(x):
        return jnp.sum(max_pool(x, (3, 3), (2, 2), "SAME") ** 2)

    program = jax.jit(jax.grad(loss)).lower(jnp.ones((1, 8, 8, 2))).as_text()
    assert "scatter" not in program
