"""The report of an Aff-Wild system: which figures it has and what they say."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from emojax.engine.runlog import curve_statistics
from emojax.report import classification, curves, traces, valence_arousal
from emojax.report.page import Picture, Section, Table, write_report
from emojax.systems.face_videos.inputs import VALUES
from emojax.systems.face_videos.measure import truth_of

_CURVES = ("kind", "step", "epoch", "loss", "ccc_valence", "ccc_arousal", "accuracy", "mean_class_accuracy")
_SHOWN_VIDEOS = 3


@dataclasses.dataclass(frozen=True)
class FrameReport:
    """See `emojax.systems.measure.Report`."""

    system: Any
    columns: ClassVar = ("frame", "video_id")
    reads: ClassVar = ()

    def write(self, folder, variables, outputs, results, log, read_records) -> None:
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        metrics = results["metrics"]
        sections = [training_section(folder, log)]
        if "dimensions" in outputs:
            sections += [dimension_section(folder, outputs, metrics), trace_section(folder, outputs)]
        if "logits" in outputs:
            sections.append(_categories(folder, metrics, self.system.labels.classes))
        write_page(folder, self.system, results, sections)


def write_page(folder: pathlib.Path, system: Any, results: Mapping, sections: Sequence[Section]) -> None:
    """The page of an evaluation of frames: those sections that have pictures, and where the numbers come from."""
    metrics, split = results["metrics"], results["split"]
    write_report(
        folder,
        f"{results['system']}: step {results['step']}",
        [section for section in sections if section.pictures],
        subtitle=f"{results['protocol']}, {split['records']:,} frames",
        key_figures={name.replace("_", " "): f"{metrics[name]:.3f}" for name in system.headline},
        config=system.config.to_dict(),
        provenance={
            "checkpoint": f"{results['checkpoint']}, step {results['step']}",
            "records": f"{split['records']:,}, content hash {split['content_hash'][:16]}",
            "protocol": results["protocol"],
            "evaluated": f"{results['date']} on {results['device']}",
            "initialised from": system.origin(),
        },
    )


def training_section(folder: pathlib.Path, log: Sequence[Mapping]) -> Section:
    """Curves of the run, and minimum, mean and standard deviation of its losses (affwild_gan tables 6.1-6.6)."""
    if not log:
        return Section("Training")
    rows = [{k: v for k, v in row.items() if k in _CURVES} for row in log]
    path, of_run = curves.training_figure(folder / "training.png", rows), curve_statistics(log)
    kinds = {"train": "training batches", "eval": "validation split"}
    names = ("loss", "ccc_loss", "mse_loss", "cross_entropy")
    found = [
        (f"{name}, {kinds[kind]}", *(known[name][statistic] for statistic in ("minimum", "mean", "std")))
        for name in names
        for kind in kinds
        if name in (known := of_run[kind])
    ]
    caption = "Over the whole run, as logged: config.run.log_every and eval_every_steps say how often."
    return Section(
        "Training",
        tables=[Table(found, ("curve", "minimum", "mean", "standard deviation"), caption)],
        pictures=[Picture(path, "Training means and validation scores.", wide=True)],
    )


def dimension_section(folder: pathlib.Path, outputs: Mapping, metrics: Mapping) -> Section:
    """Predicted against true values of each frame ``[N, 2]``."""
    path = valence_arousal.prediction_figure(
        folder / "predictions.png", np.asarray(outputs["dimensions"]), truth_of(outputs), VALUES
    )
    kinds = ("ccc", "mse", "constant_mse", "pcc", "sagr", "video_ccc")
    rows = [(name, *(metrics[f"{kind}_{name}"] for kind in kinds)) for name in VALUES]
    header = ("dimension", "CCC", "MSE", "MSE of a constant", "PCC", "sign agreement", "mean CCC of videos")
    return Section(
        "Valence and arousal",
        tables=[Table(rows, header)],
        pictures=[Picture(path, "Each frame of the split; the line is a perfect prediction.", wide=True)],
    )


def trace_section(folder: pathlib.Path, outputs: Mapping) -> Section:
    """Predicted and true values over the frames of the longest videos of the split."""
    if "frame" not in outputs:
        return Section("Videos")
    names, counts = np.unique(outputs["sequence"], return_counts=True)
    pictures = []
    for number in names[np.argsort(-counts, kind="stable")[:_SHOWN_VIDEOS]]:
        rows = np.flatnonzero(outputs["sequence"] == number)
        predicted = np.clip(np.asarray(outputs["dimensions"])[rows], -1, 1)
        series = {"annotated": truth_of(outputs)[rows], "predicted": predicted}
        name = str(outputs["video_id"][rows[0]]) if "video_id" in outputs else f"sequence {number}"
        path = traces.trace_figure(folder / f"trace_{number}.png", outputs["frame"][rows], series, title=name)
        pictures.append(Picture(path, f"{name}: annotated and predicted values.", wide=True))
    return Section("Videos", pictures=pictures)


def _categories(folder: pathlib.Path, metrics: Mapping, names: Sequence[str]) -> Section:
    path = classification.confusion_figure(
        folder / "confusion.png", np.array(metrics["confusion_matrix"]), names
    )
    each = metrics["per_class"]
    rows = [(n, each[n]["count"], each[n]["precision"], each[n]["recall"], each[n]["f1"]) for n in names]
    caption = f"Always answering the commonest category is right in {metrics['majority_accuracy']:.1%} of the frames."
    return Section(
        "Categories",
        tables=[Table(rows, ("category", "frames", "precision", "recall", "F1"), caption)],
        pictures=[Picture(path, "Each row sums to 100 %.")],
    )
