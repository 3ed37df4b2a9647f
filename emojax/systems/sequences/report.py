"""The report of a system of expressions in videos: which figures it has and what they say (image_sequences spec 7)."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, ClassVar

import numpy as np

from emojax.models.constants import CONSTANTS
from emojax.report import classification, components, curves
from emojax.report.page import Picture, Section, Table, write_report
from emojax.systems.layers import layers
from emojax.systems.sequences.videos import video_section


@dataclasses.dataclass(frozen=True)
class SequenceReport:
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
            _confusion(folder, system, metrics),
            video_section(folder, system, outputs, metrics, read_records),
            _components(folder, system, variables),
            _network(system),
        ]
        write_report(
            folder,
            f"{results['system']}: step {results['step']}",
            [section for section in sections if section.pictures or section.tables],
            subtitle=f"{results['protocol']}, {metrics['videos']:,} videos of {metrics['subjects']} people",
            key_figures={
                "accuracy": (
                    f"{metrics['accuracy']:.4f}",
                    f"95 % from {metrics['accuracy_low']:.3f} to {metrics['accuracy_high']:.3f} over subjects",
                ),
                "videos by vote": f"{metrics['video_accuracy']:.4f}",
                "mean recall (UAR)": f"{metrics['mean_class_accuracy']:.4f}",
                "always the commonest class": f"{metrics['majority']:.4f}",
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
    kept = ("kind", "step", "epoch", "loss", "accuracy", "video_accuracy", "macro_f1")
    path = curves.training_figure(
        folder / "training.png", [{k: v for k, v in row.items() if k in kept} for row in log]
    )
    return Section("Training", pictures=[Picture(path, "Training means and validation scores.", wide=True)])


def _confusion(folder: pathlib.Path, system, metrics: dict) -> Section:
    names = system.labels.classes
    captions = {
        "confusion_matrix": ("confusion.png", "Frames or clips: rows are the truth, in percent of each row."),
        "video_confusion_matrix": ("confusion_videos.png", "Videos by majority vote."),
    }
    pictures = [
        Picture(classification.confusion_figure(folder / file, np.array(metrics[name]), names), caption)
        for name, (file, caption) in captions.items()
    ]
    rows = [(n, *(metrics["per_class"][n][k] for k in ("count", "precision", "recall", "f1"))) for n in names]
    table = Table(rows, ("class", "units", "precision", "recall", "F1"))
    return Section("Classes", tables=[table], pictures=pictures)


def _components(folder: pathlib.Path, system, variables) -> Section:
    """How much of the variance the principal components of the features and of the geometry explain."""
    options, pictures = system.config.model, []
    spectrum = variables.get(CONSTANTS, {}).get("pca_spectrum")
    if spectrum is not None:
        path = components.components_figure(
            folder / "components.png",
            np.trim_zeros(np.asarray(spectrum), "b"),
            options.pca,
            title=f"Principal components of {options.feature}",
        )
        pictures.append(
            Picture(path, "Of the training frames; the recurrent layers read those up to the mark.")
        )
    shares = system.recipe.statistics.get("geometry_explained")
    if options.geometry and options.geometry_components and shares:
        kept = min(options.geometry_components, len(shares))
        path = components.components_figure(
            folder / "geometry_components.png",
            np.array(shares),
            kept,
            title="Principal components of the geometry",
        )
        pictures.append(Picture(path, "Of the training frames; the network reads those up to the mark."))
    return Section("Principal components", pictures=pictures)


def _network(system) -> Section:
    """Every layer with the shape of what it gives and its parameters."""
    rows = [
        (one.path, one.kind, " x ".join(map(str, one.output)), one.parameters, "yes" if one.trained else "no")
        for one in layers(system)
    ]
    return Section("Network", tables=[Table(rows, ("layer", "kind", "output", "parameters", "trained"))])
