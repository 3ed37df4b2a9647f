"""Trains systems with several seeds on the same data and prints mean and spread of what they reach.

Which loss is better for the rare classes of synthetic faces?

  python scripts/compare_seeds.py --data_dir runs/demo/data --out runs/loss --seeds 3 --epochs 4 \\
      configs/affectnet_baseline.py:base7@demo \\
      "configs/affectnet_baseline.py:base7@demo objective.expression=unweighted"

Does each stream help with people in context?

  python -m data_prep.synthetic emotic --out data/raw_emotic
  python -m data_prep.emotic --raw data/raw_emotic --out data/synthetic_emotic --size 64
  python scripts/compare_seeds.py --data_dir data/synthetic_emotic --out runs/streams --seeds 3 --epochs 12 \\
      "configs/emotic.py:demo model.streams=body" \\
      "configs/emotic.py:demo model.streams=body,context" \\
      "configs/emotic.py:demo model.streams=body,context,face"

A system is a config, with changed fields behind it; {seed} in them is the seed of the run, so that a system may start
from another one's run of the same seed in --out. The numbers are those of the last epoch on the test split,
or on the validation split of data whose test split is not there or has no labels; nothing is chosen on either.
Behind them stands the difference to the system above, in standard errors of that difference. Finished runs are kept
in --out/results.jsonl with the content hash of their training data, and not run again on the same data.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import sys
from collections.abc import Sequence

import numpy as np

from emojax import cli, systems
from emojax.data.dataset import Dataset, load_dataset
from emojax.engine import compile_cache
from emojax.engine.fit import with_estimator
from emojax.engine.loop import train
from emojax.engine.run import Run
from emojax.errors import TrainingError

SHOWN = (
    *("accuracy", "mean_class_accuracy", "svm_accuracy", "ccc_valence", "ccc_arousal"),
    *("region_accuracy", "mask_iou", "map", "aae", "ers", "mra", "mr2"),
    *("video_accuracy", "emotion_accuracy", "deceptive_accuracy"),
)


def configured(spec: str, data_dir: str, seed: int, epochs: int):
    """The config of ``FILE.py:variant [field=value ...]`` with data, seed and number of epochs."""
    name, *changes = spec.replace("{seed}", str(seed)).split()
    config = cli.load_config_file(name)
    config.update_from_flattened_dict({"data_dir": data_dir, "seed": seed, "num_epochs": epochs})
    for change in changes:
        cli.change(config, change)
    return config


def reached(config, dataset: Dataset, workdir: pathlib.Path) -> dict[str, float]:
    """Metrics of the test split, or of the validation split where there is no other, after the last epoch.

    Raises:
        TrainingError: the run was asked to stop (SIGTERM, Ctrl-C) before its end.
    """
    system = systems.build(config, dataset.recipe)
    result = train(config, system, dataset, workdir, progress=False)
    if not result.finished:
        raise TrainingError(f"{workdir} stopped at step {result.step}, saved. The same command resumes.")
    state, run = result.state, Run(config, system, dataset)

    def predict(split: str) -> dict:
        return run.predict(state.variables, split)

    split = measured_split(dataset)
    outputs = system.measure.complete(with_estimator(system, predict, split), predict)
    metrics = system.measure.metrics(outputs)
    return {name: metrics[name] for name in SHOWN if name in metrics}


def measured_split(dataset: Dataset) -> str:
    """The test split where there is one with labels, else the validation split."""
    counts = dataset.splits["test"].class_counts.values() if "test" in dataset.splits else ()
    return "test" if any(counts) else "validation"


def run_all(options) -> list[dict]:
    """Rows of the results file, those that are missing made first."""
    file = options.out / "results.jsonl"
    options.out.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    dataset = load_dataset(options.data_dir)
    data = dataset.split("train").content_hash
    rows = [row for row in rows if row["data"] == data]
    done = {(row["system"], row["seed"], row["epochs"]) for row in rows}
    for seed in range(options.seeds):
        for spec in options.systems:
            if (spec, seed, options.epochs) in done:
                continue
            config = configured(spec, str(options.data_dir), seed, options.epochs)
            name = re.sub("[^A-Za-z0-9.]+", "_", spec)
            metrics = reached(config, dataset, options.out / f"{name}_epochs{options.epochs}_seed{seed}")
            rows.append({"system": spec, "seed": seed, "epochs": options.epochs, "data": data, **metrics})
            print(json.dumps(rows[-1]), flush=True)
            with file.open("a") as out:
                out.write(json.dumps(rows[-1]) + "\n")
    return rows


def print_table(rows: list[dict], specs: list[str]) -> None:
    """Mean and sample standard deviation over the seeds, a line a system and metric, with the change to the line
    of the system above."""
    above: dict[str, np.ndarray] = {}
    for spec in specs:
        mine = [row for row in rows if row["system"] == spec]
        print(spec)
        values = {name: np.array([row[name] for row in mine]) for name in SHOWN if name in mine[0]}
        for name, v in values.items():
            spread = f" +- {_spread(v):.4f}" if len(v) > 1 else ""
            change = _change(above[name], v) if name in above else ""
            print(f"  {name:22} {v.mean():.4f}{spread}   {np.round(v, 4).tolist()}{change}")
        above = values


def _change(above: np.ndarray, values: np.ndarray) -> str:
    """Difference of the means, and how many of its standard errors that is."""
    error = np.hypot(_spread(above) / len(above) ** 0.5, _spread(values) / len(values) ** 0.5)
    difference = values.mean() - above.mean()
    return f"   {difference:+.4f} to the system above" + (
        f", {difference / error:+.1f} SE" if error > 0 else ""
    )


def _spread(values: np.ndarray) -> float:
    return values.std(ddof=1) if len(values) > 1 else float("nan")


def parser() -> cli.Parser:
    options = cli.Parser("python scripts/compare_seeds.py", __doc__)
    add = options.add_argument
    add("systems", nargs="+", metavar="SYSTEM", help="config, or config and changed fields in quotes")
    add("--data_dir", type=cli.path, required=True, metavar="DIR", help="prepared data of all systems")
    add("--out", type=cli.path, required=True, metavar="DIR", help="folder of the runs and the results")
    add("--seeds", type=cli.whole_number(1), default=3, metavar="N", help="seeds 0, 1, ... [3]")
    add("--epochs", type=cli.whole_number(1), default=4, metavar="N", help="epochs of each run [4]")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), compare, argv, interrupted="the same command resumes")


def compare(options: argparse.Namespace) -> None:
    compile_cache.enable()
    rows = run_all(options)
    wanted = [r for r in rows if r["epochs"] == options.epochs and r["seed"] < options.seeds]
    print_table(wanted, options.systems)


if __name__ == "__main__":
    sys.exit(main())
