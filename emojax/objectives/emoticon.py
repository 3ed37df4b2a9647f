"""EmotiCon's multiplicative loss (context_emotion spec 3, thesis eq. 4.7; Mittal et al., CVPR 2020)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from emojax.errors import ConfigError
from emojax.objectives.masking import masked_mean, real_rows

_SMALLEST = 1e-7  # keeps the logarithm and the power's gradient finite


def multiplicative_loss(
    probabilities: jax.Array, labels: jax.Array, mask: jax.Array, *, beta: float
) -> jax.Array:
    """``-sum_i p_i^(beta / (n - 1)) ln p_i`` at the labels that are present, i over n modalities.

    A modality that gives a label a small probability weighs little, so the better one is heard. Mean over
    labels and the global batch. The exponent is reconstructed from a garbled formula (spec 3).

    Args:
        probabilities: ``[B, n, C]`` in [0, 1], n >= 2.
        labels: ``[B, C]`` of zeros and ones.
        mask: ``[B]``, 1 for a real sample, 0 for padding.
        beta: strength of the suppression; 0 gives the plain log-loss of every modality.

    Raises:
        ConfigError: fewer than two modalities.
    """
    modalities = probabilities.shape[1]
    if modalities < 2:
        raise ConfigError("The multiplicative loss combines at least two modalities.")
    p = jnp.clip(real_rows(probabilities, mask), _SMALLEST, 1)
    terms = -jnp.sum(p ** (beta / (modalities - 1)) * jnp.log(p), axis=1)
    return masked_mean(jnp.mean(terms * real_rows(labels, mask), axis=-1), mask)
