"""Curves: the course of a training, and the focal loss."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from emojax.report import style

_PANELS = {
    "Loss": ("loss",),
    "Accuracy": ("accuracy", "f1"),
    "CCC": ("ccc",),
    "ERS": ("ers",),
    "mAP": ("map",),
    "AAE": ("aae",),
}
_BEST = {"Loss": None, "AAE": np.nanargmin}  # of the others the largest value is the best
_LINES = {"train": "-", "eval": "--"}


def training_figure(
    path: str | pathlib.Path, rows: Sequence[Mapping], *, title: str = "Training"
) -> pathlib.Path:
    """Loss, accuracy and CCC over the epochs, training and evaluation.

    A scalar goes to the panel whose word is part of its name: ``loss``; ``accuracy`` or ``f1``; ``ccc``;
    ``ers``; ``map``; ``aae`` (the first that fits). Training rows are drawn faint, with their running mean on top; the
    best evaluation of each curve but the losses is circled.

    Args:
        path: PNG to write.
        rows: rows of ``log.jsonl``: ``{"kind": "train" | "eval", "step", "epoch", name: scalar, ...}``.
        title: of the whole figure.
    """
    series = _series(rows)
    panels = {panel: [key for key in series if _panel(key[1]) == panel] for panel in _PANELS}
    panels = {panel: keys for panel, keys in panels.items() if keys} or {"Loss": []}
    with style.figure(path, 1.2 + 3.6 * len(panels), 3.8) as fig:
        for ax, (panel, keys) in zip(fig.subplots(1, len(panels), squeeze=False)[0], panels.items()):
            names = list(dict.fromkeys(name for _, name in keys))
            for kind, name in keys:
                epochs, values = series[kind, name]
                best = _BEST.get(panel, np.nanargmax)
                _draw_series(ax, kind, name, epochs, values, style.colour(names.index(name)), best)
            _finish_panel(ax, panel, keys)
        last = max((row.get("step", 0) for row in rows), default=0)
        style.heading(fig, f"{title}, {last:,} steps")
    return pathlib.Path(path)


def focal_figure(
    path: str | pathlib.Path,
    gammas: Sequence[float] = (0, 0.5, 1, 2, 5),
    *,
    title: str = "Focal loss",
) -> pathlib.Path:
    """``-(1 - p)^gamma log p`` over the probability of the true class (thesis 001, fig. 5.4.1)."""
    p = np.linspace(0.005, 1, 400)
    with style.figure(path, 5.4, 3.8) as fig:
        ax = fig.add_subplot()
        for i, gamma in enumerate(gammas):
            label = rf"$\gamma$ = {gamma:g}" + (" (cross-entropy)" if gamma == 0 else "")
            ax.plot(p, -((1 - p) ** gamma) * np.log(p), color=style.colour(i), label=label)
        ax.axvspan(0.6, 1, color=style.MISSING, zorder=0)
        ax.text(0.8, 4.75, "well classified", ha="center", color=style.MUTED, fontsize=8.5)
        ax.set(xlim=(0, 1), ylim=(0, 5), xlabel="probability of the true class", ylabel="loss", title=title)
        ax.legend(loc="upper left", bbox_to_anchor=(0.16, 0.98))
    return pathlib.Path(path)


def regression_figure(path: str | pathlib.Path, *, title: str = "Losses of a difference") -> pathlib.Path:
    """Absolute, half squared and Huber loss over the difference of target and prediction (thesis 002, fig. 4.6)."""
    x = np.linspace(-2.5, 2.5, 401)
    size = np.abs(x)
    losses = {
        "absolute (L1)": size,
        "half squared (L2)": 0.5 * x**2,
        "Huber (smooth L1)": np.where(size <= 1, 0.5 * x**2, size - 0.5),
    }
    with style.figure(path, 5.4, 3.8) as fig:
        ax = fig.add_subplot()
        for i, (label, values) in enumerate(losses.items()):
            ax.plot(x, values, color=style.colour(i), label=label)
        ax.set(xlim=(-2.5, 2.5), ylim=(0, 3), xlabel="difference", ylabel="loss", title=title)
        ax.legend(loc="upper center")
    return pathlib.Path(path)


def _series(rows: Sequence[Mapping]) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """(kind, name) -> epochs and values ``[n]``, in the order of first appearance."""
    points: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in rows:
        for name, value in row.items():
            if name in ("kind", "step", "epoch") or _panel(name) is None:
                continue
            value = float(value) if isinstance(value, (int, float)) else math.nan
            points.setdefault((row.get("kind", ""), name), []).append((row.get("epoch", math.nan), value))
    return {key: (np.array(p)[:, 0], np.array(p)[:, 1]) for key, p in points.items()}


def _panel(name: str) -> str | None:
    return next((panel for panel, words in _PANELS.items() if any(w in name.lower() for w in words)), None)


def _draw_series(ax: Axes, kind: str, name: str, epochs, values, colour: str, pick_best) -> None:
    label = f"{_pretty(name)}, {kind}"
    if kind == "train" and len(values) > 20:
        ax.plot(epochs, values, color=colour, linewidth=0.6, alpha=0.3)
        values = _running_mean(values, max(3, len(values) // 40))
    if pick_best and kind == "eval" and np.isfinite(values).any():
        best = int(pick_best(values))
        ax.plot(epochs[best], values[best], "o", color=colour, markersize=9, markerfacecolor="none")
        label += f" (best {values[best]:.3f})"
    dots = "o" if kind != "train" or len(values) < 3 else None
    line = _LINES.get(kind, ":")
    ax.plot(epochs, values, line, color=colour, label=label, marker=dots, markersize=4)


def _pretty(name: str) -> str:
    return " ".join(word.upper() if word in ("f1", "ccc", "aae", "ers") else word for word in name.split("_"))


def _running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Mean of the finite values within half a window to either side."""
    finite, kernel = np.isfinite(values), np.ones(window)
    total = np.convolve(np.where(finite, values, 0.0), kernel, "same")
    number = np.convolve(finite, kernel, "same")
    return np.where(finite, total / np.maximum(number, 1), np.nan)


def _finish_panel(ax: Axes, panel: str, keys: Sequence) -> None:
    ax.set_title(panel)
    if not keys:
        style.say_empty(ax, "the log is empty")
        return
    ax.set_xlabel("epoch")
    ax.grid(axis="y")
    ax.margins(y=0.12)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), handlelength=3)
