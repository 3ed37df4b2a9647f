"""Consensus over snippets: what it gives at the start and that its weights learn."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from emojax.errors import ConfigError
from emojax.models.consensus import CONSENSUS, Consensus


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("kind", CONSENSUS)
def test_the_consensus_of_equal_snippets_is_the_snippet_and_weights_add_up_to_one(kind):
    snippet = draw(3, 1, 5)
    outputs, features = np.repeat(snippet, 7, axis=1), np.repeat(draw(3, 1, 8), 7, axis=1)
    module = Consensus(kind)
    (video, weights), _ = module.init_with_output(jax.random.key(0), outputs, features)
    np.testing.assert_allclose(video, snippet[:, 0], atol=1e-6)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("kind", ["linear", "attention"])
def test_weights_learn_which_snippet_tells(kind):
    outputs, features = draw(64, 3, 1), draw(64, 3, 4, seed=1)
    features[..., 0] = np.array([0, 1, 0])  # the second snippet tells, and its feature says so
    truth = outputs[:, 1]
    module = Consensus(kind)
    params = module.init(jax.random.key(0), outputs, features)["params"]
    tx = optax.adam(0.1)

    @jax.jit
    def step(params, state):
        def loss(p):
            return jnp.mean(jnp.square(module.apply({"params": p}, outputs, features)[0] - truth))

        updates, state = tx.update(jax.grad(loss)(params), state)
        return optax.apply_updates(params, updates), state

    state = tx.init(params)
    for _ in range(150):
        params, state = step(params, state)
    _, weights = module.apply({"params": params}, outputs, features)
    assert weights.mean(axis=0).argmax() == 1 and weights[:, 1].mean() > 0.8


def test_an_unknown_consensus_is_told_with_those_there_are():
    with pytest.raises(ConfigError, match="average, linear, attention"):
        Consensus("mean").init(jax.random.key(0), draw(1, 2, 3), draw(1, 2, 4))
