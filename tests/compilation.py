"""How tests compile, in their own process and in those that they start."""

from __future__ import annotations

import pathlib

# Small networks run for moments, so most of LLVM's optimisation would cost more than it gains.
# Level 0 would cost still less, but gradients of the demo became NaN with it.
QUICK_COMPILE = "--xla_llvm_disable_expensive_passes=true --xla_backend_optimization_level=1"
# What one process of a test run has compiled, the others read. To be set before JAX is imported.
SHARED_CACHE = {
    "JAX_COMPILATION_CACHE_DIR": str(pathlib.Path(__file__).resolve().parents[1] / ".cache" / "jax-tests"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
