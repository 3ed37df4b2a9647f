"""Where each category lies in the plane of valence and arousal, in figures and numbers (affwild_cnn_rnn spec 7.2)."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from emojax.metrics import category_va
from emojax.report import style, valence_arousal
from emojax.report.page import Picture, Section, Table

Frames = tuple[np.ndarray, np.ndarray]  # values [N, 2] and labels [N]
_FITTED = "train"  # split that the probes are fitted on, where there is one


def category_va_section(
    folder: pathlib.Path, splits: Mapping[str, Frames], classes: Sequence[str]
) -> Section:
    """Planes of each class and of all, and the quantities of spec 7.2, of each split and overall.

    Args:
        folder: of the PNGs.
        splits: name -> valence and arousal ``[N, 2]`` and category ``[N]`` of its frames.
        classes: C names.
    """
    values, labels = (np.concatenate(parts) for parts in zip(*splits.values()))
    planes = valence_arousal.class_scatter_figure(
        folder / "plane_of_each_class.png", *values.T, labels, classes, title="Frames of each category"
    )
    together = valence_arousal.scatter_figure(
        folder / "plane.png", *values.T, labels, classes, title="Frames of all categories"
    )
    crowd = classes_figure(folder / "classes_of_bins.png", category_va.classes_of_bins(values, labels))
    every = {**splits, "all frames": (values, labels)}
    tables = [_quadrant_table(name, frames, classes) for name, frames in every.items()]
    return Section(
        "Categories in the plane of valence and arousal",
        tables=[*tables, _information_table(every, len(classes)), _entropy_table(values, labels, classes)],
        pictures=[
            Picture(planes, "Frames of each category; all others in grey.", wide=True),
            Picture(together, "Frames of all categories."),
            Picture(crowd, "How many categories share a cell: where they are many, a point says little."),
        ],
    )


def _quadrant_table(name: str, frames: Frames, classes: Sequence[str]) -> Table:
    shares = category_va.quadrant_shares(*frames, len(classes))
    counts = np.bincount(frames[1], minlength=len(classes))
    needed = category_va.region_counts(shares)
    rows = [(c, int(n), *map(float, s), int(r)) for c, n, s, r in zip(classes, counts, shares, needed)]
    header = ("category", "frames", *category_va.QUADRANTS, "quadrants for 90 %")
    return Table(rows, header, f"Share of each category's frames in each quadrant: {name}.")


def _information_table(splits: Mapping[str, Frames], num_classes: int) -> Table:
    rows = []
    fitted = splits.get(_FITTED, next(iter(splits.values())))
    for name, frames in splits.items():
        found = category_va.information(*frames, num_classes)
        probed = category_va.probes(fitted, frames)
        shares = category_va.quadrant_shares(*frames, num_classes)
        rows.append(
            (
                name,
                found.category_of_bin,
                found.bin_of_category,
                found.mutual,
                category_va.crowded_share(*frames),
                category_va.consistency(*frames, shares),
                probed.accuracy,
                probed.recall,
                *map(float, probed.ccc),
                *map(float, probed.mse),
            )
        )
    header = (
        "split", "H(category | cell)", "H(cell | category)", "mutual information",
        "frames in cells of 5 or more", "consistent", "accuracy from VA", "mean recall from VA",
        "CCC valence from category", "CCC arousal from category", "MSE valence", "MSE arousal",
    )  # fmt: skip
    caption = (
        "Entropies in bits on 20 x 20 cells. Consistent: true values in a quadrant with at least 10 % of the true "
        "category. The category is guessed by logistic regression from the true valence and arousal, these by the mean "
        f"of the true category; both are fitted on the split {_FITTED!r}."
    )
    return Table(rows, header, caption)


def _entropy_table(values: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> Table:
    each = category_va.information(values, labels, len(classes)).of_class
    rows = [(name, float(bits)) for name, bits in zip(classes, each)]
    return Table(rows, ("category", "entropy over cells, bits"), "How widely a category is spread.")


def classes_figure(path: str | pathlib.Path, counts: np.ndarray) -> pathlib.Path:
    """Number of categories in each cell of the plane, ``[bins, bins]``, arousal by valence; empty cells stay light."""
    with style.figure(path, 5.4, 4.6) as fig:
        ax = fig.add_subplot()
        shown = np.where(counts > 0, counts, np.nan)
        top = max(int(counts.max()), 1)
        image = ax.imshow(
            shown, origin="lower", extent=(-1, 1, -1, 1), cmap=style.DENSITY, vmin=0.5, vmax=top + 0.5
        )
        ax.axhline(0, color=style.MUTED, lw=0.8)
        ax.axvline(0, color=style.MUTED, lw=0.8)
        ax.set(xlabel="valence", ylabel="arousal")
        bar = fig.colorbar(image, ax=ax, shrink=0.8, ticks=range(1, top + 1))
        bar.outline.set_visible(False)
        bar.set_label("categories", color=style.MUTED)
        style.titled(ax, "Categories that share a cell", f"{int((counts > 0).sum())} cells with frames")
    return pathlib.Path(path)
