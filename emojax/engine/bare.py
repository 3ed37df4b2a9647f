"""The bare training step: what it costs to compile, how long it takes, how near the device's limits that is."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from emojax.engine import compile_cache, roofline
from emojax.engine.measure import random_batch
from emojax.engine.mesh import batch_sharding, data_mesh, put_batch
from emojax.engine.run import Run
from emojax.errors import ConfigError

Report = Callable[[str, Any], None]


class Stopwatch:
    """Reports how long each stage took, as soon as it is over."""

    def __init__(self, report: Report):
        self._report = report

    @contextlib.contextmanager
    def __call__(self, name: str):
        start = time.perf_counter()
        yield
        self._report(name, time.perf_counter() - start)


class BareStep:
    """The compiled training step on a batch that stays on the device; each figure is reported as it is known.

    While it is made it reports `init_seconds` (compiling and running it), `trace_seconds`, `lower_seconds`,
    `compile_seconds`, `parameters`, and the FLOPs, bytes and memory of the program.

    Attributes:
        costs: `parameters`, and of the program `flops_per_device`, `bytes_per_device`, `program_memory_bytes`.

    Args:
        run: whose step.
        report: gets a name and a value.
        cached: take compiled programs from the cache on disk, and keep them there, as training does. Otherwise all is
            compiled anew, and the times are those of a compilation.
        compiler: options of XLA for the step, besides those of `compiler_options`, which they override.
    """

    def __init__(
        self, run: Run, report: Report, *, cached: bool = False, compiler: Mapping[str, Any] | None = None
    ):
        self._run, self._report = run, report
        stage = Stopwatch(report)
        with contextlib.nullcontext() if cached else compile_cache.bypassed():
            self._batch = put_batch(random_batch(run), run.mesh)
            with stage("init_seconds"):
                self._state = jax.block_until_ready(run.initial_state())
            parameters = sum(x.size for x in jax.tree.leaves(self._state.params))
            report("parameters", parameters)
            self.program, costs = compile_step(run, self._state, self._batch, report, compiler)
            self.costs = {"parameters": parameters, **costs}

    def time(self, steps: int, warmup: int = 3) -> dict[str, float | None]:
        """Times `steps` steps after `warmup`, waiting for the outputs of each, then `steps` without waiting.

        Returns:
            What it reported: `first_step_seconds`, `step_seconds_mean`, `step_seconds_median`, `step_seconds_p90`,
            `images_per_second`, `peak_memory_bytes` (None where the device does not report it), percent of the roofline
            where the device is known, `step_seconds_not_waiting`, and `dispatch_seconds`: the host's part of a step.
        """
        figures: dict[str, float | None] = {}

        def report(name: str, value: float | None) -> None:
            figures[name] = value
            self._report(name, value)

        seconds = [self._timed_step() for _ in range(1 + warmup + steps)]
        report("first_step_seconds", seconds[0])
        seconds = seconds[1 + warmup :]
        report("step_seconds_mean", float(np.mean(seconds)))
        report("step_seconds_median", median := float(np.median(seconds)))
        report("step_seconds_p90", float(np.quantile(seconds, 0.9)))
        report("images_per_second", self._run.config.batch_size / median)
        device = self._run.mesh.devices.flat[0]
        for name, value in roofline.shares(device.device_kind, self.costs, seconds=median).items():
            report(name, value)
        report("peak_memory_bytes", (device.memory_stats() or {}).get("peak_bytes_in_use"))
        dispatch, whole = self._not_waiting(steps)
        report("dispatch_seconds", dispatch)
        report("step_seconds_not_waiting", whole)
        return figures

    def mean_seconds(self, steps: int) -> float:
        """Mean time of a step, waiting for the outputs of each; reports nothing."""
        return float(np.mean([self._timed_step() for _ in range(steps)]))

    def run_steps(self, steps: int) -> None:
        """Runs `steps` steps, waiting for the last."""
        for _ in range(steps):
            self._state, logs = self.program(self._state, self._batch)
        jax.block_until_ready((self._state, logs))

    def _timed_step(self) -> float:
        start = time.perf_counter()
        self.run_steps(1)
        return time.perf_counter() - start

    def _not_waiting(self, steps: int) -> tuple[float, float]:
        start = time.perf_counter()
        for _ in range(steps):
            self._state, logs = self.program(self._state, self._batch)
        handed_over = time.perf_counter()
        jax.block_until_ready((self._state, logs))
        return (handed_over - start) / steps, (time.perf_counter() - start) / steps


def compile_step(run: Run, state, batch, report: Report, compiler: Mapping[str, Any] | None = None):
    """Compiles the training step for arrays, or for shapes with shardings, stage by stage.

    Returns:
        The compiled program and its costs.
    """
    stage = Stopwatch(report)
    with stage("trace_seconds"):
        traced = run.train_step.trace(state, batch)
    with stage("lower_seconds"):
        lowered = traced.lower()
    with stage("compile_seconds"):
        try:
            program = lowered.compile(dict(compiler or {}))
        except jax.errors.JaxRuntimeError as error:
            if not compiler:
                raise
            raise ConfigError(
                f"XLA does not compile the step with {dict(compiler)}: {str(error).splitlines()[0][:300]}"
            ) from error
    costs = _program_costs(lowered, program)
    for name, value in costs.items():
        report(name, value)
    return program, costs


def compile_only(
    run: Run, report: Report, *, cached: bool = False, compiler: Mapping[str, Any] | None = None
) -> dict[str, float | None]:
    """Compiles the step of a run and runs nothing, not even the initialisation; returns its costs."""
    with contextlib.nullcontext() if cached else compile_cache.bypassed():
        return _compile_shapes(run, report, compiler)[1]


def _compile_shapes(run: Run, report: Report, compiler: Mapping[str, Any] | None):
    sharding = batch_sharding(run.mesh)
    batch = random_batch(run)
    shapes = {k: jax.ShapeDtypeStruct(v.shape, v.dtype, sharding=sharding) for k, v in batch.items()}
    state = run.abstract_state()
    report("parameters", sum(x.size for x in jax.tree.leaves(state.params)))
    return batch, compile_step(run, state, shapes, report, compiler)[1]


def compile_for(
    run: Run, report: Report, compiler: Mapping[str, Any] | None = None
) -> dict[str, float | None]:
    """Compiles the step of a run whose mesh is a card that is not there (`emojax.engine.cards`); returns its costs."""
    with compile_cache.bypassed():
        batch, costs = _compile_shapes(run, report, compiler)
    if not costs["flops_per_device"]:  # XLA counts operations for devices that are there
        here = Run(run.config, run.system, run.dataset, data_mesh(jax.devices()[:1]))
        costs["flops_per_device"] = _number(here.train_step.lower(here.abstract_state(), batch), "flops")
        report("flops_per_device", costs["flops_per_device"])
    # The loader keeps two batches on the device ahead of the one that the step reads.
    costs["needed_memory_bytes"] = costs["program_memory_bytes"] + 2 * sum(x.nbytes for x in batch.values())
    return costs


def _program_costs(lowered, compiled) -> dict[str, float | None]:
    memory = compiled.memory_analysis()
    planned = memory.argument_size_in_bytes + memory.temp_size_in_bytes + memory.output_size_in_bytes
    # A compiled program hides the operations of library calls; the program before that has them all.
    flops = [_number(program, "flops") for program in (lowered, compiled)]
    return {
        "flops_per_device": max((n for n in flops if n), default=None),
        "bytes_per_device": _number(compiled, "bytes accessed"),
        "program_memory_bytes": planned - memory.alias_size_in_bytes,
    }


def _number(program, name: str) -> float | None:
    costs: Mapping[str, float] = program.cost_analysis() or {}
    return float(costs[name]) if costs.get(name) else None
