"""Training of an LSTM from stored features of a frozen trunk, in frames a second, beside training with the trunk.

  python scripts/bench_recurrent.py                         # 2,048 features a frame (VGG at 72 px), windows of 60
  python scripts/bench_recurrent.py --width 512 --batches 2,32 --trunk

The step is the real training step (loss of the global batch, Adam, logs) on a batch that stays on the device; `fed` is
the real training loop, which reads the features from columns. --trunk also times a step with the frozen trunk: what
`python -m emojax.cache` saves.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

SYSTEM = "configs/affwild_lstm.py:comb_vgg16_fc1"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--width", type=int, default=2048, help="features a frame [2048]")
    parser.add_argument("--batches", default="2,32,64", help="windows of a batch [2,32,64]")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--trunk", action="store_true", help="also time a step with the frozen trunk")
    options = parser.parse_args()
    for windows in map(int, options.batches.split(",")):
        config = config_of(windows, options.width, options.precision)
        report(f"features, batch {windows}", *step_seconds(config, options.steps), config)
        seconds = fed_seconds(config, options.steps)
        print(f"{'':24} fed by the loader: {frames(config) / seconds:10,.0f} frames/s", flush=True)
    if options.trunk:
        config = config_of(2, 0, options.precision)
        report("frozen trunk, batch 2", *step_seconds(config, 2), config)
    return 0


def config_of(windows: int, width: int, precision: str):
    """The best combined system of thesis 003, whole size."""
    from emojax.cli import load_config_file

    config = load_config_file(SYSTEM)
    config.batch_size, config.model.cached, config.precision = windows, width, precision
    config.num_epochs = config.run.eval_every_epochs = 10_000
    return config


def frames(config) -> int:
    """Of a batch."""
    return config.batch_size * config.model.window


def step_seconds(config, steps: int) -> tuple[float, float]:
    """Median and CPU-seconds of a step on random values."""
    import numpy as np

    from emojax import systems
    from emojax.engine.bare import BareStep
    from emojax.engine.run import Run

    dataset = systems.stand_in_dataset(config)
    bare = BareStep(Run(config, systems.build(config, dataset.recipe), dataset), lambda *_: None)
    bare.run_steps(2)
    seconds, cpu = [], time.process_time()
    for _ in range(steps):
        start = time.perf_counter()
        bare.run_steps(1)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds)), (time.process_time() - cpu) / steps


def fed_seconds(config, steps: int) -> float:
    """Mean time of a step of the training loop."""
    import numpy as np

    from emojax import systems
    from emojax.data.dataset import without_records
    from emojax.engine.measure import measure_fed_step

    copies = -(-2 * config.batch_size // 12)  # the stand-in has 12 windows of 60 frames
    one = systems.stand_in_dataset(config)
    columns = {name: np.concatenate([one.columns("train")[name]] * copies) for name in one.columns("train")}
    columns["sequence"] = np.repeat(np.arange(4 * copies, dtype=np.int32), 200)
    recipe = systems.stand_in(config)
    dataset = without_records(recipe, columns)
    return measure_fed_step(config, systems.build(config, recipe), dataset, steps)["fed_step_seconds"]


def report(name: str, seconds: float, cpu: float, config) -> None:
    step = f"{1e3 * seconds:8.1f} ms a step, {frames(config) / seconds:10,.0f} frames/s"
    print(f"{name:24} {step}; {frames(config) / cpu:10,.0f} frames a CPU-second", flush=True)


if __name__ == "__main__":
    sys.exit(main())
