"""Pictures with what is true and what was predicted."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from emojax.report import style

_NAME = 14  # characters of a class name that fit beside a picture


def sample_figure(
    path: str | pathlib.Path,
    images: np.ndarray,
    truth: np.ndarray,
    predicted: np.ndarray,
    names: Sequence[str],
    *,
    truth_values: np.ndarray | None = None,
    predicted_values: np.ndarray | None = None,
    columns: int = 6,
    title: str = "Samples with truth and prediction",
) -> pathlib.Path:
    """Grid of pictures; the frame and a mark say whether the class is right.

    Args:
        path: PNG to write.
        images: uint8 ``[N, H, W, 3]``, RGB.
        truth: ``[N]`` int.
        predicted: ``[N]`` int.
        names: C class names.
        truth_values: ``[N, D]`` valence and arousal, shown with two decimals.
        predicted_values: ``[N, D]``.
        columns: pictures a row.
        title: what is shown; the number of right ones is added.
    """
    truth, predicted = np.asarray(truth, int), np.asarray(predicted, int)
    rows = max(1, math.ceil(len(images) / columns))
    with style.figure(path, 1.75 * columns, 2.1 * rows + 0.5) as fig:
        axes = fig.subplots(rows, columns, squeeze=False)
        for i, image in enumerate(images):
            right = truth[i] == predicted[i]
            lines = [
                f"truth {_class(names, truth[i])}{_values(truth_values, i)}",
                f"{style.CHECK if right else style.CROSS} {_class(names, predicted[i])}"
                f"{_values(predicted_values, i)}",
            ]
            _framed(axes.flat[i], image, style.RIGHT if right else style.WRONG)
            _write_below(axes.flat[i], lines, (style.MUTED, style.RIGHT if right else style.WRONG))
        for ax in axes.flat[len(images) :]:
            ax.set_visible(False)
        right = int((truth == predicted).sum())
        shown = "" if truth_values is None else " (class, valence, arousal)"
        style.heading(fig, f"{title}, {right} of {len(images)} right{shown}")
    return pathlib.Path(path)


def comparison_figure(
    path: str | pathlib.Path,
    images: np.ndarray,
    truth: tuple[np.ndarray, np.ndarray],
    runs: Mapping[str, tuple[np.ndarray, np.ndarray]],
    names: Sequence[str],
    *,
    columns: int = 2,
    title: str = "Predictions of several runs",
) -> pathlib.Path:
    """Cards of a picture, its truth and the prediction of each run (thesis 001, fig. 6.4.2).

    Args:
        path: PNG to write.
        images: uint8 ``[N, H, W, 3]``, RGB.
        truth: (classes ``[N]``, values ``[N, D]``).
        runs: run name -> (classes ``[N]``, values ``[N, D]``).
        names: C class names.
        columns: cards a row.
        title: of the whole figure.
    """
    rows = max(1, math.ceil(len(images) / columns))
    height = max(1.6, 0.5 * (len(runs) + 1))
    with style.figure(path, 4.2 * columns, height * rows + 0.6) as fig:
        axes = fig.subplots(rows, 2 * columns, squeeze=False, width_ratios=(1, 1.6) * columns)
        for ax in axes.flat:
            style.hide(ax)
        for i, image in enumerate(images):
            picture, text = axes[i // columns, 2 * (i % columns) :][:2]
            picture.imshow(image, interpolation="nearest")
            _write_card(text, i, truth, runs, names)
        style.heading(fig, f"{title}, {len(images)} samples (class, valence, arousal)")
    return pathlib.Path(path)


def probability_figure(
    path: str | pathlib.Path,
    images: np.ndarray,
    probabilities: np.ndarray,
    names: Sequence[str],
    *,
    truth: np.ndarray | None = None,
    title: str = "Predicted distribution",
) -> pathlib.Path:
    """Pictures with the probability of each class as bars (thesis 001, fig. 3.4.1).

    Args:
        path: PNG to write.
        images: uint8 ``[N, H, W, 3]``, RGB.
        probabilities: ``[N, C]`` in [0, 1].
        names: C class names.
        truth: ``[N]`` int; its bar is marked.
        title: of the whole figure.
    """
    rows, labels = len(images), [style.shorten(style.capital(n)) for n in names]
    height = max(2.0, 0.2 * len(names))
    with style.figure(path, 7.2, height * max(rows, 1) + 0.7) as fig:
        axes = fig.subplots(max(rows, 1), 2, squeeze=False, width_ratios=(1, 1.9))
        for (picture, bars), image, values, i in zip(axes, images, probabilities, range(rows)):
            style.hide(picture)
            picture.imshow(image, interpolation="nearest")
            chosen = np.full(len(names), False) if truth is None else np.arange(len(names)) == truth[i]
            values = np.nan_to_num(values)
            bars.barh(labels, values, 0.7, color=np.where(chosen, style.RIGHT, style.SKY))
            for y, value in enumerate(values):
                mark = "  truth" if chosen[y] else ""
                bars.text(value + 0.01, y, f"{value:.2f}{mark}", va="center", fontsize=7.5, color=style.MUTED)
            bars.set(xlim=(0, 1.15), ylim=(len(names) - 0.4, -0.6), xticks=(0, 0.5, 1))
            bars.tick_params(axis="y", length=0)
        if rows:
            axes[-1, 1].set_xlabel("probability")
        else:
            for ax in axes.flat:
                style.say_empty(ax)
        style.heading(fig, title)
    return pathlib.Path(path)


def _class(names: Sequence[str], index: int) -> str:
    return style.shorten(style.capital(names[index]), _NAME)


def _values(values: np.ndarray | None, i: int) -> str:
    if values is None:
        return ""
    return "  " + " ".join(style.signed(v) if np.isfinite(v) else style.NO_VALUE for v in values[i])


def _framed(ax: Axes, image: np.ndarray, colour: str) -> None:
    ax.imshow(image, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set(visible=True, color=colour, linewidth=2.5)


def _write_below(ax: Axes, lines: Sequence[str], colours: Sequence[str]) -> None:
    for k, (line, colour) in enumerate(zip(lines, colours)):
        ax.annotate(
            line,
            (0, 0),
            (0, -7 - 11 * k),
            "axes fraction",
            "offset points",
            va="top",
            fontsize=7.2,
            color=colour,
        )


def _write_card(ax: Axes, i: int, truth, runs: Mapping, names: Sequence[str]) -> None:
    step = 1 / (len(runs) + 1)
    for k, (run, (classes, values)) in enumerate({"Truth": truth, **runs}.items()):
        right = k == 0 or classes[i] == truth[0][i]
        y = 1 - (k + 0.5) * step
        mark = "" if k == 0 else (style.CHECK if right else style.CROSS) + " "
        colour = style.INK if k == 0 else style.RIGHT if right else style.WRONG
        ax.text(0, y + 0.25 * step, style.shorten(run, 32), va="center", fontsize=7.5, color=style.MUTED)
        said = f"{mark}{_class(names, int(classes[i]))}{_values(values, i)}"
        ax.text(0, y - 0.1 * step, said, va="center", color=colour, weight="bold")
    ax.set(xlim=(-0.04, 1), ylim=(0, 1))
