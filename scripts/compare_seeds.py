"""Trains systems with several seeds on the same data and prints mean and spread of what they reach.

Which loss is better for the rare classes of drawn faces?

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

A system is a config, with changed fields behind it. The numbers are those of the last epoch on the test split,
or on the validation split of data without one; nothing is chosen on either. Behind them stands the difference
to the system above, in standard errors of that difference. Finished runs are kept in --out/results.jsonl with
the content hash of their training data, and not run again on the same data.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import sys

import numpy as np
from absl import logging

from emojax import cli, systems
from emojax.data.dataset import Dataset, load_dataset
from emojax.engine import compile_cache
from emojax.engine.loop import train
from emojax.engine.run import Run
from emojax.errors import ConfigError, EmojaxError, TrainingError

SHOWN = (
    *("accuracy", "mean_class_accuracy", "svm_accuracy", "ccc_valence", "ccc_arousal"),
    *("region_accuracy", "mask_iou", "map", "aae"),
)


def configured(spec: str, data_dir: str, seed: int, epochs: int):
    """The config of ``FILE.py:variant [field=value ...]`` with data, seed and number of epochs."""
    name, *changes = spec.split()
    config = cli.load_config_file(name)
    config.update_from_flattened_dict({"data_dir": data_dir, "seed": seed, "num_epochs": epochs})
    known = dict.fromkeys(cli.config_fields(config))
    for change in changes:
        field, _, value = change.partition("=")
        if field not in known:
            raise cli.unknown_field(field, list(known))
        try:
            config.update_from_flattened_dict({field: json.loads(value)})
        except json.JSONDecodeError:
            config.update_from_flattened_dict({field: value})
    return config


def reached(config, dataset: Dataset, workdir: pathlib.Path) -> dict[str, float]:
    """Metrics of the test split, or of the validation split where there is no other, after the last epoch.

    Raises:
        TrainingError: the run was asked to stop (SIGTERM, Ctrl-C) before its end.
    """
    system = systems.build(config, dataset.recipe)
    result = train(config, system, dataset, workdir, progress=False)
    if not result.finished:
        raise TrainingError(
            f"{workdir} stopped at step {result.step}, saved. The same command goes on from there."
        )
    state, run = result.state, Run(config, system, dataset)
    outputs = system.complete(
        run.predict(state.variables, "test" if "test" in dataset.splits else "validation"),
        lambda split: run.predict(state.variables, split),
    )
    metrics = system.metrics(outputs)
    return {name: metrics[name] for name in SHOWN if name in metrics}


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
            config = configured(spec, options.data_dir, seed, options.epochs)
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


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("systems", nargs="+", help="config, or config and changed fields in quotes")
    parser.add_argument("--data_dir", required=True, help="prepared data of all systems")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of the runs and the results")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0, 1, ... [3]")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of each run [4]")
    options = parser.parse_args()
    logging.set_verbosity(logging.ERROR)
    compile_cache.enable()
    try:
        if options.seeds < 1 or options.epochs < 1:
            raise ConfigError("--seeds and --epochs must be at least 1.")
        rows = run_all(options)
    except EmojaxError as error:
        return cli.fail(error)
    wanted = [r for r in rows if r["epochs"] == options.epochs and r["seed"] < options.seeds]
    print_table(wanted, options.systems)
    return 0


if __name__ == "__main__":
    sys.exit(main())
