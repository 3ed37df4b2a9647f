"""Moments of a map: exact where E[x^2] - E[x]^2 is not, differentiable, the same over devices and in parts."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from emojax.engine.mesh import data_mesh
from emojax.models.moments import _one_by_one, _together, _two_sums, join, moments, normalise
from emojax.models.norm import BatchNorm


def draw(mean, sd, shape=(16, 5, 5, 4), seed=0):
    return np.random.default_rng(seed).normal(mean, sd, shape).astype(np.float32)


@pytest.mark.parametrize("mean, sd", [(0, 1), (30, 0.05), (100, 0.01), (-1000, 0.5)])
@pytest.mark.parametrize("devices", [None, 8])
def test_variance_is_exact_beside_a_large_mean(mean, sd, devices):
    x = draw(mean, sd)
    if devices is None:
        found = moments(jnp.asarray(x))
    else:
        mapped = jax.shard_map(
            lambda part: moments(part, None, "data"),
            mesh=data_mesh(jax.devices()[:devices]),
            in_specs=P("data"),
            out_specs=P(),
            check_vma=False,
        )
        found = jax.jit(mapped)(x)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(found.var, exact.var((0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(found.mean, exact.mean((0, 1, 2)), rtol=1e-6, atol=1e-6)
    assert found.count == x.size // 4


@pytest.mark.parametrize("mean, sd", [(30, 0.05), (100, 0.01)])
def test_a_normalised_map_beside_a_large_mean_has_mean_zero_and_variance_one(mean, sd):
    x = draw(mean, sd)
    norm = BatchNorm(epsilon=0.0)
    y, _ = norm.apply(norm.init(jax.random.key(0), x, train=True), x, train=True, mutable=["batch_stats"])
    exact = x.astype(np.float64)
    expected = (exact - exact.mean((0, 1, 2))) / exact.std((0, 1, 2))
    np.testing.assert_allclose(y, expected, atol=2e-3)


def test_gradients_are_those_of_the_formula_differentiated_in_float64():
    x, mask = draw(3, 2, (6, 2, 3)), np.r_[np.ones(4), np.zeros(2)].astype(np.float32)
    weights = draw(0, 1, x.shape, seed=1) * mask[:, None, None]

    def ours(x):
        mean, var, _ = moments(x, mask)
        y = normalise(x, mean, 1.7 * jax.lax.rsqrt(var + 1e-5), jnp.full(3, 0.3), jnp.float32)
        return jnp.sum(y * weights)

    def plain(x):
        real = x[:4]
        y = (x - real.mean((0, 1))) / jnp.sqrt(real.var((0, 1)) + 1e-5) * 1.7 + 0.3
        return jnp.sum(y * weights)

    with jax.enable_x64(True):
        expected = jax.jit(jax.grad(plain))(jnp.asarray(x, jnp.float64))
    np.testing.assert_allclose(jax.jit(jax.grad(ours))(x), expected, atol=2e-6)


def test_frames_count_like_samples_and_padded_frames_do_not_count():
    x = draw(3, 2, (4, 6, 5, 3))
    frames = (np.arange(6) < np.array([6, 2, 1, 0])[:, None]).astype(np.float32)
    found = moments(x, frames)
    flat = moments(x.reshape(24, 5, 3), frames.reshape(24))
    real = x[frames > 0]
    np.testing.assert_allclose(found.mean, real.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(found.var, real.var((0, 1)), rtol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, found, flat)


def test_joined_moments_of_parts_are_those_of_the_concatenation():
    a, b = draw(3, 2), draw(-1, 0.5, seed=1)
    whole = moments(np.concatenate([a, b], axis=-1))
    jax.tree.map(np.testing.assert_array_equal, join([moments(a), moments(b)]), whole)


def test_no_real_sample_gives_finite_moments():
    found = moments(draw(5, 1), np.zeros(16, np.float32))
    assert all(np.isfinite(part).all() for part in found) and found.count == 0


def test_accelerators_take_both_sums_in_one_reduction_that_gives_what_two_give():
    a, b = draw(3, 2), draw(-1, 0.5, seed=1)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6), _together(a, b), _one_by_one(a, b))
    traced = jax.jit(_two_sums).trace(a, b)
    reductions = [
        traced.lower(lowering_platforms=(p,)).as_text().count("stablehlo.reduce(") for p in ("cuda", "cpu")
    ]
    assert reductions == [1, 2]
