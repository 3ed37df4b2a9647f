"""Compiled programs kept on disk, so the second run of a config starts at once.

JAX writes an entry in place and never writes it again: a full disk or a killed process leaves a cut one, which JAX then
fails to read at every start. It tells so by a warning, at which the cut entry is removed here: JAX compiles and writes
it anew.
"""

from __future__ import annotations

import contextlib
import glob
import importlib
import os
import pathlib
import re
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator

import jax
from jax.experimental.compilation_cache import compilation_cache

_TROUBLE = r"Error (reading|writing) persistent compilation cache entry for '([^']*)': (.*)"
_ZSTD = b"\x28\xb5\x2f\xfd"


def enable() -> None:
    """Keeps compiled programs in ``$JAX_COMPILATION_CACHE_DIR`` or ``~/.cache/emojax/xla``.

    Those that took half a second, or ``$JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS``.
    """
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        base = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(base / "emojax" / "xla"))
    if not os.environ.get("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"):
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
    mend_entries()


def mend_entries() -> None:
    """From here on a cut entry is removed when JAX meets it, and trouble with the cache is told once, in one line."""
    warnings.filterwarnings("always", message=_TROUBLE)
    if not isinstance(warnings.showwarning, _Mending):
        warnings.showwarning = _Mending(warnings.showwarning)


class _Mending:
    """Takes JAX's warnings about its cache; passes all others on."""

    def __init__(self, shown: Callable[..., None]):
        self._shown, self._told = shown, False

    def __call__(self, message, *details, **more) -> None:
        trouble = re.match(_TROUBLE, str(message), re.DOTALL)
        if trouble is None:
            self._shown(message, *details, **more)
            return
        action, name, reason = trouble.groups()
        mended = _remove_cut_entries(name) and action == "reading"
        if not mended and not self._told:
            self._told = True
            folder, reason = jax.config.jax_compilation_cache_dir, " ".join(reason.split())[:200]
            print(
                f"note: compiled programs are not kept in {folder} ({reason}); the next start compiles them again",
                file=sys.stderr,
            )


def _remove_cut_entries(name: str) -> int:
    """Removes entries of the program `name` that do not unpack; returns their number."""
    removed = 0
    for path in pathlib.Path(jax.config.jax_compilation_cache_dir).glob(f"{glob.escape(name)}*-cache"):
        with contextlib.suppress(OSError):
            if not _unpacks(path.read_bytes()):
                path.unlink()
                removed += 1
    return removed


def _unpacks(entry: bytes) -> bool:
    """Whether an entry is whole: JAX packs with zstd where Python has it, else with zlib."""
    try:
        unpack = _zstd() if entry.startswith(_ZSTD) else zlib.decompress
        unpack(entry)
    except ImportError:  # of another environment; this one reads it under no name
        return True
    except Exception:  # zlib.error, and what two libraries of zstd call it
        return False
    return True


def _zstd() -> Callable[[bytes], bytes]:
    try:
        return importlib.import_module("compression.zstd").decompress  # from Python 3.14 on
    except ImportError:
        return importlib.import_module("zstandard").decompress


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
