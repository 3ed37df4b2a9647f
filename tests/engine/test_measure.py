"""What the benchmark reports."""

from __future__ import annotations

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from emojax import systems
from emojax.engine import compile_cache, roofline
from emojax.engine.bare import BareStep, compile_only
from emojax.engine.measure import measure_fed_step, measure_input
from emojax.engine.mesh import data_mesh
from emojax.engine.run import Run
from tests.toy import make_config


@pytest.fixture(scope="module")
def run(dataset):
    config = make_config(dataset)
    return Run(config, systems.build(config, dataset.recipe), dataset, data_mesh(jax.devices()[:1]))


@pytest.fixture(scope="module")
def reported():
    """Names and values in the order in which they were told."""
    return []


@pytest.fixture(scope="module")
def bare(run, reported):
    return BareStep(run, lambda name, value: reported.append((name, value)), cached=True)


def test_the_costs_of_the_compiled_step_are_told(run, bare, reported):
    told = dict(reported)
    parameters = sum(x.size for x in jax.tree.leaves(run.initial_state().params))
    assert told["parameters"] == parameters
    # Forward and backward pass touch every parameter, and so does the optimiser.
    assert bare.costs["flops_per_device"] > 3 * parameters * run.config.batch_size
    assert bare.costs["bytes_per_device"] > 3 * 4 * parameters
    assert bare.costs["program_memory_bytes"] > 4 * parameters
    assert {name: told[name] for name in bare.costs} == bare.costs


def test_each_stage_is_told_when_it_is_over(bare, reported):
    stages = [name for name, _ in reported if name.endswith("_seconds")][:4]
    assert stages == ["init_seconds", "trace_seconds", "lower_seconds", "compile_seconds"]
    assert all(value > 0 for name, value in reported if name in stages)


def test_steps_are_timed_again_and_again(run, bare):
    first, second = bare.time(3, warmup=1), bare.time(3, warmup=1)
    for figures in (first, second):
        assert 0 < figures["step_seconds_median"] <= figures["step_seconds_p90"]
        assert figures["images_per_second"] == run.config.batch_size / figures["step_seconds_median"]
        assert 0 < figures["dispatch_seconds"] <= figures["step_seconds_not_waiting"]


def test_compiling_alone_costs_the_same_program_and_initialises_nothing(run, bare, monkeypatch):
    monkeypatch.setattr(run, "initial_state", None)
    told = []
    costs = compile_only(run, lambda name, value: told.append(name), cached=True)
    assert costs["flops_per_device"] == bare.costs["flops_per_device"]
    assert told[:4] == ["parameters", "trace_seconds", "lower_seconds", "compile_seconds"]


def test_the_share_of_the_roofline_is_the_nearer_limit():
    costs = {"flops_per_device": 989e12 * 0.01, "bytes_per_device": 3.35e12 * 0.04}
    assert roofline.shares("NVIDIA H100 80GB HBM3", costs, seconds=0.1) == {
        "percent_of_compute_peak": pytest.approx(10),
        "percent_of_bandwidth_peak": pytest.approx(40),
        "percent_of_roofline": pytest.approx(40),
    }
    assert roofline.floor("NVIDIA H100 80GB HBM3", costs) == {"floor_seconds": pytest.approx(0.04)}
    unknown = {"flops_per_device": None, "bytes_per_device": None}
    assert roofline.shares("NVIDIA H100", unknown, seconds=1) == roofline.floor("NVIDIA H100", unknown) == {}
    assert roofline.shares("cpu", costs, seconds=1) == {}


def test_what_is_compiled_while_the_cache_is_bypassed_is_not_kept(tmp_path):
    settings = {
        "jax_compilation_cache_dir": str(tmp_path),
        "jax_persistent_cache_min_compile_time_secs": 0,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    jax.config.update("jax_enable_compilation_cache", True)
    for name, value in settings.items():
        jax.config.update(name, value)
    try:
        with compile_cache.bypassed():
            jax.jit(lambda x: x * 3 + 1).lower(1.0).compile()
        assert not list(tmp_path.iterdir())
        jax.jit(lambda x: x * 5 + 1).lower(1.0).compile()
        assert list(tmp_path.iterdir())
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()  # the next test opens its own folder again


def test_the_fed_step_tells_its_share_of_waiting(run, dataset):
    figures = measure_fed_step(run.config, run.system, dataset, 4, mesh=run.mesh)
    assert figures["fed_step_seconds"] > 0 and 0 <= figures["data_wait_share"] < 1


def test_the_input_is_timed_alone(run):
    figures = measure_input(run, 3)
    assert figures["input_images_per_second"] > 0 and figures["input_encoding"] == "raw"
