"""Measures a config: import, initialisation, compilation, step time, images/s, memory, share of the roofline.

  python -m emojax.benchmark --config configs/affectnet_gcn.py:fast --json fast.json
  python -m emojax.benchmark --config configs/affectnet_gcn.py:fast --compile-only
  python -m emojax.benchmark --config configs/affectnet_gcn.py:fast --for h100       # does it fit? needs no card
  python -m emojax.benchmark --config configs/affectnet_gcn.py:demo --profile trace  # opens in TensorBoard, Perfetto
  python -m emojax.benchmark --config configs/affectnet_gcn.py:demo --input          # the input pipeline alone

Each figure is printed, and written to the file of --json, as soon as it is known: a time limit loses nothing that was
measured before it. The bare step runs on a random batch that stays on the device. When the prepared data is there, the
real training loop is timed as well and put beside the bare step; without data, the published AffectNet label counts
stand in.

`init_seconds` is the time to compile and run the initialisation; `step_seconds_*` include the wait for the outputs of
each step, `step_seconds_not_waiting` only the wait for the last: the host prepares the next step (`dispatch_seconds`)
while the device still works, as in training.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import time
from collections.abc import Sequence
from typing import Any

from emojax import cli
from emojax.engine.cards import CARDS
from emojax.errors import DataError
from emojax.files import write_json

_PROFILED_STEPS = 3


def parser() -> cli.Parser:
    options = cli.Parser("python -m emojax.benchmark", __doc__)
    options.add_config()
    add = options.add_argument
    steps = "steps, or batches with --input, to time [30]"
    add("--steps", type=cli.whole_number(2), default=30, metavar="N", help=steps)
    kind = options.add_mutually_exclusive_group()
    kind.add_argument("--input", action="store_true", help="time the input pipeline alone")
    kind.add_argument("--compile_only", action="store_true", help="compile the step, run nothing of it")
    kind.add_argument(
        "--for",
        dest="card",
        choices=CARDS,
        help="compile for this card without having it: does the batch fit?",
    )
    add(
        "--profile",
        type=cli.path,
        metavar="DIR",
        help="also write a trace there and print the longest kernels",
    )
    add(
        "--cached",
        action="store_true",
        help="take compiled programs from the cache on disk, as training does",
    )
    add(
        "--compiler",
        type=_compiler_option,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="option of XLA for the step, e.g. xla_gpu_enable_triton_gemm=False; may be repeated",
    )
    add(
        "--json",
        type=cli.path,
        metavar="FILE",
        help="also write the figures to this file, each as it is known",
    )
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), benchmark, argv)


def _compiler_option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name.strip() and equals):
        raise argparse.ArgumentTypeError(f"{text!r} sets nothing: write NAME=VALUE")
    return name.strip(), value.strip()


class Figures(dict):
    """Figures by name; each is printed, and the file rewritten, when it is added."""

    def __init__(self, path):
        super().__init__()
        self._path = path

    def add(self, name: str, value: Any) -> None:
        self[name] = value
        print(f"{name:28} {_human(name, value)}", flush=True)
        if self._path:
            write_json(self._path, dict(self))


def benchmark(options: argparse.Namespace) -> int:
    config = cli.read_config(options)
    figures = Figures(options.json)
    for name in ("name", "batch_size", "image_size"):
        figures.add("config" if name == "name" else name, config[name])
    start = time.perf_counter()
    if options.card:  # JAX's CUDA plugin starts without CUDA's libraries where it is to see no card
        os.environ.update(CUDA_VISIBLE_DEVICES="-1", JAX_PLATFORMS="cpu")

    import jax  # here and not above: --help and mistakes answer without waiting for it

    from emojax.engine import compile_cache

    figures.add("import_seconds", time.perf_counter() - start)
    compile_cache.enable()
    figures.add("date", datetime.date.today().isoformat())
    figures.add("jax", jax.__version__)
    figures.add("host", f"{platform.machine()}, {_cores()} cores")
    if options.card:
        return _compile_for(config, options, figures)
    start = time.perf_counter()
    figures.add("device", f"{jax.device_count()} x {jax.devices()[0].device_kind}")
    figures.add("device_start_seconds", time.perf_counter() - start)
    measure = _measure_input if options.input else _measure_training
    measure(config, options, figures)
    return 0


def _compile_for(config, options: argparse.Namespace, figures: Figures) -> int:
    from emojax.engine import cards
    from emojax.engine.bare import compile_for
    from emojax.engine.mesh import data_mesh
    from emojax.engine.precision import compute_dtype
    from emojax.engine.roofline import floor

    card = options.card
    mesh = data_mesh(cards.devices(card))
    with config.unlocked():
        if config.precision == "auto":  # this machine's device would choose
            config.precision = "bfloat16"
    run, _ = _make_run(config, mesh)
    figures.add("card", cards.CARDS[card].name)
    figures.add("precision", compute_dtype(config.precision).__name__)
    costs = compile_for(run, figures.add, dict(options.compiler))
    figures.add("needed_memory_bytes", costs["needed_memory_bytes"])
    for name, value in floor(cards.CARDS[card].name, costs).items():
        figures.add(name, value)
    figures.add("fits", cards.fit(card, costs["needed_memory_bytes"]))
    return 0


def _measure_input(config, options: argparse.Namespace, figures: Figures) -> None:
    from emojax import systems
    from emojax.engine.measure import measure_input
    from emojax.engine.run import Run

    dataset = systems.load_data(config)
    run = Run(config, systems.build(config, dataset.recipe), dataset)
    for name, value in measure_input(run, options.steps).items():
        figures.add(name, value)


def _measure_training(config, options: argparse.Namespace, figures: Figures) -> None:
    from emojax.engine.bare import BareStep, compile_only
    from emojax.engine.precision import compute_dtype

    run, has_data = _make_run(config)
    figures.add("precision", compute_dtype(config.precision).__name__)
    figures.add("compile_cache", "used" if options.cached else "bypassed")
    for option, value in options.compiler:
        figures.add(option, value)
    if options.compile_only:
        compile_only(run, figures.add, cached=options.cached, compiler=dict(options.compiler))
        return
    bare = BareStep(run, figures.add, cached=options.cached, compiler=dict(options.compiler))
    seconds = bare.time(options.steps)["step_seconds_mean"]
    if options.profile:
        _profile(bare, options.profile, figures)
    if has_data:
        _measure_fed(bare, run, seconds, options.steps, figures)
    else:
        figures.add("data", f"none in {config.data_dir}: random batch, published label counts")


def _make_run(config, mesh=None):
    """The run of a config and whether there is data; without data on a stand-in without records."""
    from emojax import systems
    from emojax.engine.run import Run

    try:
        dataset, has_data = systems.load_data(config), True
    except DataError:
        dataset, has_data = systems.stand_in_dataset(config), False
    return Run(config, systems.build(config, dataset.recipe), dataset, mesh), has_data


def _measure_fed(bare, run, seconds: float, steps: int, figures: Figures) -> None:
    from emojax.engine.measure import measure_fed_step

    fed = measure_fed_step(run.config, run.system, run.dataset, steps)
    for name, value in fed.items():
        figures.add(name, value)
    # Means, as the loop's time is one; before and after, so that a drifting machine cancels.
    again = bare.mean_seconds(steps)
    figures.add("fed_over_bare_step", fed["fed_step_seconds"] / ((seconds + again) / 2))
    figures.add("data", str(run.dataset.path))


def _profile(bare, folder, figures: Figures) -> None:
    from emojax.engine import trace

    with trace.recorded(folder):
        bare.run_steps(_PROFILED_STEPS)
    path = trace.newest(folder)
    figures.add("trace", str(path))
    events = trace.read_events(path)
    figures.add("device_busy_share", trace.busy_share(events))
    kernels = trace.longest(events)
    print(trace.table(kernels, _PROFILED_STEPS), flush=True)
    figures.add("longest_kernels", [k.name for k in kernels])
    print(f"TensorBoard: tensorboard --logdir {folder}; Perfetto: open {path} at ui.perfetto.dev", flush=True)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _human(name: str, value) -> str:
    if value is None:
        return "not reported by this device"
    if isinstance(value, list):
        return f"{len(value)} listed above"
    if not isinstance(value, (int, float)):
        return str(value)
    if "memory_bytes" in name:
        return f"{value / 2**20:,.1f} MiB"
    if "seconds" in name and "per_second" not in name:
        return f"{value * 1e3:,.2f} ms" if value < 10 else f"{value:,.1f} s"
    if name.endswith("_share"):
        return f"{100 * value:.1f} %"
    return f"{value:,.4g}" if isinstance(value, float) and value < 100 else f"{value:,.0f}"


if __name__ == "__main__":
    sys.exit(main())
