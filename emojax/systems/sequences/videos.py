"""Pages about the videos of a split: what their frames or clips are taken for, and what they vote for (spec 7)."""

from __future__ import annotations

import difflib
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from emojax.data.dataset import Dataset
from emojax.data.decode import read_features
from emojax.errors import DataError
from emojax.metrics.videos import first_of, vote
from emojax.report import votes
from emojax.report.page import Picture, Section
from emojax.systems.sequences.inputs import STREAMS, streams_of

_SHOWN = 3  # frames of a video
_MOST = 24  # units of the video that a user names
_EARLY, _LATE = 0.34, 0.66  # shares of the kept frames


def video_section(
    folder: pathlib.Path, system, outputs: Mapping, metrics: Mapping, read_records: Callable
) -> Section:
    """What the vote adds; of systems of frames also where in a video frames are right, and frames of some videos."""
    video, names = np.asarray(outputs["video_number"]), _names(system)
    unit = "frames" if system.config.model.net == "cnn" else "clips"
    matrices = (np.array(metrics[f"{of}confusion_matrix"]) for of in ("", "video_"))
    path = votes.vote_gain_figure(folder / "vote_gain.png", *matrices, names, unit=unit)
    pictures = [Picture(path, f"Accuracy of single {unit} and of videos by majority vote.")]
    if unit == "clips":
        return Section("Videos", pictures=pictures)
    predicted, truth = np.asarray(outputs["probabilities"]).argmax(axis=1), np.asarray(outputs["class"])
    right, place = predicted == truth, positions(video)
    path = votes.position_figure(folder / "positions.png", place, right, metrics["video_accuracy"])
    pictures.append(Picture(path, "Frames from the first that is kept of each video to the last."))
    if not (streams := streams_of(system.config)):
        return Section("Frames and videos", pictures=pictures)

    def images(units: np.ndarray) -> np.ndarray:
        return read_records(np.asarray(outputs["index"])[units], [streams[0]])[streams[0]]

    shown = contrasts(truth, right, place)
    if len(shown):
        notes = ["right", "wrong, although late", "wrong, early"]
        path = votes.frames_figure(
            folder / "errors.png",
            images(shown),
            names[predicted[shown]],
            right[shown],
            notes,
            title=f"Frames of one class: {names[truth[shown[0]]]}",
        )
        pictures.append(
            Picture(path, "Late frames show the whole expression, early ones are nearly neutral.", wide=True)
        )
    numbers, voted, _ = vote(np.asarray(outputs["probabilities"]), video)
    chosen = examples(right, video, voted == first_of(truth, video))
    members = [np.flatnonzero(video == numbers[v]) for v in chosen]
    shown = np.array([m[np.linspace(0, len(m) - 1, _SHOWN).round().astype(int)] for m in members])
    strips = images(shown.ravel())
    path = votes.vote_figure(
        folder / "votes.png",
        strips.reshape(len(chosen), _SHOWN, *strips.shape[1:]),
        names[predicted[shown]],
        names[first_of(truth, video)[chosen]],
        names[voted[chosen]],
    )
    pictures.append(
        Picture(path, "First, middle and last kept frame of videos; above, truth and vote.", wide=True)
    )
    return Section("Frames and videos", pictures=pictures)


def named_videos(
    folder: pathlib.Path, system, outputs: Mapping, dataset: Dataset, split: str, wanted: Sequence[str]
) -> list[Section]:
    """For each named video its frames, or the middle frames of its clips, with their classes and the vote.

    Raises:
        DataError: the split has no such video, or the data hold no pictures.
    """
    columns, names = dataset.columns(split), _names(system)
    known = dict(zip(columns.sequences["video"].tolist(), columns.sequences["video_number"].tolist()))
    view = next((name for name in (*streams_of(system.config), *STREAMS) if name in dataset.features), None)
    if view is None:
        raise DataError(f"{dataset.path} holds no pictures ({', '.join(STREAMS)}).")
    records = system.inputs.selection(train=False).plan(columns.layout, False).table
    sections = []
    for number, name in enumerate(wanted):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or sorted(known)[:3]
            raise DataError(
                f"The {split} split of {dataset.path} has no video {name!r}, but {', '.join(near)}, ..."
            )
        units = np.flatnonzero(np.asarray(outputs["video_number"]) == known[name])
        one = np.asarray(outputs["probabilities"])[units]
        voted, truth = vote(one, np.zeros(len(units)))[1][0], int(np.asarray(outputs["class"])[units][0])
        shown = units[np.unique(np.linspace(0, len(units) - 1, _MOST).round().astype(int))]
        middle = records[np.asarray(outputs["index"])[shown]]
        middle = middle[:, middle.shape[1] // 2]
        predicted = np.asarray(outputs["probabilities"])[shown].argmax(axis=1)
        path = votes.frames_figure(
            folder / f"video_{number}.png",
            read_features(dataset, split, [view], middle.tolist())[view],
            names[predicted],
            predicted == truth,
            [f"frame {frame}" for frame in columns["frame"][middle]],
            title=f"{name}: truth {names[truth]}, vote {names[voted]}",
        )
        count, unit = int((one.argmax(axis=1) == voted).sum()), "frames" if records.shape[1] == 1 else "clips"
        caption = f"{count} of {len(units)} {unit} vote for {names[voted]}."
        sections.append(Section(name, pictures=[Picture(path, caption, wide=True)]))
    return sections


def positions(video: np.ndarray) -> np.ndarray:
    """``[N]`` from 0, the first frame of each frame's video, to 1, the last; frames of a video are in their order."""
    _, start, member, count = np.unique(video, return_index=True, return_inverse=True, return_counts=True)
    return (np.arange(len(video)) - start[member]) / np.maximum(count[member] - 1, 1)


def contrasts(truth: np.ndarray, right: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Three frames of one class: a right one, a late one that is wrong, and an early one that is.

    Of the class with the most wrong frames among those that have all three; empty where there is none.
    """
    best: tuple[int, list[int]] = (0, [])
    for label in np.unique(truth):
        of_class = truth == label
        kinds = (of_class & right, of_class & ~right & (place > _LATE), of_class & ~right & (place < _EARLY))
        wrong = int((of_class & ~right).sum())
        if all(kind.any() for kind in kinds) and wrong > best[0]:
            best = wrong, [int(np.flatnonzero(kind)[0]) for kind in kinds]
    return np.array(best[1], int)


def examples(right: np.ndarray, video: np.ndarray, voted_right: np.ndarray) -> list[int]:
    """Up to four videos: the vote right against many wrong frames, right surely; wrong despite some, wrong surely."""
    _, member = np.unique(video, return_inverse=True)
    share = np.bincount(member, weights=right) / np.bincount(member)
    chosen = []
    for of_vote in (True, False):
        group = np.flatnonzero(voted_right == of_vote)
        group = group[np.argsort(share[group], kind="stable")]
        chosen += list(dict.fromkeys(group[[0, -1]].tolist() if len(group) else []))
    return chosen


def _names(system: Any) -> np.ndarray:
    """Names of the classes for a reader."""
    return np.array([name.replace("_", " ") for name in system.labels.classes])
