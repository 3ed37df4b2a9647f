"""Zachary's karate club embedded by a graph network that was never trained (thesis 001, fig. 6.1.1)."""

from __future__ import annotations

import pathlib

import numpy as np

from emojax.report import style


def karate_figure(
    path: str | pathlib.Path,
    points: np.ndarray,
    friendships: np.ndarray,
    club: np.ndarray,
    *,
    title: str = "Karate club in an untrained GCN",
) -> pathlib.Path:
    """Members by their embedding, friendships as lines, the later split as colour.

    Args:
        path: of the PNG.
        points: ``[n, 2]`` embedding.
        friendships: ``[n, n]`` symmetric 0/1.
        club: ``[n]`` 0 for members who stayed with the instructor, 1 for those who followed the officers.
        title: of the figure.
    """
    ties = np.argwhere(np.triu(friendships) > 0)
    with style.figure(path, 6.2, 5.0) as fig:
        ax = fig.add_subplot()
        for tie in ties:
            ax.plot(*points[tie].T, color=style.FAINT, linewidth=0.7, zorder=1)
        for side, colour, label in ((0, style.BLUE, "instructor"), (1, style.VERMILLION, "officers")):
            mine = points[club == side]
            ax.scatter(*mine.T, 130, colour, edgecolors="white", linewidths=1, label=label, zorder=2)
        for member, point in enumerate(points):
            ax.text(*point, str(member), ha="center", va="center", fontsize=6.5, color="white", zorder=3)
        style.titled(ax, title, f"{len(points)} members, {len(ties)} ties; random weights")
        ax.set_xticks([])
        ax.set_yticks([])
        ax.margins(0.08)
        ax.legend(title="stayed with the", alignment="left")
    return pathlib.Path(path)
