"""Losses of the Regression GAN (affwild_gan spec 3.3-3.5); the discriminator's logit is that of "fake"."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from emojax.errors import ConfigError
from emojax.objectives.masking import masked_mean, real_rows

ADVERSARIAL = ("cross_entropy", "margin")
SIDES = ("fake", "real", "none")
SPACES = ("pixels", "features")
REDUCTIONS = ("per_sample", "batch_mean")
SCHEDULES = ("anneal", "constant")


def _cross_entropy(logits: jax.Array, target: float) -> jax.Array:
    """Of a logit against a probability, ``[B]``."""
    return jax.nn.softplus(logits) - target * logits


def discriminator_loss(
    real: jax.Array, fake: jax.Array, mask: jax.Array, *, alpha: float = 0.9, side: str = "fake"
) -> jax.Array:
    """``BCE(real, 0) + BCE(fake, 1)`` with one-sided label smoothing (L_unsupervised, 3.3, 3.5).

    Args:
        real: ``[B]`` logits of real pictures.
        fake: ``[B]`` of drawn ones.
        mask: ``[B]``, 1 for a row that counts.
        alpha: what a smoothed target of 1 becomes; one of 0 becomes 1 - alpha.
        side: whose target is smoothed: ``fake``, ``real`` or ``none``.

    Raises:
        ConfigError: unknown side.
    """
    if side not in SIDES:
        raise ConfigError(f"Labels are smoothed on the side {', '.join(SIDES)}, not {side!r}.")
    of_real = 1 - alpha if side == "real" else 0.0
    of_fake = alpha if side == "fake" else 1.0
    losses = [_cross_entropy(real_rows(x, mask), t) for x, t in ((real, of_real), (fake, of_fake))]
    return masked_mean(losses[0], mask) + masked_mean(losses[1], mask)


def generator_loss(fake: jax.Array, mask: jax.Array) -> jax.Array:
    """``-mean log(1 - f_fake)``, not saturating (L_G1); ``[B]`` logits."""
    return masked_mean(_cross_entropy(real_rows(fake, mask), 0.0), mask)


def margin_loss(logits: jax.Array, real: bool) -> jax.Array:
    """``T max(0, 0.9 - l)^2 + 0.5 (1 - T) max(0, l - 0.1)^2`` of CapsuleGAN, ``[B]``, T = 1 for `real` (spec 2.7).

    Args:
        logits: ``[B]`` of "fake"; the length l of the capsule is the probability of "real".
        real: what the pictures should be taken for.
    """
    length = jax.nn.sigmoid(-logits)
    if real:
        return jnp.square(jnp.maximum(0.0, 0.9 - length))
    return 0.5 * jnp.square(jnp.maximum(0.0, length - 0.1))


def huber(difference: jax.Array, delta: float = 1.0) -> jax.Array:
    """Half the square up to `delta`, linear beyond, elementwise."""
    size = jnp.abs(difference)
    return jnp.where(size <= delta, 0.5 * size**2, delta * size - 0.5 * delta**2)


def matching_loss(
    real: jax.Array, fake: jax.Array, mask: jax.Array, reduction: str = "per_sample"
) -> jax.Array:
    """Mean Huber loss between real and drawn pictures or features (L_G2).

    Args:
        real: ``[B, ...]``.
        fake: ``[B, ...]``.
        mask: ``[B]``.
        reduction: ``per_sample``, as the thesis prints it; ``batch_mean`` compares the means over the batch, as
            feature matching does.
    """
    real, fake = real_rows(real, mask), real_rows(fake, mask)
    if reduction == "batch_mean":
        count = jnp.maximum(jnp.sum(mask), 1)
        return jnp.mean(huber((jnp.sum(real, axis=0) - jnp.sum(fake, axis=0)) / count))
    each = huber(real - fake)
    return masked_mean(jnp.mean(each.reshape(len(each), -1), axis=1), mask)


def matching_weight(
    step: jax.Array, weight: float, anneal_steps: int, floor: float, schedule: str
) -> jax.Array:
    """``max(floor, weight max(0, 1 - t / anneal_steps))``, or `weight` itself (3.4)."""
    if schedule == "constant":
        return jnp.float32(weight)
    return jnp.maximum(floor, weight * jnp.maximum(0.0, 1 - step.astype(jnp.float32) / anneal_steps))
