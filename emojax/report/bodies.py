"""Figures of bodies in videos: parts of the score, categories, values, skeletons, snippets, optical flow."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from matplotlib.axes import Axes

from emojax.report import style

_STRONGEST_FLOW = 6.0  # pixels; full colour from there on


def score_figure(path: str | pathlib.Path, parts: Mapping[str, float]) -> pathlib.Path:
    """The emotion recognition score and what it consists of (thesis 000, eq. 5.16).

    Args:
        path: PNG to write.
        parts: ``ers``, ``mr2``, ``map``, ``mra``.
    """
    shown = {
        "mean R2 (weight 1/2)": (parts["mr2"], 0.0),
        "mAP (weight 1/4)": (parts["map"], None),
        "mean ROC-AUC (weight 1/4)": (parts["mra"], 0.5),
        "ERS": (parts["ers"], None),
    }
    with style.figure(path, 6.4, 2.3) as fig:
        ax, y = fig.add_subplot(), np.arange(len(shown))
        colours = [style.SKY] * (len(shown) - 1) + [style.BLUE]
        ax.barh(y, [value for value, _ in shown.values()], 0.62, color=colours)
        for at, (value, chance) in zip(y, shown.values()):
            ax.text(max(value, 0) + 0.012, at, style.signed(value, 4), va="center", fontsize=8.5)
            if chance is not None:
                ax.plot([chance], [at], "|", color=style.VERMILLION, markersize=16, markeredgewidth=2)
        ax.axvline(0, color=style.MUTED, linewidth=0.8)
        ax.set_yticks(y, list(shown))
        ax.set(xlim=(min(0, *(v for v, _ in shown.values())) - 0.02, 1), ylim=(len(shown) - 0.4, -0.6))
        ax.tick_params(axis="y", length=0)
        style.titled(ax, "Emotion recognition score and its parts", "mark: what chance gives")
    return pathlib.Path(path)


def r2_figure(path: str | pathlib.Path, r2: Sequence[float], names: Sequence[str]) -> pathlib.Path:
    """Bars of the coefficient of determination of each dimension (thesis 000, figure 5.9).

    Args:
        path: PNG to write.
        r2: D values, at most 1; negative where the mean of the split would be better.
        names: D dimension names.
    """
    with style.figure(path, 4.2, 2.8) as fig:
        ax, x = fig.add_subplot(), np.arange(len(names))
        low, high = min(0.0, *r2), max(0.0, *r2)
        room = 0.12 * max(high - low, 0.02)
        ax.bar(x, r2, 0.6, color=[style.colour(i) for i in x])
        for at, value in zip(x, r2):
            side = "bottom" if value >= 0 else "top"
            ax.annotate(
                style.signed(value, 4), (at, value), (0, 3 if value >= 0 else -3), ha="center", va=side,
                textcoords="offset points", fontsize=8.5,
            )  # fmt: skip
        ax.axhline(0, color=style.INK, linewidth=0.8)
        ax.set(ylim=(low - room if low < 0 else 0, high + room), ylabel="R2")
        ax.set_xticks(x, [style.capital(name) for name in names])
        ax.tick_params(axis="x", length=0)
        style.titled(ax, "R2 of each dimension", f"mean {style.signed(float(np.mean(r2)), 4)}")
    return pathlib.Path(path)


def category_figure(
    path: str | pathlib.Path,
    average_precision: Sequence[float],
    roc_auc: Sequence[float | None],
    names: Sequence[str],
    *,
    counts: Sequence[int],
    total: int,
) -> pathlib.Path:
    """Bars of AP and of the area under the ROC curve of each category, in the order of AP.

    Args:
        path: PNG to write.
        average_precision: C values in [0, 1].
        roc_auc: C values in [0, 1]; None where only one kind of samples is there.
        names: C category names.
        counts: people with each category.
        total: people of the split.
    """
    ap, counts = np.asarray(average_precision, np.float64), np.asarray(counts)
    areas = np.array([np.nan if area is None else area for area in roc_auc], np.float64)
    order = np.argsort(-ap, kind="stable")
    y = np.arange(len(names))
    with style.figure(path, 9.2, 1.4 + 0.25 * max(len(names), 1)) as fig:
        left, right = fig.subplots(1, 2, sharey=True, width_ratios=(1.15, 1))
        panels = (
            (left, ap, counts / max(total, 1), "AP", f"mean {np.nanmean(ap):.4f}"),
            (right, areas, np.full(len(names), 0.5), "ROC-AUC", f"mean {np.nanmean(areas):.4f}"),
        )
        for ax, values, chance, title, note in panels:
            ax.barh(y, np.nan_to_num(values[order]), 0.74, color=style.BLUE)
            ax.plot(chance[order], y, "|", color=style.VERMILLION, markersize=11, markeredgewidth=2)
            for at, value, other in zip(y, values[order], chance[order]):
                text = style.NO_VALUE if np.isnan(value) else f"{value:.2f}"
                where = max(np.nan_to_num(value), other) + 0.015
                ax.text(where, at, text, va="center", fontsize=7.5, color=style.MUTED)
            ax.set(xlim=(0, 1.1), ylim=(len(names) - 0.4, -0.6))
            ax.grid(axis="x")
            ax.tick_params(axis="y", length=0)
            style.titled(ax, title, f"{note}; mark: what chance gives")
        left.set_yticks(y, [f"{style.capital(names[i])} ({counts[i]:,})" for i in order])
    return pathlib.Path(path)


def value_figure(
    path: str | pathlib.Path, predicted: np.ndarray, truth: np.ndarray, names: Sequence[str]
) -> pathlib.Path:
    """Predicted against true values, a panel a dimension.

    Args:
        path: PNG to write.
        predicted: ``[N, D]`` in [0, 1].
        truth: ``[N, D]``.
        names: D dimension names.
    """
    predicted, truth = style.finite_rows(predicted, truth)
    with style.figure(path, 3.1 * len(names), 3.4) as fig:
        for i, (ax, name) in enumerate(zip(np.atleast_1d(fig.subplots(1, len(names))), names)):
            if not len(truth):
                style.say_empty(ax)
                continue
            ax.plot([0, 1], [0, 1], color=style.MUTED, linewidth=0.8)
            ax.scatter(truth[:, i], predicted[:, i], s=9, alpha=0.45, color=style.colour(i), linewidths=0)
            ax.axhline(truth[:, i].mean(), color=style.INK, linewidth=0.8, linestyle=(0, (4, 3)))
            total = np.square(truth[:, i] - truth[:, i].mean()).sum()
            rest = np.square(truth[:, i] - predicted[:, i]).sum()
            note = f"R2 {style.signed(1 - rest / total, 4)}" if total > 0 else "truth is constant"
            ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="true")
            style.titled(ax, style.capital(name), note)
            if not i:
                ax.set_ylabel("predicted")
    return pathlib.Path(path)


def skeleton_figure(
    path: str | pathlib.Path,
    strips: np.ndarray,
    edges: Sequence[tuple[int, int]],
    importance: np.ndarray | None,
    row_names: Sequence[str],
) -> pathlib.Path:
    """Skeletons of some people over time; the thicker and redder a bone, the more it counts.

    Args:
        path: PNG to write.
        strips: ``[n, T, V, 3]`` x, y in pixels, confidence; 0 for a joint that is not there.
        edges: pairs of joints, each bone once.
        importance: ``[E]`` of the bones; None for a network without.
        row_names: n names, which may hold line breaks.
    """
    strips = np.asarray(strips)
    rows, columns = max(len(strips), 1), max(strips.shape[1], 1)
    weights = np.ones(len(edges)) if importance is None else np.asarray(importance, np.float64)
    low, high = weights.min(), weights.max()
    with style.figure(path, 1.15 * columns + 1.5, 1.6 * rows + 0.7) as fig:
        axes = fig.subplots(rows, columns, squeeze=False)
        for row, name in enumerate(row_names):
            for ax, joints in zip(axes[row], strips[row]):
                shares = np.full(len(edges), 0.3) if high <= low else (weights - low) / (high - low)
                _draw_skeleton(ax, joints, edges, shares)
                _frame_person(ax, strips[row])
            axes[row, 0].set_ylabel(name, fontsize=8, rotation=0, ha="right", va="center", labelpad=8)
        if not len(strips):
            style.say_empty(axes[0, 0])
        note = "no edge importance" if importance is None else f"edge importance {low:.2f} to {high:.2f}"
        style.heading(fig, f"Skeletons over time; {note}")
    return pathlib.Path(path)


def _draw_skeleton(
    ax: Axes, joints: np.ndarray, edges: Sequence[tuple[int, int]], shares: np.ndarray
) -> None:
    style.hide(ax)
    visible = joints[:, 2] > 0
    colours = style.SEQUENTIAL(0.35 + 0.65 * shares)
    for (a, b), share, colour in zip(edges, shares, colours):
        if visible[a] and visible[b]:
            ax.plot(joints[[a, b], 0], joints[[a, b], 1], color=colour, linewidth=1 + 2.5 * share)
    ax.plot(joints[visible, 0], joints[visible, 1], ".", color=style.INK, markersize=2.5)


def _frame_person(ax: Axes, strip: np.ndarray) -> None:
    """The same piece of the picture for all frames of a person, undistorted, with a margin around every joint."""
    seen = strip[strip[..., 2] > 0][:, :2]
    low, high = (seen.min(axis=0), seen.max(axis=0)) if len(seen) else (np.zeros(2), np.ones(2))
    middle, half = (low + high) / 2, 0.55 * np.maximum(high - low, 1.0)
    ax.set(xlim=(middle[0] - half[0], middle[0] + half[0]), ylim=(middle[1] + half[1], middle[1] - half[1]))
    ax.set_aspect("equal")


def bone_importance(
    importance: Sequence[np.ndarray], matrices: np.ndarray, edges: Sequence[tuple[int, int]]
) -> np.ndarray:
    """How much each bone counts: the mean of the learned factors over units, subsets and both directions, ``[E]``.

    Args:
        importance: of each unit ``[K, V, V]``.
        matrices: ``[K, V, V]``; only where these are not zero a factor has an effect.
        edges: pairs of joints.
    """
    used = np.asarray(matrices) != 0
    mean = np.abs(np.stack([np.asarray(unit) for unit in importance])).mean(axis=0)
    both = [(used[:, a, b] * mean[:, a, b], used[:, b, a] * mean[:, b, a]) for a, b in edges]
    counts = [max((used[:, a, b].sum() + used[:, b, a].sum()), 1) for a, b in edges]
    return np.array([(one.sum() + other.sum()) / n for (one, other), n in zip(both, counts)])


def snippet_figure(
    path: str | pathlib.Path,
    strips: Sequence[Sequence[np.ndarray]],
    weights: np.ndarray,
    frames: np.ndarray,
    row_names: Sequence[str],
    *,
    title: str,
) -> pathlib.Path:
    """Snippets of some clips, and below each its weight in the consensus.

    Args:
        path: PNG to write.
        strips: n clips of K pictures ``[H, W, 3]`` uint8.
        weights: ``[n, K]``.
        frames: ``[n, K]`` frame numbers.
        row_names: n names, which may hold line breaks.
        title: of the whole figure.
    """
    rows, columns = max(len(strips), 1), max((len(strip) for strip in strips), default=1)
    weights = np.asarray(weights)
    top = max(float(weights.max(initial=0)), 1e-6)
    with style.figure(path, 1.25 * columns + 1.6, 1.6 * rows + 0.7) as fig:
        axes = fig.subplots(2 * rows, columns, squeeze=False, height_ratios=(6, 1) * rows)
        for ax in axes.flat:
            style.hide(ax)
        for row, strip in enumerate(strips):
            for column, picture in enumerate(strip):
                above, below = axes[2 * row, column], axes[2 * row + 1, column]
                above.imshow(picture, interpolation="nearest", aspect="equal")
                above.set_anchor("S")  # next to its weight
                above.set_title(f"frame {frames[row, column]}", fontsize=7.5, loc="center", pad=2)
                value = weights[row, column]
                below.set(xlim=(0, 1), ylim=(-0.5, 0.5))
                below.barh([0], [abs(value) / top], 0.5, color=style.SKY if value >= 0 else style.ORANGE)
                below.text(0.02, 0, style.signed(value, 3), va="center", fontsize=7)
            label = axes[2 * row, 0]
            label.set_ylabel(row_names[row], fontsize=8, rotation=0, ha="right", va="center", labelpad=8)
        style.heading(fig, title)
    return pathlib.Path(path)


def flow_picture(planes: np.ndarray) -> np.ndarray:
    """Stored flow ``[2 H, W]`` uint8, x above y -> ``[H, W, 3]`` RGB: hue is direction, strength is speed.

    White is rest; full colour is six pixels a frame and more.
    """
    x, y = planes.astype(np.float32).reshape(2, -1, planes.shape[1]) * (40 / 255) - 20
    hue = (np.degrees(np.arctan2(y, x)) % 360 / 2).astype(np.uint8)
    strength = np.clip(np.hypot(x, y) / _STRONGEST_FLOW, 0, 1)
    return cv2.cvtColor(
        np.stack([hue, (255 * strength).astype(np.uint8), np.full_like(hue, 255)], axis=-1), cv2.COLOR_HSV2RGB
    )
