"""The report of a system of expressions in videos: which figures it has and what they say (image_sequences spec 7)."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, ClassVar

import numpy as np

from emojax.metrics.videos import first_of, vote
from emojax.report import classification, curves, votes
from emojax.report.page import Picture, Section, Table, write_report
from emojax.systems.sequences.inputs import streams_of

_SHOWN = 3  # frames of a video


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
        sections = [_training(folder, log), _confusion(folder, system, metrics)]
        if system.config.model.net == "cnn":  # its units are frames
            sections.append(_frames(folder, system, outputs, metrics, read_records))
        write_report(
            folder,
            f"{results['system']}: step {results['step']}",
            [section for section in sections if section.pictures],
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


def _frames(folder: pathlib.Path, system, outputs, metrics: dict, read_records) -> Section:
    """Frames of some videos with what each is taken for, and where in a video frames are right."""
    video = np.asarray(outputs["video_number"])
    names = np.array([name.replace("_", " ") for name in system.labels.classes])
    predicted, truth = np.asarray(outputs["probabilities"]).argmax(axis=1), np.asarray(outputs["class"])
    right = predicted == truth
    path = votes.position_figure(
        folder / "positions.png", _positions(video), right, metrics["video_accuracy"]
    )
    pictures = [Picture(path, "Frames from the first that is kept of each video to the last.")]
    if streams := streams_of(system.config):
        numbers, voted, _ = vote(np.asarray(outputs["probabilities"]), video)
        chosen = _examples(right, video, voted == first_of(truth, video))
        members = [np.flatnonzero(video == numbers[v]) for v in chosen]
        shown = np.array([m[np.linspace(0, len(m) - 1, _SHOWN).round().astype(int)] for m in members])
        images = read_records(np.asarray(outputs["index"])[shown.ravel()], [streams[0]])[streams[0]]
        path = votes.vote_figure(
            folder / "votes.png",
            images.reshape(len(chosen), _SHOWN, *images.shape[1:]),
            names[predicted[shown]],
            names[first_of(truth, video)[chosen]],
            names[voted[chosen]],
        )
        pictures.append(
            Picture(path, "First, middle and last kept frame of videos; above, truth and vote.", wide=True)
        )
    return Section("Frames and videos", pictures=pictures)


def _positions(video: np.ndarray) -> np.ndarray:
    """``[N]`` from 0, the first frame of each frame's video, to 1, the last; frames of a video are in their order."""
    _, start, member, count = np.unique(video, return_index=True, return_inverse=True, return_counts=True)
    return (np.arange(len(video)) - start[member]) / np.maximum(count[member] - 1, 1)


def _examples(right: np.ndarray, video: np.ndarray, voted_right: np.ndarray) -> list[int]:
    """Up to four videos: the vote right against many wrong frames, right surely; wrong despite some, wrong surely."""
    _, member = np.unique(video, return_inverse=True)
    share = np.bincount(member, weights=right) / np.bincount(member)
    chosen = []
    for of_vote in (True, False):
        group = np.flatnonzero(voted_right == of_vote)
        group = group[np.argsort(share[group], kind="stable")]
        chosen += list(dict.fromkeys(group[[0, -1]].tolist() if len(group) else []))
    return chosen
