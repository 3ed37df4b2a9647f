"""Figures of ensembles: which category which member knows, and where the ensemble gains."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from emojax.report import style
from emojax.report.matrices import colour_bar


def knowledge_figure(
    path: str | pathlib.Path,
    scores: Mapping[str, Sequence[float]],
    chance: Sequence[float],
    names: Sequence[str],
) -> pathlib.Path:
    """AP of each category and member above that of a random order; the best member of each category is framed.

    Args:
        path: PNG to write.
        scores: member -> C values of AP.
        chance: C values of AP that a random order has.
        names: C category names.
    """
    members = list(scores)
    gain = np.array([scores[member] for member in members], np.float64) - np.asarray(chance)
    reach = max(float(np.abs(gain).max()), 1e-6)
    with style.figure(path, 1.1 * len(members) + 3.2, 0.27 * len(names) + 1.6) as fig:
        ax = fig.add_subplot()
        image = ax.imshow(gain.T, cmap=style.DIVERGING, vmin=-reach, vmax=reach, aspect="auto")
        for column in range(len(members)):
            for row in range(len(names)):
                value, best = gain[column, row], column == int(gain[:, row].argmax())
                colour = style.text_colour(style.DIVERGING(0.5 + 0.5 * value / reach))
                weight = "bold" if best and len(members) > 1 else "normal"
                text = style.signed(value, 2, plus=True)
                ax.text(
                    column, row, text, ha="center", va="center", fontsize=7.5, color=colour, weight=weight
                )
        ax.set_xticks(
            np.arange(len(members)), [style.shorten(m, 32) for m in members], rotation=25, ha="right"
        )
        ax.set_yticks(np.arange(len(names)), [style.capital(name) for name in names])
        ax.tick_params(length=0)
        colour_bar(fig, image, ax, "AP above chance")
        style.titled(ax, "Which category which member knows", "bold: the best member")
    return pathlib.Path(path)


def gain_figure(
    path: str | pathlib.Path,
    ensemble: Sequence[float],
    members: Mapping[str, Sequence[float]],
    names: Sequence[str],
) -> pathlib.Path:
    """AP of the ensemble less that of its best member, category by category.

    The best member is the one with the largest mean AP, the same for all categories.

    Args:
        path: PNG to write.
        ensemble: C values of AP.
        members: member -> C values of AP.
        names: C category names.
    """
    best = max(members, key=lambda member: float(np.mean(members[member])))
    gain = np.asarray(ensemble, np.float64) - np.asarray(members[best], np.float64)
    order, y = np.argsort(-gain, kind="stable"), np.arange(len(names))
    with style.figure(path, 6.4, 1.4 + 0.25 * len(names)) as fig:
        ax = fig.add_subplot()
        ax.barh(y, gain[order], 0.74, color=np.where(gain[order] >= 0, style.BLUE, style.VERMILLION))
        ax.axvline(0, color=style.MUTED, linewidth=0.8)
        ax.set_yticks(y, [style.capital(names[i]) for i in order])
        ax.set(ylim=(len(names) - 0.4, -0.6), xlabel=f"AP minus that of {best}")
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x")
        mean, better = style.signed(float(gain.mean()), 4, plus=True), int((gain > 0).sum())
        note = f"mean {mean}; better in {better} of {len(names)}"
        style.titled(ax, "Gain of the ensemble by category", note)
    return pathlib.Path(path)
