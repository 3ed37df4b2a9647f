"""Options for speed never stop a run; initial weights are the same bits however they are drawn."""

from __future__ import annotations

import types
import warnings

import jax
import numpy as np
import pytest

from emojax.engine import compiler
from emojax.engine.compiler import compiler_options, quick_random_numbers
from emojax.engine.mesh import data_mesh


def mesh_of(platform: str):
    return types.SimpleNamespace(devices=np.array([types.SimpleNamespace(platform=platform)]))


def test_options_of_gpus_are_for_gpus_alone_and_known_to_this_version():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        options = {
            platform: compiler_options(mesh_of(platform)) for platform in ("cuda", "gpu", "cpu", "tpu")
        }
    assert options["cuda"] == options["gpu"] == compiler._OPTIONS["gpu"]
    assert options["cpu"] == compiler._OPTIONS["cpu"] and not options["tpu"]


def test_an_option_that_xla_does_not_know_is_left_out_with_a_warning(monkeypatch):
    known = compiler._OPTIONS["cpu"]
    monkeypatch.setitem(compiler._OPTIONS, "cpu", known | {"xla_cpu_of_another_version": True})
    with pytest.warns(UserWarning, match="without xla_cpu_of_another_version=True.*No such compile option"):
        options = compiler_options(data_mesh())
    assert options == known
    assert jax.jit(lambda x: x + 1, compiler_options=options)(1) == 2


def draw_bits(key):
    return [jax.random.bits(k, (7, 11)) for k in jax.random.split(key, 4)]


def test_initialisation_for_a_gpu_calls_a_kernel_for_random_numbers_and_steps_do_not():
    with quick_random_numbers():
        traced = jax.jit(draw_bits).trace(jax.random.key(0))
        inside = traced.lower(lowering_platforms=("cuda",)).as_text()
    after = jax.jit(draw_bits).trace(jax.random.key(0)).lower(lowering_platforms=("cuda",)).as_text()
    assert "threefry2x32_ffi" in inside and "threefry2x32_ffi" not in after


@pytest.mark.gpu
@pytest.mark.skipif(jax.default_backend() != "gpu", reason="needs a GPU")
def test_a_gpu_draws_the_bits_that_a_cpu_draws():
    key = jax.random.key(3)
    with jax.default_device(jax.devices("cpu")[0]):
        expected = jax.jit(draw_bits)(key)
    with quick_random_numbers():
        found = jax.jit(draw_bits)(jax.device_put(key, jax.devices()[0]))
    jax.tree.map(np.testing.assert_array_equal, found, expected)
