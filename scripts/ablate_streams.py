"""Does each stream help? Trains the demo of people in context with one stream more at a time, several seeds each.

  python -m data_prep.synthetic emotic --out data/raw_emotic
  python -m data_prep.emotic --raw data/raw_emotic --out data/synthetic_emotic --size 64
  python scripts/ablate_streams.py --data data/synthetic_emotic --out runs/ablation --seeds 3

Prints mAP and mean absolute error of the test split after the last epoch, mean and standard deviation over the
seeds, and what the last stream added in standard errors of the difference. Finished runs are not repeated.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys

import numpy as np

from configs.emotic import get_config
from emojax import systems
from emojax.cli import fail
from emojax.data.dataset import Dataset, load_dataset
from emojax.engine import compile_cache
from emojax.engine.loop import train
from emojax.engine.run import Run
from emojax.errors import EmojaxError

ORDER = ("body", "context", "face", "pose", "scenes", "attributes")
_METRICS = ("map", "aae")


def measure(dataset: Dataset, workdir: pathlib.Path, count: int, seed: int, epochs: int) -> dict[str, float]:
    """Test metrics of the first `count` streams after the last epoch; trains what is not trained yet."""
    config = get_config("demo")
    config.data_dir, config.seed, config.num_epochs = dataset.path, seed, epochs
    config.model.streams = ",".join(ORDER[:count])
    config.run.eval_every_epochs = epochs
    system = systems.build(config, dataset)
    state = train(config, system, dataset, workdir / f"{_letters(count)}_{seed}", progress=False).state
    metrics = system.metrics(Run(config, system, dataset).predict(state.variables, "test"))
    return {name: metrics[name] for name in _METRICS}


def table(results: dict[str, list[dict[str, float]]]) -> str:
    """A row for each set of streams: mean and standard deviation, and the gain over the row above."""
    lines = [f"{'streams':<9}{'mAP %':>8}{'sd':>7}{'gain':>7}{'in SE':>7}{'AAE':>9}{'sd':>8}"]
    above = None
    for streams, seeds in results.items():
        maps = 100 * np.array([m["map"] for m in seeds])
        errors = np.array([m["aae"] for m in seeds])
        gain, in_errors = _gain(above, maps)
        lines.append(
            f"{streams:<9}{maps.mean():>8.2f}{_spread(maps):>7.2f}{gain:>7}{in_errors:>7}"
            f"{errors.mean():>9.4f}{_spread(errors):>8.4f}"
        )
        above = maps
    return "\n".join(lines)


def _gain(above: np.ndarray | None, maps: np.ndarray) -> tuple[str, str]:
    """Difference of the means, and how many of its standard errors that is."""
    if above is None:
        return "", ""
    gain = maps.mean() - above.mean()
    error = np.hypot(_spread(above) / len(above) ** 0.5, _spread(maps) / len(maps) ** 0.5)
    return f"{gain:+.2f}", f"{gain / error:.1f}" if error > 0 else "-"


def _spread(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def _letters(count: int) -> str:
    return "".join(name[0].upper() for name in ORDER[:count])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="prepared synthetic EMOTIC of 64 px")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of the runs")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each set of streams [3]")
    parser.add_argument("--epochs", type=int, default=12, help="of each run [12]")
    options = parser.parse_args(argv)
    if options.seeds < 1 or options.epochs < 1:
        parser.error("--seeds and --epochs must be at least 1")
    compile_cache.enable()
    counts = range(1, len(ORDER) + 1)
    results: dict[str, list[dict[str, float]]] = {_letters(count): [] for count in counts}
    try:
        dataset = load_dataset(options.data)
        for seed in range(options.seeds):
            for count in counts:
                metrics = measure(dataset, options.out, count, seed, options.epochs)
                results[_letters(count)].append(metrics)
                print(f"{_letters(count)} seed {seed}: {json.dumps(metrics)}", flush=True)
    except EmojaxError as error:
        return fail(error)
    (options.out / "ablation.json").write_text(json.dumps(results, indent=1) + "\n")
    print(table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
