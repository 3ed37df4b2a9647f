"""Evaluation of a checkpoint: metrics, predictions and report of one split."""

from __future__ import annotations

import datetime
import pathlib

import jax
import numpy as np

from emojax.data.columns import Columns
from emojax.data.dataset import Dataset
from emojax.data.decode import read_features
from emojax.data.frames import example_records
from emojax.engine.lock import RESULTS, locked
from emojax.engine.run import Run
from emojax.engine.runlog import read_log
from emojax.engine.workdir import as_json, result_paths
from emojax.files import explained, write_csv, write_json


def evaluate(
    workdir: pathlib.Path,
    system,
    dataset: Dataset,
    which: str,
    split: str = "validation",
    out: pathlib.Path | None = None,
) -> dict:
    """Restores a checkpoint, predicts a split, writes all results.

    Args:
        workdir: folder of the run.
        system: what was trained there, or a system with the same network (see `emojax.systems.base.System`).
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
    config = system.config
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
        "config": as_json(config),
        "notes": system.notes,
        "metrics": system.metrics(outputs),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": jax.devices()[0].device_kind,
    }
    metrics_file, predictions_file, page = result_paths(out or workdir, split)
    with locked(out or workdir, RESULTS), explained(out or workdir):
        write_predictions(predictions_file, system, outputs, dataset.columns(split))
        system.write_report(
            page.parent,
            state.variables,
            outputs,
            results,
            read_log(workdir),
            lambda indices, names: read_features(dataset, split, names, indices),
        )
        write_json(metrics_file, results)  # last: where it is, the rest is
    return results


def write_predictions(path: pathlib.Path, system, outputs: dict, columns: Columns) -> None:
    """One CSV row an example: number, source id where the data have ids, then `System.prediction_columns`.

    The source id is that of the example's first record.
    """
    predicted = system.prediction_columns(outputs)
    known = {"source_id": columns["source_id"][example_records(outputs)]} if "source_id" in columns else {}
    rows = (
        [index, *(_cell(values[row]) for values in (*known.values(), *predicted.values()))]
        for row, index in enumerate(outputs["index"])
    )
    write_csv(path, ["record", *known, *predicted], rows)


def _cell(value):
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else value
