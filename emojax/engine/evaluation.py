"""Evaluation of a checkpoint: metrics, predictions and report of one split."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Mapping

import jax
import numpy as np

from emojax.data.columns import Columns
from emojax.data.dataset import Dataset
from emojax.data.decode import read_features
from emojax.data.folds import POOL_RECORD, fold_of
from emojax.data.frames import example_records
from emojax.engine.fit import fit_estimator
from emojax.engine.inference import Predictor
from emojax.engine.lock import RESULTS, locked
from emojax.engine.outputs import Outputs, identities, make_meta, write_outputs
from emojax.engine.restore import Restored
from emojax.engine.runlog import curve_statistics, read_log
from emojax.engine.thresholds import NAME as THRESHOLDS
from emojax.engine.thresholds import write_thresholds
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
    all_outputs: bool = False,
) -> dict:
    """Predicts a split with the variables of a checkpoint, writes all results.

    The system has the graph, the words, the statistics and the fitted estimator of its run, whatever the data; of the
    data only the split is needed, and those that the measure is fitted on.

    Args:
        workdir: folder of the run.
        restored: the checkpoint.
        system: built from its recipe: what was trained, or a system with the same network.
        dataset: the prepared data.
        split: name of the split.
        out: folder of the results; the run's if None.
        which: how the checkpoint was asked for.
        all_outputs: store every output of the network, e.g. ``embedding [N, D]``, and not only what is measured.

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
    measured, drawn = system.measure.reads, system.report.reads
    needed = (*drawn, *(system.estimator.reads if system.estimator else ()))
    reads = None if all_outputs else (*measured, *needed)
    predicted = predictor.predict(variables, split, reads=reads, title="evaluate")
    if system.estimator:
        fitted = fit_estimator(workdir, restored, system, dataset, results=out)
        predicted |= system.estimator.apply(fitted, predicted)

    def predict_split(name: str) -> dict:
        return predicted if name == split else predictor.predict(variables, name, reads=measured, title=name)

    outputs = system.measure.complete(predicted, predict_split)
    log = read_log(workdir)
    results = _results(restored, system, dataset, split, which, outputs, log)
    paths = result_paths(out or workdir, split)
    columns = dataset.columns(split)
    dropped = () if all_outputs else set(needed) - set(measured)
    kept = {name: values for name, values in outputs.items() if name not in dropped}
    with locked(out or workdir, RESULTS), explained(out or workdir):
        write_predictions(paths.predictions, system, outputs, columns)
        write_outputs(paths.outputs, describe_outputs(restored, system, dataset, split, kept))
        if THRESHOLDS in outputs:
            write_thresholds(out or workdir, restored, outputs[THRESHOLDS])
        shown = {k: columns[k][example_records(outputs)] for k in system.report.columns if k in columns}
        system.report.write(
            paths.page.parent,
            restored.variables,
            {**outputs, **shown},
            results,
            log,
            lambda indices, names: read_features(dataset, split, names, indices),
        )
        write_json(paths.metrics, results)  # last: where it is, the rest is
    return results


def store_outputs(workdir: pathlib.Path, restored: Restored, system, dataset: Dataset, split: str) -> Outputs:
    """Predicts a split whose labels may be unknown; writes its outputs and its predictions, measures nothing.

    Args:
        workdir, restored, system, dataset, split: see `evaluate`.
    """
    dataset.split(split)
    system.require_data(dataset.recipe)
    system.recall(restored.meta)
    predictor = Predictor(system, dataset)
    variables = predictor.place(restored.variables)
    predicted = predictor.predict(variables, split, reads=system.measure.reads, title="predict")
    outputs = describe_outputs(restored, system, dataset, split, predicted)
    paths = result_paths(workdir, split)
    with locked(workdir, RESULTS), explained(workdir):
        write_predictions(paths.predictions, system, predicted, dataset.columns(split))
        write_outputs(paths.outputs, outputs)
    return outputs


def _results(
    restored: Restored, system, dataset: Dataset, split: str, which: str, outputs: dict, log: list[dict]
) -> dict:
    """What ``metrics.json`` holds."""
    content_hash = dataset.split(split).content_hash
    return {
        "system": system.config.name,
        "step": restored.step,
        "checkpoint": which,
        "trained": {"steps": restored.last_step, "of": restored.meta["total_steps"]},
        "protocol": _protocol(system, dataset, split),
        "split": {"name": split, "records": len(outputs["index"]), "content_hash": content_hash},
        "records": {name: described.num_records for name, described in dataset.splits.items()},
        "sequences": {name: len(dataset.columns(name).layout.starts) for name in dataset.splits},
        "labels": system.labels.to_json(),
        "config": as_json(system.config),
        "notes": system.notes,
        "metrics": system.measure.metrics(outputs),
        "curves": curve_statistics(log),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": jax.devices()[0].device_kind,
    }


def _protocol(system, dataset: Dataset, split: str) -> str:
    return f"{dataset.name} {split}, {system.protocol}"


def describe_outputs(
    restored: Restored, system, dataset: Dataset, split: str, outputs: Mapping[str, np.ndarray]
) -> Outputs:
    """The outputs of an evaluation with what identifies the examples; arrays that are not of examples are left out."""
    records = example_records(outputs)
    fold = fold_of(dataset, split)
    ids = identities(dataset.columns(split), records)
    if fold is not None:
        ids[POOL_RECORD] = dataset.records[split][records]
    meta = make_meta(
        system=system.config.name,
        step=restored.step,
        split=split,
        dataset=dataset.name,
        content_hash=dataset.split(split).content_hash,
        labels=system.labels,
        config=as_json(system.config),
        recipe=system.recipe,
        protocol=_protocol(system, dataset, split),
        fold=fold,
    )
    arrays = {name: values for name, values in outputs.items() if np.shape(values)[:1] == records.shape}
    return Outputs(arrays, ids, meta)


def write_predictions(path: pathlib.Path, system, outputs: dict, columns: Columns) -> None:
    """One CSV row an example, see `write_table`; the source id is that of the example's first record."""
    write_table(path, system, outputs, columns.sources(example_records(outputs)))


def write_table(path: pathlib.Path, system, outputs: Mapping, sources: np.ndarray | None) -> None:
    """One CSV row an example: number, source id ``[N]`` where the data have ids, then the columns of the measure."""
    predicted = system.measure.columns(outputs)
    known = {} if sources is None else {"source_id": sources}
    rows = (
        [index, *(_cell(values[row]) for values in (*known.values(), *predicted.values()))]
        for row, index in enumerate(outputs["index"])
    )
    write_csv(path, ["record", *known, *predicted], rows)


def _cell(value):
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else value
