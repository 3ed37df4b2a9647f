#!/usr/bin/env python
"""Times one training step of people in context, or of a TSN on clips, by the streams it has, on random batches that
stay on the device.

The systems take turns, round by round, so that a machine that drifts does so for all of them; the figure of each
is its fastest round. Compilation is left out.

Examples:
  python scripts/bench_streams.py --batch-size 8          # ResNet-18 streams at 224 px
  python scripts/bench_streams.py --size @demo            # the tiny streams of `configs/emotic.py:demo`, 64 px
  python scripts/bench_streams.py --family bold --size @demo   # TSN on RGB, flow and differences, three snippets a clip
"""

from __future__ import annotations

import argparse
import datetime
import os

import jax

from configs import bold, emotic
from emojax import systems
from emojax.engine.bare import BareStep
from emojax.engine.run import Run

NETWORK = "bcfpsa, scene network in the step"
# Family -> what a row is called -> name in its config file.
SYSTEMS = {
    "emotic": {
        **{streams: f"emotic_{streams}_r18" for streams in ("b", "bc", "bcf", "bcfp", "bcfps", "bcfpsa")},
        NETWORK: "emotic_bcfpsa_r18",
    },
    "bold": {
        **{f"RGB {streams}": f"bold_rgb_{streams}" for streams in ("b", "bc", "bcf", "bcfsa")},
        **{f"flow {streams}": f"bold_flow_{streams}" for streams in ("b", "bc", "bcf")},
        **{f"differences {streams}": f"bold_diff_{streams}" for streams in ("b", "bc", "bcf")},
    },
}
CONFIGS = {"emotic": emotic, "bold": bold}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--family", choices=tuple(SYSTEMS), default="emotic")
    parser.add_argument(
        "--rows", nargs="+", metavar="ROW", help="only these rows of the table, e.g. b 'RGB bcf' [all]"
    )
    parser.add_argument("--size", choices=("", "@demo"), default="", help="of the systems [full]")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="timed in each round, after one that is not")
    arguments = parser.parse_args()
    names = arguments.rows or list(SYSTEMS[arguments.family])
    if unknown := sorted(set(names) - set(SYSTEMS[arguments.family])):
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(SYSTEMS[arguments.family])}")
    bare = {name: _bare_step(name, arguments) for name in names}
    medians = {name: [] for name in bare}
    for _ in range(arguments.rounds):
        for name, step in bare.items():
            medians[name].append(step.time(arguments.steps, warmup=1)["step_seconds_median"])
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(
        f"{datetime.date.today()}, {jax.device_count()} x {jax.devices()[0].device_kind}, {cores} cores, jax "
        f"{jax.__version__}, batches of {arguments.batch_size}, size {arguments.size or 'full'}"
    )
    print("| streams | parameters | GFLOP a step | ms a step | slowest round |\n|---|---|---|---|---|")
    for name, step in bare.items():
        parameters, work = step.costs["parameters"], step.costs["flops_per_device"] / 1e9
        low, high = 1e3 * min(medians[name]), 1e3 * max(medians[name])
        print(f"| {name} | {parameters:,} | {work:,.1f} | {low:,.0f} | {high:,.0f} |")


def _bare_step(name: str, arguments: argparse.Namespace) -> BareStep:
    variant = SYSTEMS[arguments.family][name]
    config = CONFIGS[arguments.family].get_config(f"{variant}{arguments.size}")
    config.batch_size = arguments.batch_size
    if arguments.family == "emotic":
        config.model.scene_source = "network" if name == NETWORK else "record"
    dataset = systems.stand_in_dataset(config)
    run = Run(config, systems.build(config, dataset.recipe), dataset)
    return BareStep(run, lambda name, value: None)


if __name__ == "__main__":
    main()
