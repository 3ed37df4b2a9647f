"""How tests compile, in their own process and in those that they start."""

from __future__ import annotations

import pathlib

# Small networks run for moments, so LLVM's expensive passes would cost more than they gain.
# Not --xla_backend_optimization_level=0: with it gradients of the demo became NaN.
QUICK_COMPILE = "--xla_llvm_disable_expensive_passes=true"
# What one process of a test run has compiled, the others read. To be set before JAX is imported.
SHARED_CACHE = {
    "JAX_COMPILATION_CACHE_DIR": str(pathlib.Path(__file__).resolve().parents[1] / ".cache" / "jax-tests"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
