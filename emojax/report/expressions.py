"""Figures of prepared videos of expressions: classes, faces with their landmarks, views (image_sequences spec 7)."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from emojax.data.dataset import Dataset
from emojax.data.decode import read_features
from emojax.labels import SASE_LABELS
from emojax.report import classification, style
from emojax.report.page import Picture, Section
from emojax.vision.face_views import USUAL, ViewOptions, crop_matrix

_VIEWS = {"face": "crop", "frontal": "frontal view", "frontal_soft": "with soft symmetry"}
_MOST_COLUMNS = 6
_PEOPLE = 4  # of the figure of views


def expression_sections(folder: pathlib.Path, dataset: Dataset) -> list[Section]:
    """Counts of the classes, a training face of each, and the views of some people."""
    names = [name.replace("_", " ") for name in dataset.labels.classes]
    counts = {name: list(split.class_counts.values()) for name, split in dataset.splits.items()}
    path = classification.label_distribution_figure(folder / "classes.png", counts, names)
    sections = [Section("Labels", pictures=[Picture(path, "Frames of each class in each split.", wide=True)])]
    columns = dataset.columns("train")
    views = [name for name in _VIEWS if name in dataset.features]
    pairs = len(names) // 2 if dataset.labels == SASE_LABELS else 0
    records = strongest_frames(
        columns["label"], columns["landmarks"], len(names), columns.of_records("subject"), pairs
    )
    shown = {i: record for i, record in enumerate(records) if record >= 0}
    images = read_features(dataset, "train", views, list(shown.values()))
    size, options = images[views[0]].shape[1], ViewOptions.of_build(dataset.build)
    landmarks = [in_crop(columns["landmarks"][r], size, options) for r in shown.values()]
    path = class_figure(
        folder / "faces.png",
        images[views[0]],
        [names[i] for i in shown],
        landmarks if views[0] == "face" else None,
    )
    pictures = [
        Picture(path, "A training face of each class; where crops are stored, with its landmarks.", wide=True)
    ]
    if len(views) > 1:
        path = view_figure(folder / "views.png", {_VIEWS[v]: images[v][:_PEOPLE] for v in views})
        pictures.append(Picture(path, "The same frames in each modality.", wide=True))
    return [*sections, Section("Faces", pictures=pictures)]


def strongest_frames(
    label: np.ndarray, landmarks: np.ndarray, classes: int, subject: np.ndarray | None = None, pairs: int = 0
) -> list[int]:
    """Of each class the record whose landmarks lie farthest from the mean face; -1 where there is none.

    Args:
        label: ``[N]``.
        landmarks: ``[N, 68, 2]`` in pixels.
        classes: how many there are.
        subject: ``[N]``, for `pairs`.
        pairs: class i + pairs shows the person of class i where it can: the same emotion, genuine and deceptive.
    """
    centred = landmarks - landmarks.mean(axis=1, keepdims=True)
    shape = centred / np.maximum(np.linalg.norm(centred, axis=(1, 2), keepdims=True), 1e-9)
    distance = np.linalg.norm(shape - shape.mean(axis=0), axis=(1, 2))
    found: list[int] = []
    for i in range(classes):
        of_class = np.where(label == i, distance, -1)
        if pairs and i >= pairs and found[i - pairs] >= 0:
            same = np.where(subject == subject[found[i - pairs]], of_class, -1)
            of_class = same if same.max() >= 0 else of_class
        found.append(int(of_class.argmax()) if of_class.max() >= 0 else -1)
    return found


def in_crop(landmarks: np.ndarray, size: int, options: ViewOptions = USUAL) -> np.ndarray:
    """Landmarks ``[68, 2]`` in pixels of the frame -> pixels of the crop of `emojax.vision.face_views.face_crop`."""
    matrix = crop_matrix(landmarks, size, options)
    return landmarks @ matrix[:, :2].T + matrix[:, 2]


def class_figure(
    path: str | pathlib.Path,
    images: np.ndarray,
    names: Sequence[str],
    landmarks: Sequence[np.ndarray] | None = None,
) -> pathlib.Path:
    """A face of each class, ``[C, H, W, 3]`` uint8 RGB, with its name and its landmarks ``[68, 2]`` in pixels."""
    columns = min(len(images), _MOST_COLUMNS)
    rows = -(-len(images) // columns)
    with style.figure(path, 1.6 * columns, 1.9 * rows + 0.4) as fig:
        axes = fig.subplots(rows, columns, squeeze=False)
        for ax in axes.flat:
            style.hide(ax)
        for i, (ax, image) in enumerate(zip(axes.flat, images)):
            ax.imshow(image, interpolation="nearest")
            if landmarks is not None:
                ax.plot(*landmarks[i].T, ".", color=style.VERMILLION, ms=1.5)
            ax.set_xlabel(style.shorten(style.capital(names[i]), 20), fontsize=8)
        style.heading(fig, "A face of each class")
    return pathlib.Path(path)


def view_figure(path: str | pathlib.Path, views: Mapping[str, np.ndarray]) -> pathlib.Path:
    """A row a view, a column a frame: name of the view -> ``[N, H, W, 3]`` uint8 RGB."""
    columns = len(next(iter(views.values())))
    with style.figure(path, 1.7 * columns + 0.4, 1.75 * len(views) + 0.4) as fig:
        axes = fig.subplots(len(views), columns, squeeze=False)
        for row, (name, images) in zip(axes, views.items()):
            for ax, image in zip(row, images):
                style.hide(ax)
                ax.imshow(image, interpolation="nearest")
            row[0].set_title(name, fontsize=9, pad=6)
        style.heading(fig, "What the streams see")
    return pathlib.Path(path)
