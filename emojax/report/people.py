"""Figures of people in context: scores of 26 labels, errors, label graph, people with their predictions."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle

from emojax.report import style
from emojax.report.matrices import colour_bar, draw_matrix, matrix_size


def average_precision_figure(
    path: str | pathlib.Path,
    scores: Sequence[float],
    names: Sequence[str],
    *,
    counts: Sequence[int],
    total: int,
    title: str = "Average precision of each category",
) -> pathlib.Path:
    """Bars of the AP of each category, largest first, beside what chance gives (thesis 000, fig. 5.8).

    Args:
        path: PNG to write.
        scores: C values in [0, 1].
        names: C category names.
        counts: people with each category; their share of `total` is the AP of a random order.
        total: people of the split.
        title: what was evaluated.
    """
    scores, counts = np.nan_to_num(np.asarray(scores, np.float64)), np.asarray(counts)
    order = np.argsort(-scores, kind="stable")
    labels = [f"{style.capital(names[i])} ({counts[i]:,})" for i in order]
    chance = counts[order] / max(total, 1)
    with style.figure(path, 7.0, 1.3 + 0.25 * max(len(names), 1)) as fig:
        ax, y = fig.add_subplot(), np.arange(len(names))
        ax.barh(y, scores[order], 0.74, color=style.BLUE, label=f"AP (mean {100 * scores.mean():.2f} %)")
        ax.plot(chance, y, "|", color=style.VERMILLION, markersize=11, markeredgewidth=2, label="chance")
        for at, value, other in zip(y, scores[order], chance):
            right = max(value, other)
            ax.text(right + 0.012, at, f"{100 * value:.1f}", va="center", fontsize=7.5, color=style.MUTED)
        ax.set_yticks(y, labels)
        ax.set(xlim=(0, 1.06), ylim=(len(names) - 0.4, -0.6), xlabel="average precision")
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x")
        style.titled(ax, title, style.count(total))
        style.legend_above(ax, 2)
    return pathlib.Path(path)


def dimension_error_figure(
    path: str | pathlib.Path,
    predicted: np.ndarray,
    truth: np.ndarray,
    names: Sequence[str],
    *,
    title: str = "Errors of the dimensions",
) -> pathlib.Path:
    """Mean absolute error of each dimension, and the error of every person in order (thesis fig. 5.11).

    Args:
        path: PNG to write.
        predicted: ``[N, D]``.
        truth: ``[N, D]``.
        names: D dimension names.
        title: of the whole figure.
    """
    predicted, truth = style.finite_rows(predicted, truth)
    errors = np.abs(predicted - truth)
    constant = np.abs(truth - truth.mean(axis=0)).mean(axis=0) if len(truth) else np.zeros(len(names))
    means = errors.mean(axis=0) if len(errors) else np.zeros(len(names))
    with style.figure(path, 9.0, 3.4) as fig:
        left, right = fig.subplots(1, 2, width_ratios=(1, 1.4))
        x = np.arange(len(names))
        left.bar(x, means, 0.6, color=[style.colour(i) for i in x])
        left.hlines(constant, x - 0.25, x + 0.25, color=style.INK, linewidth=1.5, label="of the mean")
        for at, value in zip(x, means):
            left.text(at, 0.5 * value, f"{value:.4f}", ha="center", va="center", fontsize=8, color="white")
        left.set_xticks(x, [style.capital(n) for n in names])
        left.set(title="Average absolute error", ylim=(0, 1.25 * max(*means, *constant, 1e-6)))
        style.legend_above(left, 1)
        share = np.linspace(0, 100, len(errors)) if len(errors) else []
        for i, name in enumerate(names):
            right.plot(share, np.sort(errors[:, i]), color=style.colour(i), label=style.capital(name))
        right.set(title="Absolute error of each person, in order", xlabel="% of the people", xlim=(0, 100))
        right.set_ylim(bottom=0)
        right.grid(axis="y")
        right.legend(loc="upper left")
        style.heading(fig, f"{title}, {style.count(len(errors))}")
    return pathlib.Path(path)


def jaccard_figure(
    path: str | pathlib.Path,
    values: np.ndarray,
    *,
    title: str = "Jaccard index of each person",
) -> pathlib.Path:
    """Agreement of predicted and true label sets of every person, largest first (thesis fig. 5.10).

    Args:
        path: PNG to write.
        values: ``[N]`` in [0, 1].
        title: of the figure.
    """
    values = np.sort(np.asarray(values, np.float64))[::-1]
    with style.figure(path, 5.4, 3.4) as fig:
        ax = fig.add_subplot()
        if not len(values):
            style.say_empty(ax)
        else:
            share = np.linspace(0, 100, len(values))
            ax.fill_between(share, values, color=style.SKY, alpha=0.35, linewidth=0)
            ax.plot(share, values, color=style.BLUE)
            ax.axhline(values.mean(), color=style.VERMILLION, linestyle=(0, (4, 3)), linewidth=1)
            ax.set(xlim=(0, 100), ylim=(0, 1.03), xlabel="% of the people", ylabel="Jaccard index")
            note = f"mean {values.mean():.3f}, 0 for {np.mean(values == 0):.0%}"
            style.titled(ax, title, f"{style.count(len(values))}, {note}")
    return pathlib.Path(path)


def conditional_figure(
    path: str | pathlib.Path,
    conditional: np.ndarray,
    names: Sequence[str],
    *,
    counts: Sequence[int],
    title: str = "Which categories go together",
) -> pathlib.Path:
    """Heat-map of ``P(column | row)`` in percent, in the training labels.

    Args:
        path: PNG to write.
        conditional: ``[C, C]`` in [0, 1].
        names: C category names.
        counts: training samples of each category.
        title: of the figure.
    """
    percent = 100 * np.array(conditional, np.float64)
    np.fill_diagonal(percent, np.nan)
    names = [style.capital(n) for n in names]
    rows = [f"{n} ({c:,})" for n, c in zip(names, counts)]
    top = max(10.0, 10 * np.ceil(np.nanmax(percent, initial=0) / 10))
    with style.figure(path, *matrix_size(len(names), len(names), rows)) as fig:
        ax = fig.add_subplot()
        text = "{:.0f}".format
        image = draw_matrix(
            ax, percent, rows, names, limits=(0, top), text=lambda v: text(v) if v >= 0.5 else ""
        )
        ax.set(
            title=title, xlabel="has this category, too", ylabel="people with a category (training samples)"
        )
        colour_bar(fig, image, ax, "% of the row's people")
    return pathlib.Path(path)


def label_graph_figure(
    path: str | pathlib.Path,
    conditional: np.ndarray,
    names: Sequence[str],
    *,
    counts: Sequence[int],
    tau: float,
    title: str = "Co-occurrence graph",
) -> pathlib.Path:
    """Categories on a circle with an arrow from i to j where ``P(j | i)`` reaches tau (spec 4).

    Args:
        path: PNG to write.
        conditional: ``[C, C]`` in [0, 1].
        names: C category names.
        counts: training samples of each category; the area of a node.
        tau: threshold.
        title: of the figure.
    """
    conditional, counts = np.array(conditional, np.float64), np.asarray(counts, np.float64)
    np.fill_diagonal(conditional, 0)
    angle = np.pi / 2 - 2 * np.pi * np.arange(len(names)) / max(len(names), 1)
    at = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    with style.figure(path, 7.2, 7.2) as fig:
        ax = fig.add_subplot()
        edges = np.argwhere(conditional >= max(tau, 1e-9))
        for i, j in edges:
            _draw_edge(ax, at[i], at[j], conditional[i, j])
        area = 40 + 260 * counts / max(counts.max(initial=0), 1)
        ax.scatter(*at.T, s=area, color=style.BLUE, edgecolor="white", linewidth=1.2, zorder=3)
        for name, place, turn in zip(names, at, np.degrees(angle)):
            left = place[0] < -1e-9
            ax.text(
                *(1.09 * place),
                style.capital(name),
                rotation=turn + 180 if left else turn,
                rotation_mode="anchor",
                ha="right" if left else "left",
                va="center",
                fontsize=8.5,
            )
        ax.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal")
        style.hide(ax)
        style.titled(ax, title, f"{len(edges)} edges where P(arrow's head | its tail) is at least {tau:g}")
    return pathlib.Path(path)


def _draw_edge(ax: Axes, tail: np.ndarray, head: np.ndarray, weight: float) -> None:
    arrow = FancyArrowPatch(
        tail,
        head,
        connectionstyle="arc3,rad=0.12",
        arrowstyle="-|>",
        mutation_scale=9,
        shrinkA=7,
        shrinkB=9,
        linewidth=0.4 + 1.6 * weight,
        color=style.VERMILLION,
        alpha=0.25 + 0.6 * weight,
    )
    ax.add_patch(arrow)


def sweep_figure(
    path: str | pathlib.Path,
    values: Sequence[float],
    curves: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    parameter: str,
    title: str,
) -> pathlib.Path:
    """Metrics over the values of one hyper-parameter (thesis figs 4.8-4.10).

    Args:
        path: PNG to write.
        values: n values of the parameter.
        curves: metric (one panel each) -> split or run -> n values; NaN where there is none.
        parameter: its name on the axis.
        title: of the whole figure.
    """
    with style.figure(path, 1.0 + 3.8 * max(len(curves), 1), 3.4) as fig:
        axes = fig.subplots(1, max(len(curves), 1), squeeze=False)[0]
        for ax, (metric, lines) in zip(axes, curves.items()):
            for i, (name, line) in enumerate(lines.items()):
                ax.plot(values, line, "o-", color=style.colour(i), label=name, markersize=4)
            ax.set(title=metric, xlabel=parameter)
            ax.grid(axis="y")
            ax.margins(y=0.15)
            ax.legend(loc="best")
        if not curves:
            style.say_empty(axes[0])
        style.heading(fig, title)
    return pathlib.Path(path)


def people_figure(
    path: str | pathlib.Path,
    images: np.ndarray,
    boxes: np.ndarray,
    scores: np.ndarray,
    truth: np.ndarray,
    names: Sequence[str],
    *,
    values: tuple[np.ndarray, np.ndarray] | None = None,
    dimensions: Sequence[str] = (),
    top: int = 6,
    columns: int = 2,
    title: str = "People",
) -> pathlib.Path:
    """Cards of people: the picture with the person's box, best-scored categories, truth and dimensions.

    Args:
        path: PNG to write.
        images: uint8 ``[N, H, W, 3]``, RGB, the whole scene.
        boxes: ``[N, 4]`` left, top, right, bottom in pixels of the picture.
        scores: ``[N, C]`` in [0, 1].
        truth: ``[N, C]`` of zeros and ones.
        names: C category names.
        values: predicted and true dimensions ``[N, D]`` in [0, 1]; None without.
        dimensions: D names.
        top: categories shown a person.
        columns: cards a row.
        title: of the whole figure.
    """
    rows = max(1, -(-len(images) // columns))
    with style.figure(path, 4.8 * columns, 2.35 * rows + 0.5) as fig:
        axes = fig.subplots(rows, 2 * columns, squeeze=False, width_ratios=(1.15, 1) * columns)
        for ax in axes.flat:
            style.hide(ax)
        for i, image in enumerate(images):
            picture, text = axes[i // columns, 2 * (i % columns) :][:2]
            picture.imshow(image, interpolation="nearest")
            left, upper, right, lower = boxes[i] - 0.5
            size = (right - left, lower - upper)
            picture.add_patch(Rectangle((left, upper), *size, fill=False, ec="white", lw=2.6))
            picture.add_patch(Rectangle((left, upper), *size, fill=False, ec=style.VERMILLION, lw=1.4))
            _write_labels(text, scores[i], truth[i] > 0, names, top, longest=scores.max())
            if values is not None:
                _write_dimensions(text, values[0][i], values[1][i], dimensions)
        style.heading(
            fig, f"{title}: categories by score, right ones blue, missed ones below, values (truth)"
        )
    return pathlib.Path(path)


def _write_labels(
    ax: Axes, scores: np.ndarray, truth: np.ndarray, names: Sequence[str], top: int, longest: float
) -> None:
    """`longest` is the score of a bar of full length, the same on all cards."""
    best = np.argsort(-scores, kind="stable")[:top]
    for row, i in enumerate(best):
        y = 0.97 - 0.095 * row
        colour = style.RIGHT if truth[i] else style.GREY
        ax.add_patch(
            Rectangle((0.0, y - 0.035), 0.28 * scores[i] / max(longest, 1e-6), 0.07, color=colour, lw=0)
        )
        ax.text(0.31, y, style.shorten(style.capital(names[i]), 16), va="center", fontsize=7.5, color=colour)
        ax.text(1.0, y, f"{scores[i]:.2f}", va="center", ha="right", fontsize=7.5, color=style.MUTED)
    missed = [style.capital(names[i]) for i in np.flatnonzero(truth) if i not in best]
    shown = ", ".join(missed[:3]) + (f" and {len(missed) - 3} more" if len(missed) > 3 else "")
    if missed:
        ax.text(0.0, 0.97 - 0.095 * top, shown, va="center", fontsize=7, color=style.WRONG)
    ax.set(xlim=(-0.02, 1.02), ylim=(0, 1.04))


def _write_dimensions(ax: Axes, predicted: np.ndarray, truth: np.ndarray, names: Sequence[str]) -> None:
    for row, name in enumerate(names):
        y = 0.24 - 0.095 * row
        ax.plot((0.34, 0.7), (y, y), color=style.FAINT, linewidth=3, solid_capstyle="round")
        ax.plot(0.34 + 0.36 * np.clip(truth[row], 0, 1), y, "|", color=style.INK, markersize=8)
        ax.plot(0.34 + 0.36 * np.clip(predicted[row], 0, 1), y, "o", color=style.BLUE, markersize=4)
        ax.text(0.0, y, style.capital(name), va="center", fontsize=7.5, color=style.MUTED)
        ax.text(1.0, y, f"{predicted[row]:.2f} ({truth[row]:.2f})", va="center", ha="right", fontsize=7)
