"""Evaluates a trained run on the validation split and writes metrics, predictions and the report.

  python -m emojax.evaluate --workdir runs/demo                # the best checkpoint
  python -m emojax.evaluate --workdir runs/demo --step latest

Config, labels and data folder come from the checkpoint; nothing else has to be named. Writes into the work directory:
metrics.json, predictions.csv (one row a record: id, truth, probabilities, values) and report/index.html.
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

SPLIT = "validation"


def main(argv) -> int:
    if not _WORKDIR.value:
        raise ConfigError("Which run? Give --workdir, the folder that emojax.train wrote.")
    compile_cache.enable()
    workdir = pathlib.Path(_WORKDIR.value)
    config = read_config(workdir)
    dataset = load_dataset(_DATA.value or config.data_dir)
    metrics = evaluate(workdir, config, dataset, _STEP.value)
    print(f"{metrics['protocol']}, checkpoint of step {metrics['step']}")
    for name, value in metrics["metrics"].items():
        if isinstance(value, float):
            print(f"  {name:24} {value:.4f}")
    print(f"Written: {workdir / 'metrics.json'}, {workdir / 'predictions.csv'}, {workdir / 'report' / 'index.html'}")
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


def evaluate(workdir: pathlib.Path, config: ConfigDict, dataset: Dataset, which: str) -> dict:
    """Restores a checkpoint, predicts the validation split, writes all results.

    Args:
        workdir: folder of the run.
        config: its config.
        dataset: the prepared data.
        which: ``best``, ``latest`` or a step number.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        CheckpointError: no such checkpoint, or its classes are in another order than the data's.
    """
    system = systems.build(config, dataset)
    run = Run(config, system, dataset)
    checkpoints = Checkpoints(workdir, system.monitor)
    step = checkpoints.resolve(which)
    require_same_labels(checkpoints.read_meta(step), system.labels, checkpoints.folder / str(step), dataset.path)
    state = checkpoints.restore(step, run.abstract_state())
    checkpoints.close()
    outputs = run.predict(state.variables, SPLIT, title="evaluate")
    outputs = system.complete(outputs, lambda: run.predict(state.variables, "train", title="training features"))
    results = {
        "system": config.name,
        "step": step,
        "checkpoint": which,
        "protocol": f"{dataset.name} {SPLIT}, {len(system.labels.classes)}-way, one centred crop, no averaging",
        "split": {"name": SPLIT, "records": len(outputs["index"]), "content_hash": dataset.splits[SPLIT].content_hash},
        "labels": system.labels.to_json(),
        "metrics": system.metrics(outputs),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": jax.devices()[0].device_kind,
    }
    (workdir / "metrics.json").write_text(json.dumps(results, indent=1) + "\n")
    with contextlib.closing(run.batches(SPLIT, train=False)) as records:
        write_predictions(workdir / "predictions.csv", system, outputs, records)
        system.write_report(
            workdir / "report",
            state.variables,
            outputs,
            results,
            read_log(workdir),
            lambda indices: read_images(dataset, records, indices),
        )
    return results


def read_images(dataset: Dataset, records: Batches, indices: np.ndarray) -> np.ndarray:
    """Pictures of some records, uint8 ``[n, H, W, 3]``."""
    return BatchDecoder(records.source, {"image": dataset.feature("image")}, len(indices))(indices)["image"]


def write_predictions(path: pathlib.Path, system: System, outputs: dict, records: Batches) -> None:
    """One CSV row a record: number, source id, then the columns of `System.prediction_columns`."""
    columns = system.prediction_columns(outputs)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["record", "source_id", *columns])
        for row, index in enumerate(outputs["index"]):
            writer.writerow([index, source_id(records, int(index)), *(_cell(values[row]) for values in columns.values())])


def _cell(value):
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else value


if __name__ == "__main__":
    cli.run(main)
