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
from collections.abc import Sequence

import jax
import numpy as np
from absl import flags
from ml_collections import ConfigDict

from emojax import cli, systems
from emojax.data.dataset import Dataset, load_dataset
from emojax.data.decode import BatchDecoder
from emojax.data.loader import Batches
from emojax.engine import compile_cache
from emojax.engine.checkpoint import Checkpoints
from emojax.engine.run import CONFIG_FILE, Run, require_same_labels, source_id
from emojax.engine.runlog import read_log
from emojax.errors import CheckpointError, ConfigError
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


def read_config(workdir: pathlib.Path) -> ConfigDict:
    """The config of a run; raises CheckpointError when the folder holds none."""
    file = workdir / CONFIG_FILE
    if not file.is_file():
        raise CheckpointError(
            f"{workdir} holds no run (there is no {CONFIG_FILE}). Train one: "
            f"python -m emojax.train --config configs/affectnet_gcn.py:demo --workdir {workdir}"
        )
    return ConfigDict(json.loads(file.read_text()))


def result_paths(workdir: pathlib.Path, split: str) -> tuple[pathlib.Path, pathlib.Path, pathlib.Path]:
    """Where the metrics, the predictions and the page of a split are written."""
    suffix = "" if split == "validation" else f"_{split}"
    return (
        workdir / f"metrics{suffix}.json",
        workdir / f"predictions{suffix}.csv",
        workdir / f"report{suffix}" / "index.html",
    )


def evaluate(
    workdir: pathlib.Path, config: ConfigDict, dataset: Dataset, which: str, split: str = "validation"
) -> dict:
    """Restores a checkpoint, predicts a split, writes all results.

    Args:
        workdir: folder of the run.
        config: its config.
        dataset: the prepared data.
        which: ``best``, ``latest`` or a step number.
        split: name of the split.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        CheckpointError: no such checkpoint, or its classes are in another order than the data's.
        DataError: no such split.
    """
    described = dataset.split(split)
    system = systems.build(config, dataset)
    run = Run(config, system, dataset)
    checkpoints = Checkpoints(workdir, system.monitor)
    step = checkpoints.resolve(which)
    meta = checkpoints.read_meta(step)
    require_same_labels(meta, system.labels, checkpoints.folder / str(step), dataset.path)
    system.initialised_from = meta["initialised_from"]
    state = checkpoints.restore(step, run.abstract_state())
    checkpoints.close()
    predicted = run.predict(state.variables, split, title="evaluate")

    def predict_split(name: str) -> dict:
        return predicted if name == split else run.predict(state.variables, name, title=name)

    outputs = system.complete(predicted, predict_split)
    results = {
        "system": config.name,
        "step": step,
        "checkpoint": which,
        "protocol": f"{dataset.name} {split}, {system.protocol}",
        "split": {"name": split, "records": len(outputs["index"]), "content_hash": described.content_hash},
        "labels": system.labels.to_json(),
        "metrics": system.metrics(outputs),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": jax.devices()[0].device_kind,
    }
    metrics_file, predictions_file, page = result_paths(workdir, split)
    metrics_file.write_text(json.dumps(results, indent=1) + "\n")
    with contextlib.closing(run.batches(split, train=False)) as records:
        write_predictions(predictions_file, system, outputs, records)
        system.write_report(
            page.parent,
            state.variables,
            outputs,
            results,
            read_log(workdir),
            lambda indices, names: read_records(dataset, records, indices, names),
        )
    return results


def read_records(dataset: Dataset, records: Batches, indices: np.ndarray, names: Sequence[str]) -> dict:
    """Features of some records by name, ``[n, ...]`` each, in the order of `indices`."""
    features = {name: dataset.feature(name) for name in names}
    return BatchDecoder(records.source, features, len(indices))(indices)


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
