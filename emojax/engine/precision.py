"""The dtype in which a network computes; parameters, losses and statistics are float32 everywhere."""

from __future__ import annotations

import contextlib

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


def full_products(precision: str) -> contextlib.AbstractContextManager:
    """Inside, what is traced multiplies float32 as float32 where that is the precision of the network.

    By default GPUs round the factors of float32 products and convolutions to TF32 (10 bits of the mantissa, not 23)
    and TPUs to bfloat16. Networks that compute in bfloat16 keep that default for the few float32 products they have.

    Args:
        precision: as for `compute_dtype`.
    """
    if compute_dtype(precision) == jnp.float32:
        return jax.default_matmul_precision("highest")
    return contextlib.nullcontext()


def described(precision: str) -> str:
    """The precision in words."""
    if compute_dtype(precision) == jnp.float32:
        return "float32 (products in full float32, never TF32)"
    return "bfloat16 (parameters, losses and statistics in float32)"


def exactness(config) -> dict[str, str | bool]:
    """`precision` and `deterministic` of a config; the second is off in configs of runs that did not have it yet."""
    run = config.get("run", {})
    return {
        "precision": config.get("precision", "auto"),
        "deterministic": bool(run.get("deterministic", False)),
    }
