"""Measures a config: compile time, step time, images/s, waiting for data, memory, share of the roofline.

  python -m emojax.benchmark --config configs/affectnet_gcn.py:fast --json fast.json
  python -m emojax.benchmark --config configs/affectnet_gcn.py:demo --input      # the input pipeline alone

The bare step runs on a random batch that stays on the device: compilation and warm-up are left out and the outputs
are waited for. When the prepared data is there, the real training loop is timed as well and put beside the
bare step. Without data, the published AffectNet label counts stand in and only the bare step is measured.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
from collections.abc import Sequence

from emojax import cli
from emojax.errors import DataError
from emojax.files import write_json


def parser() -> cli.Parser:
    options = cli.Parser("python -m emojax.benchmark", __doc__)
    options.add_config()
    options.add_argument(
        "--steps",
        type=cli.whole_number(2),
        default=30,
        metavar="N",
        help="steps, or batches with --input, to time [30]",
    )
    options.add_argument("--input", action="store_true", help="time the input pipeline alone")
    options.add_argument("--json", type=cli.path, metavar="FILE", help="also write the figures to this file")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), benchmark, argv)


def benchmark(options: argparse.Namespace) -> int:
    config = cli.read_config(options)

    import jax  # here and not above: --help and mistakes answer without waiting for it

    from emojax.engine import compile_cache

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
    measure = _measure_input if options.input else _measure_training
    figures |= measure(config, options.steps)
    print("\n".join(f"{name:28} {_human(name, value)}" for name, value in figures.items()))
    if options.json:
        write_json(options.json, figures)
    return 0


def _measure_input(config, steps: int) -> dict:
    from emojax import systems
    from emojax.engine.measure import measure_input
    from emojax.engine.run import Run

    dataset = systems.load_data(config)
    return measure_input(Run(config, systems.build(config, dataset.recipe), dataset), steps)


def _measure_training(config, steps: int) -> dict:
    from emojax import systems
    from emojax.data.dataset import without_records
    from emojax.engine.measure import BareStep, measure_fed_step
    from emojax.engine.run import Run

    try:
        dataset, has_data = systems.load_data(config), True
    except DataError:
        dataset, has_data = without_records(systems.stand_in(config)), False
    system = systems.build(config, dataset.recipe)
    bare = BareStep(Run(config, system, dataset))
    figures = {"precision": system.dtype.__name__, **bare.costs, **bare.time(steps)}
    if not has_data:
        return figures | {"data": f"none in {config.data_dir}: random batch, published label counts"}
    fed = measure_fed_step(config, system, dataset, steps)
    again = bare.time(steps)["step_seconds_mean"]
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
    sys.exit(main())
