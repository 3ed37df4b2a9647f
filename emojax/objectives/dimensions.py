"""Regression of continuous dimensions such as valence, arousal and dominance (context_emotion spec 3)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from emojax.errors import ConfigError
from emojax.objectives.masking import masked_mean, real_rows


def smooth_l1_loss(
    predicted: jax.Array, truth: jax.Array, mask: jax.Array, *, reduction: str = "mean"
) -> jax.Array:
    """``d^2 / 2`` where ``|d| < 1``, else ``|d| - 1/2``, mean over the global batch (eq. 4.3).

    Args:
        predicted: ``[B, D]``.
        truth: ``[B, D]``.
        mask: ``[B]``, 1 for a real sample, 0 for padding.
        reduction: "mean" over the D dimensions, as the thesis's own systems; "sum", as the EMOTIC baseline, whose
            loss is then D times larger.

    Raises:
        ConfigError: another `reduction`.
    """
    if reduction not in ("mean", "sum"):
        raise ConfigError(f"Smooth L1 takes the 'mean' or the 'sum' of the dimensions, not {reduction!r}.")
    errors = optax.huber_loss(real_rows(predicted, mask), real_rows(truth, mask))
    return masked_mean((jnp.mean if reduction == "mean" else jnp.sum)(errors, axis=-1), mask)


def mean_squared_error(predicted: jax.Array, truth: jax.Array, mask: jax.Array) -> jax.Array:
    """``d^2``, mean over dimensions and the global batch; arguments as `smooth_l1_loss`."""
    errors = (real_rows(predicted, mask) - real_rows(truth, mask)) ** 2
    return masked_mean(jnp.mean(errors, axis=-1), mask)


def margin_squared_error(
    predicted: jax.Array, truth: jax.Array, mask: jax.Array, *, margin: float
) -> jax.Array:
    """``sum_k v_k d_k^2``, v_k = 0 where ``|d_k| < margin``, mean over the global batch (eq. 4.2).

    Args:
        predicted: ``[B, D]``.
        truth: ``[B, D]``.
        mask: ``[B]``.
        margin: smallest error that counts, in the unit of the values; 0 gives the squared error.
    """
    error = real_rows(predicted, mask) - real_rows(truth, mask)
    return masked_mean(jnp.sum(jnp.where(jnp.abs(error) < margin, 0, error**2), axis=-1), mask)
