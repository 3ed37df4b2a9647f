"""The cache of compiled programs survives full disks and killed writers without a word from JAX."""

from __future__ import annotations

import contextlib
import warnings
import zlib

import jax
import jax.numpy as jnp
import pytest
from jax.experimental.compilation_cache import compilation_cache

from emojax.engine import compile_cache
from tests.faults.disk import limited_files

_SETTINGS = (
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_persistent_cache_min_entry_size_bytes",
)


@contextlib.contextmanager
def cache_in(folder):
    """JAX's cache in a folder of the test's own, which keeps every program."""
    old = {name: getattr(jax.config, name) for name in _SETTINGS}
    for name, value in zip(_SETTINGS, (str(folder), 0.0, -1)):
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        for name, value in old.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()


@pytest.fixture
def folder(tmp_path):
    with warnings.catch_warnings(), cache_in(tmp_path / "xla"):
        warnings.simplefilter("error")  # a word of JAX is a failure
        compile_cache.mend_entries()
        yield tmp_path / "xla"


def compile_anew():
    """The same program each time; a new function, so JAX asks its cache on disk."""

    def forecast(x):
        return jnp.tanh(x) * 3 + 1

    return jax.jit(forecast)(jnp.arange(4.0))


def entry(folder):
    (path,) = folder.glob("jit_forecast-*-cache")
    return path


@pytest.mark.parametrize("left", [0, 3, 200])
def test_a_cut_entry_is_removed_and_written_again_at_the_next_start(folder, left, capsys):
    compile_anew()
    whole = entry(folder).read_bytes()
    entry(folder).write_bytes(whole[:left])
    compile_anew()
    assert zlib.decompress(entry(folder).read_bytes())[4:]
    written = entry(folder).stat().st_mtime_ns
    compile_anew()
    assert entry(folder).stat().st_mtime_ns == written
    assert capsys.readouterr() == ("", "")


def test_a_cut_entry_of_one_program_costs_no_other_its_entry(folder):
    compile_anew()
    other = entry(folder).with_name("jit_forecast-0-cache")
    other.write_bytes(zlib.compress(b"of other shapes"))
    cut = next(path for path in folder.glob("jit_forecast-*-cache") if path != other)
    cut.write_bytes(b"")
    compile_anew()
    assert zlib.decompress(other.read_bytes()) == b"of other shapes" and cut.stat().st_size


def test_a_full_disk_leaves_no_cut_entry_and_is_one_line(folder, capsys):
    with limited_files(100):
        compile_anew()
        compile_anew()
    assert not list(folder.glob("*-cache"))
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and told.startswith(f"note: compiled programs are not kept in {folder} (")


def test_other_warnings_pass(folder):
    with pytest.warns(UserWarning, match="of a user"):
        compile_cache.mend_entries()
        warnings.warn("of a user", stacklevel=1)
