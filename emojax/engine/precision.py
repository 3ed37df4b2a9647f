"""The dtype in which a network computes; parameters, losses and statistics are float32 everywhere."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from emojax.errors import ConfigError


def compute_dtype(precision: str):
    """``auto``: bfloat16 on GPU and TPU, float32 on CPU; or ``float32`` / ``bfloat16`` as named.

    Raises:
        ConfigError: another name.
    """
    if precision == "auto":
        return jnp.float32 if jax.default_backend() == "cpu" else jnp.bfloat16
    if precision in ("float32", "bfloat16"):
        return getattr(jnp, precision)
    raise ConfigError(f"config.precision is {precision!r}; choose 'auto', 'float32' or 'bfloat16'.")
