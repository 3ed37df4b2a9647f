"""Compiled programs kept on disk, so the second run of a config starts at once."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator

import jax
from jax.experimental.compilation_cache import compilation_cache


def enable() -> None:
    """Keeps compiled programs in ``$JAX_COMPILATION_CACHE_DIR`` or ``~/.cache/emojax/xla``."""
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        base = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(base / "emojax" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


@contextlib.contextmanager
def bypassed() -> Iterator[None]:
    """What is compiled inside is neither taken from the disk nor kept there."""
    enabled = jax.config.jax_enable_compilation_cache
    _switch(False)
    try:
        yield
    finally:
        _switch(enabled)


def _switch(enabled: bool) -> None:
    jax.config.update("jax_enable_compilation_cache", enabled)
    compilation_cache.reset_cache()  # JAX decides once a process whether it uses the cache; this lets it decide again
