"""The report of a BoLD system: which figures it has and what they say."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, ClassVar

import numpy as np

from emojax.labels import BOLD_POSITIVE_FROM
from emojax.report import curves, people
from emojax.report.page import Picture, Section, Table, write_report

_CURVES = ("kind", "step", "epoch", "loss", "ers", "map", "mra", "mr2")


@dataclasses.dataclass(frozen=True)
class BodyReport:
    """See `emojax.systems.measure.Report`."""

    system: Any
    columns: ClassVar = ()
    reads: ClassVar = ()

    def write(self, folder, variables, outputs, results, log, read_records) -> None:
        system, folder = self.system, pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        metrics, split = results["metrics"], results["split"]
        sections = [
            _training(folder, log),
            _categories(folder, system, outputs, metrics),
            _dimensions(folder, system, outputs, metrics),
        ]
        write_report(
            folder,
            f"{results['system']}: step {results['step']}",
            [section for section in sections if section.pictures],
            subtitle=f"{results['protocol']}, {split['records']:,} people in clips",
            key_figures={
                "ERS": (f"{metrics['ers']:.4f}", "half mean R2, half the mean of mAP and mRA"),
                "mAP": f"{metrics['map']:.4f}",
                "mean ROC-AUC": f"{metrics['mra']:.4f}",
                "mean R2": f"{metrics['mr2']:.4f}",
            },
            config=system.config.to_dict(),
            provenance={
                "checkpoint": f"{results['checkpoint']}, step {results['step']}",
                "records": f"{split['records']:,}, content hash {split['content_hash'][:16]}",
                "protocol": results["protocol"],
                "evaluated": f"{results['date']} on {results['device']}",
                "initialised from": system.origin(),
            },
        )


def _training(folder: pathlib.Path, log: list[dict]) -> Section:
    if not log:
        return Section("Training")
    rows = [{k: v for k, v in row.items() if k in _CURVES} for row in log]
    path = curves.training_figure(folder / "training.png", rows)
    return Section("Training", pictures=[Picture(path, "Training means and validation scores.", wide=True)])


def _categories(folder: pathlib.Path, system, outputs, metrics) -> Section:
    names = system.labels.classes
    each = [metrics["per_category"][name] for name in names]
    path = people.average_precision_figure(
        folder / "average_precision.png",
        [c["ap"] for c in each],
        names,
        counts=[c["count"] for c in each],
        total=len(outputs["categories"]),
    )
    rows = [
        (n, c["count"], c["ap"], "-" if c["roc_auc"] is None else c["roc_auc"]) for n, c in zip(names, each)
    ]
    caption = f"A category counts as present from a confidence of {BOLD_POSITIVE_FROM:g}."
    return Section(
        "Categories",
        tables=[Table(rows, ("category", "people", "AP", "ROC-AUC"), caption)],
        pictures=[Picture(path, "Average precision; the mark is what a random order gives.", wide=True)],
    )


def _dimensions(folder: pathlib.Path, system, outputs, metrics) -> Section:
    names = system.labels.dimensions
    path = people.dimension_error_figure(
        folder / "dimensions.png", np.asarray(outputs["dimensions"]), outputs["vad"], names
    )
    rows = [(name, metrics[f"r2_{name}"]) for name in names]
    caption = "Absolute errors on [0, 1]; the line is the error of always predicting the split's mean."
    return Section(
        "Valence, arousal, dominance",
        tables=[Table(rows, ("dimension", "R2"))],
        pictures=[Picture(path, caption, wide=True)],
    )
