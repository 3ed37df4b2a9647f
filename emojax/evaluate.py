"""Evaluates a trained run on one split and writes metrics, predictions and the report.

  python -m emojax.evaluate --workdir runs/demo                # the best checkpoint, validation split
  python -m emojax.evaluate --workdir runs/demo --step latest
  python -m emojax.evaluate --workdir runs/emotic --split test

Config, labels and data folder come from the checkpoint; nothing else has to be named. Writes into the work directory:
metrics.json, predictions.csv (one row a record: id, truth, probabilities, values) and report/index.html; for another
split than the validation split metrics_SPLIT.json, predictions_SPLIT.csv and report_SPLIT/.
"""

from __future__ import annotations

import contextlib
import csv
import datetime
import json
import pathlib

import jax
import numpy as np
from absl import flags
from ml_collections import ConfigDict

from emojax import cli, systems
from emojax.data.dataset import Dataset, load_dataset
from emojax.data.decode import read_features
from emojax.data.loader import Batches
from emojax.engine import compile_cache
from emojax.engine.run import Run, source_id
from emojax.engine.runlog import read_log
from emojax.engine.workdir import read_config, result_paths
from emojax.errors import ConfigError
from emojax.systems.base import System

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
    dataset = load_dataset(_DATA.value or config.data_dir)
    metrics = evaluate(workdir, config, dataset, _STEP.value, _SPLIT.value)
    print(f"{metrics['protocol']}, checkpoint of step {metrics['step']}")
    for name, value in metrics["metrics"].items():
        if isinstance(value, float):
            print(f"  {name:24} {value:.4f}")
    print(f"Written: {', '.join(str(path) for path in result_paths(workdir, _SPLIT.value))}")
    return 0


def evaluate(
    workdir: pathlib.Path,
    config: ConfigDict,
    dataset: Dataset,
    which: str,
    split: str = "validation",
    out: pathlib.Path | None = None,
) -> dict:
    """Restores a checkpoint, predicts a split, writes all results.

    Args:
        workdir: folder of the run.
        config: its config, or that of a system with the same network.
        dataset: the prepared data.
        which: ``best``, ``latest`` or a step number.
        split: name of the split.
        out: folder of the results; the run's if None.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        CheckpointError: no such checkpoint, or its classes are in another order than the data's.
        DataError: no such split.
    """
    described = dataset.split(split)
    system = systems.build(config, dataset)
    run = Run(config, system, dataset)
    restored = run.restore(workdir, which)
    step, state = restored.step, restored.state
    predicted = run.predict(state.variables, split, title="evaluate")

    def predict_split(name: str) -> dict:
        return predicted if name == split else run.predict(state.variables, name, title=name)

    outputs = system.complete(predicted, predict_split)
    results = {
        "system": config.name,
        "step": step,
        "checkpoint": which,
        "trained": {"steps": restored.last_step, "of": run.total_steps},
        "protocol": f"{dataset.name} {split}, {system.protocol}",
        "split": {"name": split, "records": len(outputs["index"]), "content_hash": described.content_hash},
        "records": {name: described.num_records for name, described in dataset.splits.items()},
        "labels": system.labels.to_json(),
        "config": json.loads(config.to_json_best_effort()),
        "notes": system.notes,
        "metrics": system.metrics(outputs),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": jax.devices()[0].device_kind,
    }
    metrics_file, predictions_file, page = result_paths(out or workdir, split)
    with contextlib.closing(run.batches(split, train=False)) as records:
        write_predictions(predictions_file, system, outputs, records)
        system.write_report(
            page.parent,
            state.variables,
            outputs,
            results,
            read_log(workdir),
            lambda indices, names: read_features(dataset, split, names, indices),
        )
    # Last, and whole or not at all: where it is, the rest is.
    temporary = metrics_file.with_suffix(".tmp")
    temporary.write_text(json.dumps(results, indent=1) + "\n")
    temporary.replace(metrics_file)
    return results


def write_predictions(path: pathlib.Path, system: System, outputs: dict, records: Batches) -> None:
    """One CSV row a record: number, source id, then the columns of `System.prediction_columns`."""
    columns = system.prediction_columns(outputs)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["record", "source_id", *columns])
        for row, index in enumerate(outputs["index"]):
            writer.writerow(
                [index, source_id(records, int(index)), *(_cell(values[row]) for values in columns.values())]
            )


def _cell(value):
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else value


if __name__ == "__main__":
    cli.run(main)
