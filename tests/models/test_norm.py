"""Batch normalisation: what it computes, on one device and on many, with and without padding."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from emojax.engine.mesh import data_mesh
from emojax.models.norm import BatchNorm


def data(rows=16, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(3.0, 2.0, (rows, 3, 2, 4)).astype(np.float32)


def variables():
    rng = np.random.default_rng(1)
    stats = {"mean": rng.normal(size=4), "var": rng.uniform(0.5, 2, 4)}
    params = {"scale": rng.uniform(0.5, 2, 4), "bias": rng.normal(size=4)}
    return jax.tree.map(lambda v: jnp.asarray(v, jnp.float32), {"params": params, "batch_stats": stats})


def train(x, mask=None, **fields):
    y, new = BatchNorm(**fields).apply(variables(), x, train=True, mask=mask, mutable=["batch_stats"])
    return y, new["batch_stats"]


def test_normalises_by_the_biased_and_records_the_unbiased_variance():
    x, v = data(), variables()
    y, stats = train(x)
    mean, var, n = x.mean((0, 1, 2)), x.var((0, 1, 2)), x.size // 4
    expected = (x - mean) / np.sqrt(var + 1e-5) * v["params"]["scale"] + v["params"]["bias"]
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(stats["mean"], 0.9 * v["batch_stats"]["mean"] + 0.1 * mean, rtol=1e-5)
    unbiased = var * n / (n - 1)
    np.testing.assert_allclose(stats["var"], 0.9 * v["batch_stats"]["var"] + 0.1 * unbiased, rtol=1e-5)


def test_differs_from_flax_only_in_the_unbiased_running_variance():
    x, v = data(2), variables()
    y, stats = train(x)
    flax_norm = nn.BatchNorm(use_running_average=False, momentum=0.9, epsilon=1e-5)
    flax_y, flax_new = flax_norm.apply(v, x, mutable=["batch_stats"])
    np.testing.assert_allclose(y, flax_y, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(stats["mean"], flax_new["batch_stats"]["mean"], rtol=1e-5)
    share, flax_share = (s["var"] - 0.9 * v["batch_stats"]["var"] for s in (stats, flax_new["batch_stats"]))
    n = x.size // 4
    np.testing.assert_allclose(share, flax_share * n / (n - 1), rtol=1e-4)


def test_padding_rows_do_not_change_the_real_ones():
    x = data()
    padded = np.concatenate([x, np.full((5, 3, 2, 4), 100.0, np.float32)])
    y, stats = train(x)
    y_padded, stats_padded = train(padded, mask=np.r_[np.ones(16), np.zeros(5)].astype(np.float32))
    np.testing.assert_allclose(y_padded[:16], y, rtol=1e-5, atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), stats_padded, stats)


def test_one_sample_of_one_pixel_stays_finite():
    x = np.ones((1, 1, 1, 4), np.float32)
    y, stats = train(x)
    assert np.isfinite(y).all() and np.isfinite(stats["var"]).all()


@pytest.mark.parametrize("devices", [2, 8])
def test_output_gradient_and_statistics_do_not_depend_on_the_number_of_devices(devices):
    x = data()
    mask = np.r_[np.ones(11), np.zeros(5)].astype(np.float32)  # whole devices hold padding only
    target = np.random.default_rng(2).normal(size=x.shape).astype(np.float32)

    def loss(params, x, mask, target, axis_name):
        model = BatchNorm(axis_name=axis_name)
        v = {**variables(), "params": params}
        y, new = model.apply(v, x, train=True, mask=mask, mutable=["batch_stats"])
        total = jnp.sum(jnp.square(y - target) * mask[:, None, None, None])
        return (total if axis_name is None else jax.lax.psum(total, axis_name)), new["batch_stats"]

    grad = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
    params = variables()["params"]
    (value, stats), (param_grads, x_grads) = grad(params, x, mask, target, None)

    def device(params, x, mask, target):
        (value, stats), (dp, dx) = grad(params, x, mask, target, "data")
        # Every device holds the same loss, so their gradients add up to `devices` times the gradient.
        return value, stats, jax.lax.pmean(dp, "data"), dx / devices

    mesh = data_mesh(jax.devices()[:devices])
    specs = (P(), P("data"), P("data"), P("data"))
    mapped = jax.shard_map(
        device, mesh=mesh, in_specs=specs, out_specs=(P(), P(), P(), P("data")), check_vma=False
    )
    result = jax.jit(mapped)(params, x, mask, target)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4),
        result,
        (value, stats, param_grads, x_grads),
    )


def test_bfloat16_activations_keep_float32_statistics():
    x = jnp.asarray(data(64) + 30, jnp.bfloat16)
    y, stats = train(x, dtype=jnp.bfloat16)
    assert y.dtype == jnp.bfloat16 and stats["var"].dtype == jnp.float32
    mean = np.asarray(x, np.float32).mean((0, 1, 2))
    np.testing.assert_allclose(
        stats["mean"], 0.9 * variables()["batch_stats"]["mean"] + 0.1 * mean, rtol=1e-4
    )
