"""Measures a config: compile time, step time, images/s, waiting for data, memory, share of the roofline.

  python -m emojax.benchmark --config configs/affectnet_gcn.py:fast --json fast.json
  python -m emojax.benchmark --config configs/affectnet_gcn.py:demo --input      # the input pipeline alone

The bare step runs on a random batch that stays on the device: compilation and warm-up are left out and the outputs
are waited for. When the prepared data is there, the real training loop is timed as well and put beside the
bare step. Without data, the published AffectNet label counts stand in and only the bare step is measured.
"""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import platform

import jax
from absl import flags

from emojax import cli, systems
from emojax.data.dataset import without_records
from emojax.engine import compile_cache
from emojax.engine.measure import BareStep, measure_fed_step, measure_input
from emojax.engine.run import Run
from emojax.errors import DataError

_CONFIG = cli.define_config()
_STEPS = flags.DEFINE_integer("steps", 30, "Steps (or batches with --input) to time.", lower_bound=2)
_INPUT = flags.DEFINE_bool("input", False, "Time the input pipeline alone.")
_JSON = flags.DEFINE_string("json", None, "Also write the figures to this file.")


def main(argv) -> int:
    config = cli.require_config(_CONFIG.value)
    compile_cache.enable()
    figures = {
        "config": config.name,
        "date": datetime.date.today().isoformat(),
        "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "host": f"{platform.machine()}, {_cores()} cores",
        "jax": jax.__version__,
        "batch_size": config.batch_size,
        "image_size": config.image_size,
    }
    figures |= _measure_input(config) if _INPUT.value else _measure_training(config)
    print("\n".join(f"{name:28} {_human(name, value)}" for name, value in figures.items()))
    if _JSON.value:
        pathlib.Path(_JSON.value).write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def _measure_input(config) -> dict:
    dataset = systems.load_data(config)
    return measure_input(Run(config, systems.build(config, dataset.recipe), dataset), _STEPS.value)


def _measure_training(config) -> dict:
    try:
        dataset, has_data = systems.load_data(config), True
    except DataError:
        dataset, has_data = without_records(systems.stand_in(config)), False
    system = systems.build(config, dataset.recipe)
    bare = BareStep(Run(config, system, dataset))
    figures = {"precision": system.dtype.__name__, **bare.costs, **bare.time(_STEPS.value)}
    if not has_data:
        return figures | {"data": f"none in {config.data_dir}: random batch, published label counts"}
    fed = measure_fed_step(config, system, dataset, _STEPS.value)
    again = bare.time(_STEPS.value)["step_seconds_mean"]
    # Means, as the loop's time is one; before and after, so that a drifting machine cancels.
    seconds = (figures["step_seconds_mean"] + again) / 2
    ratio = fed["fed_step_seconds"] / seconds
    return {**figures, **fed, "fed_over_bare_step": ratio, "data": str(dataset.path)}


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _human(name: str, value) -> str:
    if value is None:
        return "not reported by this device"
    if not isinstance(value, (int, float)):
        return str(value)
    if "memory_bytes" in name:
        return f"{value / 2**20:,.1f} MiB"
    if "seconds" in name and "per_second" not in name:
        return f"{value * 1e3:,.1f} ms" if value < 10 else f"{value:,.1f} s"
    if name == "data_wait_share":
        return f"{100 * value:.1f} % of the step"
    return f"{value:,.4g}" if isinstance(value, float) and value < 100 else f"{value:,.0f}"


if __name__ == "__main__":
    cli.run(main)
