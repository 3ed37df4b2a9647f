"""Dropout: the draws are those of JAX's own generator, whichever way they are computed."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from emojax.models.dropout import bernoulli, dropout


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg"])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_draws_are_those_of_jax_bit_for_bit(share, impl):
    keys = jax.random.split(jax.random.key(3, impl=impl), 3)
    expected = jax.vmap(lambda key: jax.random.bernoulli(key, share, (7, 5, 3)))(keys)
    np.testing.assert_array_equal(bernoulli(keys, share, (7, 5, 3)), expected)


def test_what_is_kept_grows_by_what_is_dropped():
    out = np.asarray(dropout(np.ones((2, 400), np.float32), jax.random.split(jax.random.key(0), 2), 0.2))
    assert set(np.unique(out)) == {np.float32(0), np.float32(1.25)}
    assert abs((out == 0).mean() - 0.2) < 0.05


def test_samples_that_are_not_in_front_drop_the_same_values():
    x, keys, order = np.arange(1.0, 25).reshape(2, 3, 4), jax.random.split(jax.random.key(1), 2), (2, 0, 1)
    moved = dropout(x.transpose(order), keys, 0.5, order)
    np.testing.assert_array_equal(moved, dropout(x, keys, 0.5).transpose(order))
