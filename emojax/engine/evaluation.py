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
from emojax.engine.inference import Predictor
from emojax.engine.lock import RESULTS, locked
from emojax.engine.restore import Restored
from emojax.engine.runlog import read_log
from emojax.engine.workdir import as_json, result_paths
from emojax.files import explained, write_csv, write_json


def evaluate(
    workdir: pathlib.Path,
    restored: Restored,
    system,
    dataset: Dataset,
    split: str = "validation",
    *,
    out: pathlib.Path | None = None,
    which: str = "best",
) -> dict:
    """Predicts a split with the variables of a checkpoint, writes all results.

    The system has the graph, the words and the statistics of its run, whatever the data; of the data only the split
    is needed, and those that the measure is fitted on.

    Args:
        workdir: folder of the run.
        restored: the checkpoint.
        system: built from its recipe: what was trained, or a system with the same network.
        dataset: the prepared data.
        split: name of the split.
        out: folder of the results; the run's if None.
        which: how the checkpoint was asked for.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        DataError: no such split, or data that the system cannot predict.
    """
    dataset.split(split)
    system.require_data(dataset.recipe)
    system.recall(restored.meta)
    predictor = Predictor(system, dataset)
    variables = predictor.place(restored.variables)
    predicted = predictor.predict(variables, split, title="evaluate")

    def predict_split(name: str) -> dict:
        return predicted if name == split else predictor.predict(variables, name, title=name)

    outputs = system.measure.complete(predicted, predict_split)
    results = _results(restored, system, dataset, split, which, outputs)
    metrics_file, predictions_file, page = result_paths(out or workdir, split)
    columns = dataset.columns(split)
    with locked(out or workdir, RESULTS), explained(out or workdir):
        write_predictions(predictions_file, system, outputs, columns)
        shown = {k: columns[k][example_records(outputs)] for k in system.report.columns if k in columns}
        system.report.write(
            page.parent,
            restored.variables,
            {**outputs, **shown},
            results,
            read_log(workdir),
            lambda indices, names: read_features(dataset, split, names, indices),
        )
        write_json(metrics_file, results)  # last: where it is, the rest is
    return results


def _results(restored: Restored, system, dataset: Dataset, split: str, which: str, outputs: dict) -> dict:
    """What ``metrics.json`` holds."""
    content_hash = dataset.split(split).content_hash
    return {
        "system": system.config.name,
        "step": restored.step,
        "checkpoint": which,
        "trained": {"steps": restored.last_step, "of": restored.meta["total_steps"]},
        "protocol": f"{dataset.name} {split}, {system.protocol}",
        "split": {"name": split, "records": len(outputs["index"]), "content_hash": content_hash},
        "records": {name: described.num_records for name, described in dataset.splits.items()},
        "labels": system.labels.to_json(),
        "config": as_json(system.config),
        "notes": system.notes,
        "metrics": system.measure.metrics(outputs),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": jax.devices()[0].device_kind,
    }


def write_predictions(path: pathlib.Path, system, outputs: dict, columns: Columns) -> None:
    """One CSV row an example: number, source id where the data have ids, then the columns of the system's measure.

    The source id is that of the example's first record.
    """
    predicted = system.measure.columns(outputs)
    sources = columns.sources(example_records(outputs))
    known = {} if sources is None else {"source_id": sources}
    rows = (
        [index, *(_cell(values[row]) for values in (*known.values(), *predicted.values()))]
        for row, index in enumerate(outputs["index"])
    )
    write_csv(path, ["record", *known, *predicted], rows)


def _cell(value):
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else value
