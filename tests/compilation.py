"""How tests compile, in their own process and in those that they start."""

from __future__ import annotations

import os
import pathlib

# Small networks run for moments: optimising their code costs more than it gains (halves what a compilation costs).
QUICK_COMPILE = "--xla_backend_optimization_level=1 --xla_llvm_disable_expensive_passes=true"
CACHE = pathlib.Path(__file__).resolve().parents[1] / ".cache" / "jax-tests"


def share_compiled() -> None:
    """Whatever one process has compiled, the others of the test run read; to be called before JAX is imported."""
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(CACHE)
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
