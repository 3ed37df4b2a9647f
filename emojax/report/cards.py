"""Cards of people: what the crowd sees in them, and what one or several systems say (thesis 000, figure 5.5)."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from emojax.labels import Labels
from emojax.report import style

_LINES, _COLUMNS = 5, 2  # of categories in a cell
_TOP, _STEP = 0.93, 0.135


@dataclasses.dataclass(frozen=True)
class Answers:
    """What a system says of n people.

    Attributes:
        categories: ``[n, C]`` bool, predicted to be present.
        values: ``[n, D]`` in [0, 1].
        jaccard: ``[n]``, how well the categories agree with the truth.
    """

    categories: np.ndarray
    values: np.ndarray
    jaccard: np.ndarray


def cards_figure(
    path: str | pathlib.Path,
    pictures: Sequence[np.ndarray] | None,
    categories: np.ndarray,
    values: np.ndarray,
    answers: Mapping[str, Answers],
    labels: Labels,
) -> pathlib.Path:
    """A row a person: a picture, the truth, and each system's answer with right categories green, wrong ones red.

    Args:
        path: PNG to write.
        pictures: of each person ``[H, W, 3]`` uint8; None without.
        categories: ``[n, C]`` bool, the truth.
        values: ``[n, D]`` in [0, 1], the truth.
        answers: system -> its answers.
        labels: names of categories and dimensions.
    """
    rows, first = max(len(categories), 1), 0 if pictures is None else 1
    widths = [*[0.62] * first, *[1] * (1 + len(answers))]
    with style.figure(path, 2.5 * sum(widths), 1.42 * rows + 0.5) as fig:
        axes = fig.subplots(rows, len(widths), squeeze=False, width_ratios=widths)
        for ax in axes.flat:
            style.hide(ax)
        if not len(categories):
            style.say_empty(axes[0, 0])
        for i, truth in enumerate(categories):
            if pictures is not None:
                axes[i, 0].imshow(pictures[i], interpolation="nearest")
            _write(axes[i, first], truth, np.full(len(truth), style.INK), values[i], labels)
            for ax, of_system in zip(axes[i, first + 1 :], answers.values()):
                colours = np.where(truth, style.GREEN, style.WRONG)
                note = f"Jaccard index {of_system.jaccard[i]:.2f}"
                _write(ax, of_system.categories[i], colours, of_system.values[i], labels, note)
        for ax, name in zip(axes[0, first:], ("truth", *answers)):
            ax.set_title(style.shorten(name, 34), fontsize=9)
    return pathlib.Path(path)


def _write(
    ax: Axes, chosen: np.ndarray, colours: np.ndarray, values: np.ndarray, labels: Labels, note: str = ""
) -> None:
    """The names of the chosen categories in their colours, the values below."""
    ax.set(xlim=(0, 1), ylim=(0, 1))
    names = np.flatnonzero(chosen)
    room = _LINES * _COLUMNS
    shown = names if len(names) <= room else names[: room - 1]
    for place, i in enumerate(shown):
        _say(ax, place, style.shorten(style.capital(labels.classes[i]), 16), colours[i])
    if len(shown) < len(names):
        _say(ax, len(shown), f"and {len(names) - len(shown)} more", style.MUTED)
    if not len(names):
        _say(ax, 0, "no category", style.MUTED)
    said = ", ".join(f"{name} {value:.2f}" for name, value in zip(labels.dimensions, values))
    ax.text(0.02, 0.19, said, fontsize=6.3, va="center", color=style.INK)
    ax.text(0.02, 0.06, note, fontsize=6.8, va="center", color=style.MUTED)


def _say(ax: Axes, place: int, text: str, colour: str) -> None:
    column, line = divmod(place, _LINES)
    ax.text(0.02 + column / _COLUMNS, _TOP - _STEP * line, text, fontsize=7.2, va="center", color=colour)
