"""Evaluates a trained run on one split and writes metrics, predictions and the report.

  python -m emojax.evaluate --workdir runs/demo                # the best checkpoint, validation split
  python -m emojax.evaluate --workdir runs/demo --step latest
  python -m emojax.evaluate --workdir runs/emotic --split test

Config, labels and data folder come from the checkpoint; nothing else has to be named. Writes into the work directory:
metrics.json, predictions.csv (one row a record: id, truth, probabilities, values) and report/index.html; for another
split than the validation split metrics_SPLIT.json, predictions_SPLIT.csv and report_SPLIT/.
"""

from __future__ import annotations

import pathlib

from absl import flags

from emojax import cli, systems
from emojax.engine import compile_cache
from emojax.engine.evaluation import evaluate
from emojax.engine.workdir import read_config, result_paths
from emojax.errors import ConfigError

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a run of emojax.train.")
_STEP = flags.DEFINE_string("step", "best", "best, latest, or a step number.")
_DATA = flags.DEFINE_string("data_dir", None, "Prepared data, if it has moved since the training.")
_SPLIT = flags.DEFINE_string("split", "validation", "Split of the data to evaluate.")


def main(argv) -> int:
    if not _WORKDIR.value:
        raise ConfigError("Which run? Give --workdir, the folder that emojax.train wrote.")
    compile_cache.enable()
    workdir = pathlib.Path(_WORKDIR.value)
    config = read_config(workdir)
    dataset = systems.load_data(config, _DATA.value)
    metrics = evaluate(workdir, systems.build(config, dataset.recipe), dataset, _STEP.value, _SPLIT.value)
    print(f"{metrics['protocol']}, checkpoint of step {metrics['step']}")
    for name, value in metrics["metrics"].items():
        if isinstance(value, float):
            print(f"  {name:24} {value:.4f}")
    print(f"Written: {', '.join(str(path) for path in result_paths(workdir, _SPLIT.value))}")
    return 0


if __name__ == "__main__":
    cli.run(main)
