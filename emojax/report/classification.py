"""Confusion matrices, figures per class, and distributions of labels."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import binomtest

from emojax.objectives.class_weights import AGE_GROUP_YEARS, LAST_AGE_GROUP, age_groups
from emojax.report import style
from emojax.report.matrices import colour_bar, draw_matrix, grid_shape, grid_size, matrix_size


def confusion_figure(
    path: str | pathlib.Path, counts: np.ndarray, names: Sequence[str], *, title: str = "Confusion matrix"
) -> pathlib.Path:
    """Row-normalised confusion matrix in percent with the number of samples of each class.

    Args:
        path: PNG to write.
        counts: ``[C, C]``, rows are the truth (spec emotion_gcn 6). A class without samples stays blank.
        names: C class names.
        title: what was evaluated; N and the accuracies are added.
    """
    counts, names = np.nan_to_num(np.asarray(counts, np.float64)), [style.capital(n) for n in names]
    rows = [f"{style.shorten(n)} ({int(c):,})" for n, c in zip(names, counts.sum(axis=1))]
    with style.figure(path, *matrix_size(len(names), len(names), rows)) as fig:
        ax = fig.add_subplot()
        image = _draw_confusion(ax, counts, rows, names)
        ax.set(xlabel="predicted", ylabel="truth (samples)")
        style.titled(ax, title, _accuracy_note(counts))
        colour_bar(fig, image, ax, "% of the true class")
    return pathlib.Path(path)


def confusion_figures(
    path: str | pathlib.Path,
    runs: Mapping[str, np.ndarray],
    names: Sequence[str],
    *,
    title: str = "Confusion matrices",
) -> pathlib.Path:
    """Row-normalised confusion matrices of several runs on one scale (thesis 001, fig. 6.4.1).

    Args:
        path: PNG to write.
        runs: run name -> counts ``[C, C]``, rows are the truth.
        names: C class names.
        title: of the whole figure.
    """
    names = [style.capital(n) for n in names]
    rows, columns = grid_shape(len(runs))
    width, height = grid_size(rows, columns, *matrix_size(len(names), len(names), names))
    with style.figure(path, width, height + 0.5) as fig:  # for notes and the names of the axes
        axes = fig.subplots(rows, columns, squeeze=False)
        image = None
        for i, (run, counts) in enumerate(runs.items()):
            ax, counts = axes.flat[i], np.nan_to_num(np.asarray(counts, np.float64))
            image = _draw_confusion(ax, counts, names, names)
            style.titled(ax, style.shorten(run, 40), _accuracy_note(counts))
            ax.set_ylabel("truth" if i % columns == 0 else "")
            ax.set_xlabel("predicted" if i // columns == rows - 1 else "")
        for ax in axes.flat[len(runs) :]:
            style.hide(ax)
        if image is None:
            style.say_empty(axes[0, 0])
        else:
            colour_bar(fig, image, axes, "% of the true class")
        style.heading(fig, title)
    return pathlib.Path(path)


def per_class_figure(
    path: str | pathlib.Path,
    scores: Mapping[str, Sequence[float]],
    names: Sequence[str],
    *,
    counts: Sequence[int] | None = None,
    title: str = "Scores of each class",
) -> pathlib.Path:
    """Bars of each class for one or several scores in [0, 1], e.g. accuracy and F1.

    Args:
        path: PNG to write.
        scores: score name -> C values; NaN is left out. The mean of each is drawn as a line.
        names: C class names.
        counts: samples of each class, shown beside the name.
        title: what was evaluated.
    """
    labels, note = [style.shorten(style.capital(n)) for n in names], ""
    if counts is not None:
        labels = [f"{label} ({int(c):,})" for label, c in zip(labels, counts)]
        note = style.count(int(np.sum(counts)))
    thick = 0.8 / max(len(scores), 1)
    with style.figure(path, 7.0, 1.2 + 0.24 * len(names) * max(len(scores), 1.4)) as fig:
        ax = fig.add_subplot()
        for i, (name, values) in enumerate(scores.items()):
            _score_bars(
                ax, name, np.asarray(values, np.float64), (i + 0.5) * thick - 0.4, thick, style.colour(i)
            )
        ax.set_yticks(range(len(labels)), labels)
        ax.set(xlim=(0, 1.06), ylim=(len(labels) - 0.4, -0.6), xlabel="score (dashed: mean over the classes)")
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x")
        style.titled(ax, title, note)
        if scores:
            style.legend_above(ax, len(scores))
    return pathlib.Path(path)


def _score_bars(ax, name: str, values: np.ndarray, offset: float, thick: float, colour: str) -> None:
    y, label = np.arange(len(values)) + offset, style.capital(name)
    if np.isfinite(values).any():
        label = f"{label} (mean {np.nanmean(values):.2f})"
        ax.axvline(np.nanmean(values), color=colour, linestyle=(0, (4, 3)), linewidth=1, zorder=0.5)
    ax.barh(y, np.nan_to_num(values), thick * 0.92, color=colour, label=label)
    for at, value in zip(y, values):
        shown = f"{value:.2f}" if np.isfinite(value) else style.NO_VALUE
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        x = np.nan_to_num(value) + 0.008
        ax.text(x, at, shown, va="center", fontsize=7.5, color=style.MUTED, bbox=box)


def label_distribution_figure(
    path: str | pathlib.Path,
    splits: Mapping[str, Sequence[int]],
    names: Sequence[str],
    *,
    totals: Mapping[str, int] | None = None,
    title: str = "Samples of each class",
) -> pathlib.Path:
    """Number and share of the samples of each class, one panel a split.

    Args:
        path: PNG to write.
        splits: split name -> C counts.
        names: C class names.
        totals: split name -> samples, where one may have several classes; None: the sum of the counts.
        title: of the whole figure.
    """
    labels = [style.shorten(style.capital(n)) for n in names]
    with style.figure(path, max(3.6 * len(splits), 4.5), 1.3 + 0.26 * len(names)) as fig:
        axes = fig.subplots(1, max(len(splits), 1), sharey=True, squeeze=False)[0]
        for i, (ax, (split, counts)) in enumerate(zip(axes, splits.items())):
            counts = np.nan_to_num(np.asarray(counts, np.float64))
            total = counts.sum() if totals is None else totals[split]
            ax.barh(labels, counts, 0.72, color=style.colour(i))
            for y, n in enumerate(counts):
                shown = f" {n:,.0f}  ({n / max(total, 1):.1%})"
                ax.text(n, y, shown, va="center", fontsize=7.5, color=style.MUTED)
            ax.set_xlim(0, max(counts.max(initial=0), 1) * 1.45)
            ax.set_title(f"{style.capital(split)}, {style.count(int(total))}")
            ax.set_ylim(len(labels) - 0.4, -0.6)
            ax.set_xticks([])
            ax.spines["bottom"].set_visible(False)
            ax.tick_params(axis="y", length=0)
        if not splits:
            style.say_empty(axes[0])
        style.heading(fig, title)
    return pathlib.Path(path)


def age_figure(
    path: str | pathlib.Path,
    ages: np.ndarray,
    labels: np.ndarray,
    correct: np.ndarray,
    names: Sequence[str],
    *,
    title: str = "Expression and age",
) -> pathlib.Path:
    """Label distribution and accuracy in the age groups of the age sampler (thesis 001, fig. 5.3.1).

    Args:
        path: PNG to write.
        ages: ``[N]`` years; negative or NaN means unknown and is left out.
        labels: ``[N]`` int.
        correct: ``[N]`` bool, prediction equals label.
        names: C class names.
        title: of the whole figure.
    """
    ages, labels, correct = np.asarray(ages, np.float64), np.asarray(labels), np.asarray(correct, bool)
    known = np.isfinite(ages) & (ages >= 0)
    group = age_groups(ages[known])
    starts = range(0, LAST_AGE_GROUP * AGE_GROUP_YEARS, AGE_GROUP_YEARS)
    groups = [f"{low}-{low + AGE_GROUP_YEARS - 1}" for low in starts] + [f"{starts.stop}+"]
    table = np.zeros((len(groups), len(names)))
    np.add.at(table, (group, labels[known]), 1)
    totals = table.sum(axis=1)
    with style.figure(path, 9.0, 3.6) as fig:
        left, right = fig.subplots(1, 2)
        _stacked_shares(left, table, groups, names)
        hits = np.bincount(group, correct[known], len(groups))
        _accuracy_by_group(right, hits, totals, groups)
        handles, shown = left.get_legend_handles_labels()
        fig.legend(handles, shown, loc="outside lower center", ncols=min(len(names), 8))
        style.heading(fig, f"{title}, {style.count(int(known.sum()))}")
    return pathlib.Path(path)


def _stacked_shares(ax, table: np.ndarray, groups: Sequence[str], names: Sequence[str]) -> None:
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    bottom = np.zeros(len(groups))
    for i, name in enumerate(names):
        hatch = None if i < len(style.COLOURS) else "///"
        ax.bar(
            groups,
            shares[:, i],
            0.78,
            bottom,
            color=style.colour(i),
            label=style.shorten(style.capital(name), 14),
            hatch=hatch,
            edgecolor="white",
            linewidth=0.5,
        )
        bottom += shares[:, i]
    ax.set(title="Label distribution", xlabel="age group (years)", ylabel="share of the group", ylim=(0, 1))


def _accuracy_by_group(ax, hits: np.ndarray, totals: np.ndarray, groups: Sequence[str]) -> None:
    x = np.flatnonzero(totals)
    accuracy = hits[x] / totals[x]
    tests = [binomtest(int(hit), int(total)) for hit, total in zip(hits[x], totals[x])]
    intervals = np.array([test.proportion_ci(method="wilson") for test in tests]).reshape(-1, 2)
    ax.errorbar(
        x,
        accuracy,
        np.abs(intervals.T - accuracy),
        fmt="o",
        color=style.BLUE,
        ecolor=style.MUTED,
        elinewidth=1.3,
        capsize=3,
        markersize=6,
    )
    named = [f"{group}\n({int(total):,})" for group, total in zip(groups, totals)]
    ax.set_xticks(range(len(groups)), named)
    ax.set_xlim(-0.6, len(groups) - 0.4)
    ax.set(title="Accuracy with 95 % interval", xlabel="age group (samples)", ylabel="accuracy", ylim=(0, 1))
    ax.grid(axis="y")


def _draw_confusion(ax, counts: np.ndarray, row_names: Sequence[str], names: Sequence[str]):
    """Whole percents of each row; in a large matrix zeros stay blank, or they drown the rest."""
    totals = counts.sum(axis=1, keepdims=True)
    percent = np.where(totals > 0, 100 * counts / np.maximum(totals, 1), np.nan)

    def text(value: float) -> str:
        return f"{value:.0f}" if value >= 0.5 or len(names) <= 14 else ""

    return draw_matrix(ax, percent, row_names, names, limits=(0, 100), text=text)


def _accuracy_note(counts: np.ndarray) -> str:
    totals, hits = counts.sum(axis=1), np.diag(counts)
    if not totals.sum():
        return style.count(0)
    mean = np.mean(hits[totals > 0] / totals[totals > 0])
    return (
        f"{style.count(int(totals.sum()))}, accuracy {hits.sum() / totals.sum():.1%}, class mean {mean:.1%}"
    )
