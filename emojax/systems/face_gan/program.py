"""How the Regression GAN is trained: one step of the discriminator, then some of the generator (affwild_gan spec 4)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from emojax.engine.mesh import DATA_AXIS, gather_rows
from emojax.engine.program import Batch, Logs
from emojax.engine.state import TrainState
from emojax.engine.step import sample_keys
from emojax.objectives.adversarial import (
    discriminator_loss,
    generator_loss,
    margin_loss,
    matching_loss,
    matching_weight,
)
from emojax.objectives.ccc import ccc_loss
from emojax.objectives.masking import masked_mean, real_rows
from emojax.systems.face_gan.network import Networks, coded, labelled, noise

SHEETS = "sheets"


@dataclasses.dataclass(frozen=True)
class Adversarial:
    """See `emojax.engine.program.Program`. One update is one iteration of the thesis.

    The fakes of the discriminator's step carry no gradient. Its batch norms use the statistics of each batch, real and
    fake apart, and remember both; in the generator's steps they use them, too, and remember nothing (G29).

    Attributes:
        networks: both.
        config: of the system.
        optimizers: ``discriminator`` and ``generator`` -> optimiser.
    """

    networks: Networks
    config: Any
    optimizers: Mapping[str, optax.GradientTransformation]

    def init(self, variables: dict[str, Any]) -> TrainState:
        states = {name: tx.init(variables["params"][name]) for name, tx in self.optimizers.items()}
        return TrainState.create(variables, states)

    def update(self, state: TrainState, batch: Batch, key: jax.Array) -> tuple[TrainState, Logs]:
        images, step = coded(batch["image"]), state.step
        keys = jax.random.split(key, 1 + self.config.model.generator_updates)
        state, logs = self._discriminator_step(state, batch, images, keys[0])
        for one in keys[1:]:
            state, of_generator = self._generator_step(state, batch, images, one)
            logs |= of_generator
        return self._with_sheet(state.replace(step=step + 1)), logs

    def after_evaluation(self, state: TrainState, metrics: Mapping[str, Any]) -> TrainState:
        return state

    def _discriminator_step(self, state, batch, images, key) -> tuple[TrainState, Logs]:
        options, mask = self.config.model, batch["mask"]
        z_keys, real_keys, fake_keys = jax.vmap(lambda k: jax.random.split(k, 3), out_axes=1)(
            sample_keys(key, batch["position"])
        )
        z = noise(z_keys, options.noise)
        fakes, _ = self.networks.generate(state.params, state.model_state, z, train=True, mask=mask)

        def loss(params):
            both = {**state.params, "discriminator": params}
            real, kept = self.networks.discriminate(
                both, state.model_state, images, mask=mask, keys=real_keys
            )
            fake, kept = self.networks.discriminate(both, kept, fakes, mask=mask, keys=fake_keys)
            truth = jnp.stack([batch["valence"], batch["arousal"]], axis=-1)
            known = mask * labelled(batch["sequence"], options.label_fraction)
            rows = gather_rows((real["outputs"], fake["outputs"], truth, mask, known))
            total, logs = self._discriminator_losses(*rows)
            return total, (kept, logs)

        (value, (model_state, logs)), grads = jax.value_and_grad(loss, has_aux=True)(
            state.params["discriminator"]
        )
        state = self._apply("discriminator", state.replace(model_state=model_state), grads)
        return state, {"loss": value, **logs}

    def _discriminator_losses(self, real, fake, truth, mask, known) -> tuple[jax.Array, Logs]:
        options = self.config.model
        if options.supervised == "mse":
            supervised = masked_mean(jnp.mean(jnp.square(real[:, :2] - truth), axis=-1), known)
        else:
            supervised = ccc_loss(real[:, :2], truth, known)
        smooth = {"alpha": options.smooth_alpha, "side": options.smooth_side}
        if options.adversarial == "margin":
            sides = (margin_loss(real_rows(x[:, 2], mask), real=y) for x, y in ((real, True), (fake, False)))
            unsupervised = sum(masked_mean(side, mask) for side in sides)
        else:
            unsupervised = discriminator_loss(real[:, 2], fake[:, 2], mask, **smooth)
        total = options.supervised_weight * supervised + options.adversarial_weight * unsupervised
        judged = {
            f"judged_real/{name}": masked_mean((rows[:, 2] < 0).astype(jnp.float32), mask)
            for name, rows in (("real", real), ("fake", fake))
        }
        return total, {f"{options.supervised}_loss": supervised, "unsupervised_loss": unsupervised, **judged}

    def _generator_step(self, state, batch, images, key) -> tuple[TrainState, Logs]:
        options, mask = self.config.model, batch["mask"]
        z_keys, drop_keys, match_keys = jax.vmap(lambda k: jax.random.split(k, 3), out_axes=1)(
            sample_keys(key, batch["position"])
        )
        z = noise(z_keys, options.noise)
        weight = matching_weight(
            state.step,
            options.match_weight,
            options.match_anneal_steps,
            options.match_floor,
            options.match_schedule,
        )

        def loss(params):
            both = {**state.params, "generator": params}
            fakes, kept = self.networks.generate(both, state.model_state, z, train=True, mask=mask)
            judged, _ = self.networks.discriminate(both, state.model_state, fakes, mask=mask, keys=drop_keys)
            pair = images, fakes
            if options.match_space == "features":
                real, _ = self.networks.discriminate(
                    both, state.model_state, images, mask=mask, keys=match_keys
                )
                pair = jax.lax.stop_gradient(real["features"]), judged["features"]
            logit, real, fake, rows = gather_rows((judged["outputs"][:, 2], *pair, mask))
            adversarial = self._generator_loss(logit, rows)
            match = matching_loss(real, fake, rows, options.match_reduce)
            logs = {"generator_adversarial_loss": adversarial, "generator_match_loss": match}
            return adversarial + weight * match, (kept, logs)

        (value, (model_state, logs)), grads = jax.value_and_grad(loss, has_aux=True)(
            state.params["generator"]
        )
        state = self._apply("generator", state.replace(model_state=model_state), grads)
        return state, {"generator_loss": value, "match_weight": weight, **logs}

    def _generator_loss(self, logit, mask) -> jax.Array:
        if self.config.model.adversarial == "margin":
            return masked_mean(margin_loss(real_rows(logit, mask), real=True), mask)
        return generator_loss(logit, mask)

    def _apply(self, name: str, state: TrainState, grads) -> TrainState:
        grads = jax.lax.pmean(grads, DATA_AXIS)
        updates, new = self.optimizers[name].update(grads, state.opt_state[name], state.params[name])
        params = {**state.params, name: optax.apply_updates(state.params[name], updates)}
        return state.replace(params=params, opt_state={**state.opt_state, name: new})

    def _with_sheet(self, state: TrainState) -> TrainState:
        """Keeps the sheet of the fixed noise where this iteration is one of `config.model.sheet_steps`."""
        steps = jnp.array(self.config.model.sheet_steps, jnp.int32)
        if not len(steps):
            return state

        def draw(sheets):
            return jnp.where(
                (steps == state.step)[:, None, None, None, None], self._sheet(state)[None], sheets
            )

        drawn = jax.lax.cond(
            (steps == state.step).any(), draw, lambda sheets: sheets, state.model_state[SHEETS]
        )
        return state.replace(model_state={**state.model_state, SHEETS: drawn})

    def _sheet(self, state: TrainState) -> jax.Array:
        z = self.networks.sheet_noise(self.config)
        fakes, _ = self.networks.generate(state.params, state.model_state, z, train=False)
        return jnp.round((fakes + 1) * 127.5).astype(jnp.uint8)
