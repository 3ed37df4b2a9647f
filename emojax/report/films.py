"""Labels of the frames of prepared films, split by split (affwild_cnn_rnn spec 1.7)."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from emojax.data.dataset import Dataset
from emojax.data.decode import read_features
from emojax.report import style
from emojax.report.category_va import category_va_section
from emojax.report.page import Picture, Section

_VALUES = ("valence", "arousal")
_BINS = 20
_SHOWN = 6  # annotated frames


def film_sections(folder: pathlib.Path, dataset: Dataset) -> list[Section]:
    """Histograms of all labels in each split, annotated frames and, where frames have categories, their VA."""
    columns = {name: dataset.columns(name) for name in dataset.splits if dataset.split(name).num_records}
    values = {name: np.stack([of[v] for v in _VALUES], axis=1) for name, of in columns.items()}
    names = dataset.labels.classes
    labels = {name: of["label"] for name, of in columns.items()} if "label" in dataset.features else {}
    path = histogram_figure(folder / "labels.png", values, labels, names)
    caption = "The columns of a row have one scale of shares: splits can be compared with the whole database."
    sections = [
        Section(
            "Labels",
            pictures=[Picture(path, caption, wide=True), _annotated(folder, dataset, columns)],
        )
    ]
    if labels:
        frames = {name: (values[name], labels[name]) for name in columns}
        sections.append(category_va_section(folder, frames, names))
    return sections


def histogram_figure(
    path: str | pathlib.Path,
    values: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
    classes: Sequence[str],
) -> pathlib.Path:
    """Valence, arousal and categories of the whole database and of each split, as shares of the frames.

    Args:
        path: PNG to write.
        values: split -> valence and arousal ``[N, 2]``.
        labels: split -> categories ``[N]``; empty without any.
        classes: C names.
    """
    every = {"database": np.concatenate(list(values.values())), **values}
    rows = [_bin_shares(every, i) for i in range(2)]
    if labels:
        counted = {"database": np.concatenate(list(labels.values())), **labels}
        rows.append({n: np.bincount(v, minlength=len(classes)) / len(v) for n, v in counted.items()})
    edges = np.linspace(-1, 1, _BINS + 1)
    with style.figure(path, 2.6 * len(every) + 0.4, 1.9 * len(rows) + 0.6) as fig:
        axes = fig.subplots(len(rows), len(every), squeeze=False, sharey="row")
        for row, (shares, title) in enumerate(zip(rows, (*map(style.capital, _VALUES), "Category"))):
            for column, (name, heights) in enumerate(shares.items()):
                ax = axes[row, column]
                if row < 2:
                    ax.bar(edges[:-1], heights, 2 / _BINS, align="edge", color=style.colour(row))
                    ax.set(xlim=(-1, 1), xticks=(-1, 0, 1))
                else:
                    ax.bar(range(len(classes)), heights, 0.75, color=style.colour(row))
                    ax.set_xticks(range(len(classes)), classes, rotation=90)
                if row == 0:
                    style.titled(ax, style.capital(name), style.count(len(every[name])))
                if column == 0:
                    ax.set_ylabel(f"{title}, share")
        style.heading(fig, "Labels of the database and of each split")
    return pathlib.Path(path)


def _bin_shares(values: Mapping[str, np.ndarray], dimension: int) -> dict[str, np.ndarray]:
    edges = np.linspace(-1, 1, _BINS + 1)
    return {name: np.histogram(v[:, dimension], edges)[0] / max(len(v), 1) for name, v in values.items()}


def _annotated(folder: pathlib.Path, dataset: Dataset, columns: Mapping) -> Picture:
    """Frames of the training split, far apart, with their labels (figs 4.2, 4.3)."""
    of = columns["train"]
    records = np.linspace(0, len(of["valence"]) - 1, _SHOWN).astype(int)
    faces = read_features(dataset, "train", ("image",), records.tolist())["image"]
    with style.figure(folder / "annotated.png", 1.6 * _SHOWN, 2.05) as fig:
        for ax, record, face in zip(fig.subplots(1, _SHOWN), records, faces):
            ax.imshow(face)
            style.hide(ax)
            name = dataset.labels.classes[of["label"][record]] if "label" in dataset.features else ""
            values = " ".join(f"{v[0].upper()} {style.signed(of[v][record])}" for v in _VALUES)
            ax.set_xlabel(f"{style.capital(name)}\n{values}" if name else values)
    return Picture(folder / "annotated.png", "Training frames with their labels.", wide=True)
