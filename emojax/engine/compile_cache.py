"""Compiled programs kept on disk, so the second run of a config starts at once."""

from __future__ import annotations

import os
import pathlib

import jax


def enable() -> None:
    """Keeps compiled programs in ``$JAX_COMPILATION_CACHE_DIR`` or ``~/.cache/emojax/xla``."""
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        base = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(base / "emojax" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
