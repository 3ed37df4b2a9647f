"""Optimisers and schedules: the formulas of the sources, rates by part, one compilation under every schedule."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict

from configs.base import optimizer_options
from emojax.engine.fields import RANGES
from emojax.engine.loop import train
from emojax.engine.mesh import data_mesh
from emojax.engine.optim import learning_rate_schedule, make_optimizer
from emojax.ranges import require_ranges
from emojax.systems.base import SupervisedSystem
from tests.engine.adversarial_toy import AdversarialToy, regressor_loss
from tests.toy import make_config

SCHEDULES = ("constant", "step", "milestone", "cosine", "inverse_time", "plateau")


def options(**changes):
    config = optimizer_options(("body", "head"))
    config.update_from_flattened_dict({k.replace("__", "."): v for k, v in changes.items()})
    return config


def rates(steps, **changes):
    schedule = learning_rate_schedule(options(**changes), 0.1, steps_per_epoch=10, total_steps=100)
    return [float(schedule(step)) for step in steps]


def test_inverse_time_is_the_decay_of_keras():
    found = rates((0, 1, 10_000), schedule="inverse_time", decay_rate=1e-4)
    np.testing.assert_allclose(found, [0.1, 0.1 / 1.0001, 0.05], rtol=1e-6)


def test_inverse_time_counts_from_the_end_of_the_warm_up():
    found = rates((0, 5, 10, 20), schedule="inverse_time", decay_rate=0.1, warmup_epochs=1.0)
    np.testing.assert_allclose(found, [0, 0.05, 0.1, 0.05], rtol=1e-6)


def test_a_step_schedule_counts_epochs_or_steps():
    np.testing.assert_allclose(
        rates((9, 10, 20), schedule="step", decay_epochs=1, decay_factor=0.5), [0.1, 0.05, 0.025]
    )
    np.testing.assert_allclose(
        rates((6, 7, 14), schedule="step", decay_steps=7, decay_factor=0.5), [0.1, 0.05, 0.025]
    )
    np.testing.assert_allclose(
        rates((6, 7, 14), schedule="milestone", decay_steps=7, decay_factor=0.5), [0.1, 0.05, 0.05]
    )


def test_adam_has_the_betas_and_epsilon_of_the_config():
    """Kingma & Ba, algorithm 1, by hand; betas of a GAN, epsilon of Keras."""
    rate, b1, b2, eps = 0.1, 0.5, 0.9, 1e-3
    tx = make_optimizer(
        options(name="adam", learning_rate=rate, beta1=b1, beta2=b2, epsilon=eps, weight_decay=0.0), 1, 1
    )
    gradients = np.random.default_rng(0).normal(0, 0.01, (5, 3))
    x, m, v = np.ones(3), np.zeros(3), np.zeros(3)
    params = {"head": jnp.ones(3)}
    state = tx.init(params)
    for t, g in enumerate(gradients, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        x = x - rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
        updates, state = tx.update({"head": jnp.asarray(g, jnp.float32)}, state, params)
        params = optax.apply_updates(params, updates)
    np.testing.assert_allclose(params["head"], x, rtol=1e-5)


def update_of(params, gradients, factor_of=None, **changes):
    tx = make_optimizer(options(momentum=0.0, learning_rate=1.0, **changes), 1, 1, factor_of)
    return tx.update(gradients, tx.init(params), params)[0]


def test_gradients_are_clipped_by_the_norm_of_all_together_before_weight_decay():
    params = {"body": jnp.array([10.0]), "head": jnp.array([20.0])}
    gradients = {"body": jnp.array([3.0]), "head": jnp.array([4.0])}
    updates = update_of(params, gradients, clip_norm=1.0, weight_decay=0.1)
    np.testing.assert_allclose(updates["body"], -(0.6 + 1.0), rtol=1e-6)
    np.testing.assert_allclose(updates["head"], -(0.8 + 2.0), rtol=1e-6)
    small = update_of(params, gradients, clip_norm=6.0, weight_decay=0.0)
    np.testing.assert_allclose(small["head"], -4.0)


def test_a_frozen_part_neither_moves_nor_counts_for_the_clipping():
    params = {"body": jnp.array([10.0]), "head": jnp.array([20.0])}
    gradients = {"body": jnp.array([1e6]), "head": jnp.array([4.0])}
    factors = {"body": 0.0, "head": 0.5}
    changes = {f"factors__{part}": factor for part, factor in factors.items()}
    updates = update_of(
        params, gradients, lambda path: factors[path[0]], clip_norm=2.0, weight_decay=0.1, **changes
    )
    np.testing.assert_array_equal(updates["body"], 0)
    np.testing.assert_allclose(updates["head"], -0.5 * (2.0 + 2.0), rtol=1e-6)


def test_weight_decay_on_kernels_leaves_biases_and_scales_alone():
    params = {"head": {"kernel": jnp.full((2, 2), 10.0), "bias": jnp.full((2,), 10.0)}}
    for name in ("sgd", "adamw"):
        updates = update_of(
            params,
            jax.tree.map(jnp.zeros_like, params),
            name=name,
            weight_decay=0.1,
            weight_decay_on="kernels",
        )
        np.testing.assert_allclose(updates["head"]["kernel"], -1.0, rtol=1e-6)
        np.testing.assert_array_equal(updates["head"]["bias"], 0)


# Training recipes of the specs, as a config writes them.
RECIPES = {
    "emotion_gcn 5": {"name": "sgd", "learning_rate": 1e-3, "momentum": 0.9, "weight_decay": 1e-3},
    "context_emotion 5, AffectNet R18": {"name": "adam", "learning_rate": 1e-5, "weight_decay": 1e-5},
    "context_emotion 5, EMOTIC R50": {"schedule": "milestone", "decay_epochs": 5, "decay_factor": 0.2},
    "context_emotion 5, TSN and ST-GCN": {
        **{"name": "sgd", "learning_rate": 5e-3, "weight_decay": 1e-5},
        **{"schedule": "plateau", "decay_factor": 0.1, "plateau_patience": 10},
    },
    "corrections 13, bold_beeu": {"schedule": "milestone", "decay_epochs": 20, "decay_factor": 0.1},
    "corrections 17": {"name": "adam", "learning_rate": 0.01, "schedule": "step", "decay_epochs": 7},
    "affwild_cnn_rnn 4": {
        **{"name": "adam", "learning_rate": 1e-4, "epsilon": 1e-7, "weight_decay": 0.0},
        **{"schedule": "inverse_time", "decay_rate": 1e-4, "factors.body": 0.0},
    },
    "affwild_gan 4, generator": {
        **{"name": "adam", "learning_rate": 2e-4, "beta1": 0.5, "weight_decay": 0.0, "clip_norm": 20.0},
        **{"schedule": "step", "decay_steps": 10_000, "decay_factor": 0.5},
    },
    "image_sequences 4, R2": {
        **{"name": "adamw", "learning_rate": 1e-5, "weight_decay": 5e-4, "clip_norm": 1.0},
        "warmup_epochs": 1.0,
    },
    "image_sequences 4, R5": {
        **{"name": "adamw", "learning_rate": 1e-4, "weight_decay": 5e-4, "weight_decay_on": "kernels"},
        "factors.body": 0.1,
    },
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_optimiser_of_every_thesis_can_be_written_in_a_config(recipe):
    config = optimizer_options(("body", "head"))
    config.update_from_flattened_dict(RECIPES[recipe])
    require_ranges(ConfigDict({"optimizer": config}), RANGES)
    params = {"body": jnp.ones((2, 2)), "head": jnp.ones((2,))}
    tx = make_optimizer(config, 10, 100, lambda path: config.factors[path[0]])
    state = tx.init(params)
    for _ in range(12):  # beyond a warm-up of an epoch
        updates, state = tx.update(jax.tree.map(jnp.ones_like, params), state, params)
    assert (np.asarray(updates["head"]) < 0).all()
    assert (np.asarray(updates["body"]) == 0).all() == (config.factors.body == 0)


class Regressor(AdversarialToy):
    """The toy's regressor alone, trained by the program that every system gets from its config."""

    program = SupervisedSystem.program

    def loss(self, params, model_state, batch, key):
        return regressor_loss(params, batch, key), (model_state, {})

    def metrics(self, outputs):
        rmse = super().metrics(outputs)["rmse"]
        return {"rmse": rmse, "loss": rmse}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("freezes", [False, True])
def test_the_step_is_compiled_once_under_every_schedule(dataset, tmp_path, schedule, freezes):
    changes = {"optimizer__factors__head": 0.0 if freezes else 1.0, "optimizer__plateau_patience": 0}
    config = make_config(
        dataset, num_epochs=3, monitor_direction="smaller", optimizer__schedule=schedule, **changes
    )
    for stop in (7, 0):
        config.run.stop_after_steps = stop
        system = Regressor(config, dataset)
        system.part_of = lambda path: "head" if path[0] == "critic" else "backbone"
        result = train(config, system, dataset, tmp_path, mesh=data_mesh(jax.devices()[:1]), progress=False)
        assert result.compilations == 1
    assert result.finished
