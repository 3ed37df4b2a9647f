"""Capsules: squashing, routing, and the sizes of the discriminator."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from emojax.models.capsule import CapsuleDiscriminator, route, squash


def test_squashing_keeps_the_direction_and_brings_the_length_below_one():
    s = np.array([[3.0, 4.0], [0.3, -0.4], [0.0, 0.0]])
    found = np.asarray(squash(jnp.asarray(s)))
    np.testing.assert_allclose(found[0], 25 / 26 * np.array([0.6, 0.8]), rtol=1e-5)
    np.testing.assert_allclose(found[1], 0.25 / 1.25 * np.array([0.6, -0.8]), rtol=1e-5)
    assert not found[2].any()


def test_routing_is_that_of_the_paper_step_by_step():
    votes = np.random.default_rng(0).normal(size=(2, 5, 3, 4)).astype(np.float32)
    expected = []
    for of_one in votes:
        logits = np.zeros((5, 3))
        for _ in range(3):
            coupling = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            s = np.sum(coupling[..., None] * of_one, axis=0)
            length = np.linalg.norm(s, axis=-1, keepdims=True)
            v = length**2 / (1 + length**2) * s / length
            logits = logits + np.sum(of_one * v, axis=-1)
        expected.append(v)
    np.testing.assert_allclose(route(jnp.asarray(votes), 3), expected, rtol=1e-4, atol=1e-6)


def test_the_published_sizes():
    net = CapsuleDiscriminator()
    found = jax.eval_shape(
        lambda key: net.init(key, jnp.zeros((1, 64, 64, 3)), train=False), jax.random.key(0)
    )
    shapes = jax.tree.map(lambda x: x.shape, found["params"])
    assert shapes == {
        "conv": {"kernel": (9, 9, 3, 256), "bias": (256,)},
        "primary": {"kernel": (9, 9, 256, 256), "bias": (256,)},  # 32 types of 8 values
        "votes": (24 * 24 * 32, 8, 16),
        "head": {"kernel": (16, 2), "bias": (2,)},
    }
    assert sum(x.size for x in jax.tree.leaves(found)) == 7_730_466
    outputs = jax.eval_shape(lambda v: net.apply(v, jnp.zeros((5, 64, 64, 3)), train=False), found)
    assert outputs["outputs"].shape == (5, 3) and outputs["features"].shape == (5, 16)


def test_the_length_of_the_capsule_is_the_probability_of_real():
    net = CapsuleDiscriminator(1)
    x = jax.random.uniform(jax.random.key(0), (3, 32, 32, 3), minval=-1)
    variables = net.init(jax.random.key(1), x, train=False)
    variables["params"]["votes"] = 40 * variables["params"]["votes"]
    found = net.apply(variables, x, train=True)
    length = np.linalg.norm(found["features"], axis=-1)
    assert length.min() > 1e-3
    np.testing.assert_allclose(1 / (1 + np.exp(found["outputs"][:, 2])), length, rtol=1e-3)
    gradient = jax.grad(lambda x: net.apply(variables, x, train=True)["outputs"].sum())(jnp.zeros_like(x))
    assert np.isfinite(gradient).all()
    assert found["outputs"].dtype == jnp.float32
