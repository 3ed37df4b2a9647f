"""A toy system with two optimisers that alternate, through public interfaces alone.

A regressor tells arousal from the mean colour of a picture and noise; a critic tells its answers from the truth.
Even steps move the critic, odd steps the regressor: a GAN in small.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax

from emojax.data.inputs import Inputs
from emojax.engine.mesh import DATA_AXIS, gather_rows
from emojax.engine.state import TrainState
from emojax.engine.step import sample_keys
from emojax.systems.base import System


class AdversarialToy(System):
    """See the module."""

    inputs = Inputs(("image",), ("label", "valence", "arousal"))
    monitor = "rmse"  # smaller is better: config.monitor_direction
    headline = ("rmse",)
    protocol = "toy"
    reads = ("value",)

    def __init__(self, config, dataset):
        super().__init__(config, dataset.recipe)
        self.labels = dataset.labels
        self.measure = self

    def init(self, key, constants=None):
        first, second = jax.random.split(key)
        return {
            "params": {
                "regressor": {"kernel": jax.random.normal(first, (4,)), "bias": jnp.zeros(())},
                "critic": {"kernel": jax.random.normal(second, (4,)), "bias": jnp.zeros(())},
            }
        }

    def program(self, steps_per_epoch):
        return Alternating()

    def predict(self, variables, batch):
        return {
            "value": answers(variables["params"]["regressor"], colours(batch), jnp.zeros(len(batch["mask"])))
        }

    def metrics(self, outputs):
        return {"rmse": float(np.sqrt(np.mean((outputs["value"] - outputs["arousal"]) ** 2)))}

    def columns(self, outputs):
        return {"value": outputs["value"]}


class Alternating:
    """Adam for the regressor, SGD with momentum for the critic, one after the other; see `Program`."""

    def __init__(self):
        self.optimizers = {"regressor": optax.adam(0.05, b1=0.5), "critic": optax.sgd(0.05, momentum=0.9)}

    def init(self, variables):
        states = {name: tx.init(variables["params"][name]) for name, tx in self.optimizers.items()}
        return TrainState.create(variables, states)

    def update(self, state, batch, key):
        def step_of(name, objective):
            def step(_):
                def loss(part):
                    return objective({**state.params, name: part}, batch, key)

                value, grads = jax.value_and_grad(loss)(state.params[name])
                grads = jax.lax.pmean(grads, DATA_AXIS)
                updates, new = self.optimizers[name].update(grads, state.opt_state[name], state.params[name])
                params = {**state.params, name: optax.apply_updates(state.params[name], updates)}
                return params, {**state.opt_state, name: new}, value

            return step

        moves_critic = state.step % 2 == 0
        branches = step_of("critic", critic_loss), step_of("regressor", regressor_loss)
        params, opt_state, value = jax.lax.cond(moves_critic, *branches, None)
        return TrainState(state.step + 1, params, state.model_state, opt_state), {"loss": value}

    def after_evaluation(self, state, metrics):
        return state


def colours(batch):
    """``[b, 3]`` in [-1, 1]."""
    return batch["image"].astype(jnp.float32).mean((1, 2)) / 127.5 - 1


def answers(params, colour, noise):
    inputs = jnp.concatenate([colour, 0.1 * noise[:, None]], axis=-1)
    return inputs @ params["kernel"] + params["bias"]


def both_sides(params, batch, key):
    """Logits of the critic for answers and truth, the squared errors, the mask; all of the global batch."""
    keys = sample_keys(key, batch["position"])
    colour = colours(batch)
    given = answers(params["regressor"], colour, jax.vmap(jax.random.normal)(keys))
    critic = params["critic"]

    def logit(value):
        return jnp.concatenate([colour, value[:, None]], axis=-1) @ critic["kernel"] + critic["bias"]

    return gather_rows(
        (logit(given), logit(batch["arousal"]), (given - batch["arousal"]) ** 2, batch["mask"])
    )


def mean(values, mask):
    return jnp.sum(values * mask) / jnp.sum(mask)


def critic_loss(params, batch, key):
    given, true, _, mask = both_sides(params, batch, key)
    return mean(jax.nn.softplus(given) + jax.nn.softplus(-true), mask)


def regressor_loss(params, batch, key):
    given, _, error, mask = both_sides(params, batch, key)
    return mean(error + 0.1 * jax.nn.softplus(-given), mask)
