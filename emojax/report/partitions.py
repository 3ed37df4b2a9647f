"""The graph of a skeleton and the subsets that an ST-GCN cuts it into (thesis 000, figures 5.3 and 5.4)."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np

from emojax.report import style

# The 18 joints of OpenPose, of a person who faces the viewer: x to the image's right, y downwards.
_PLACES = np.array(
    [
        *((0.0, 0.0), (0.0, 1.0), (-0.8, 1.1), (-1.1, 2.1), (-1.2, 3.0), (0.8, 1.1), (1.1, 2.1), (1.2, 3.0)),
        *((-0.5, 3.1), (-0.55, 4.5), (-0.6, 5.9), (0.5, 3.1), (0.55, 4.5), (0.6, 5.9)),
        *((-0.3, -0.35), (0.3, -0.35), (-0.65, -0.1), (0.65, -0.1)),
    ]
)
_NAMES = {
    1: ("what a joint receives from itself and its neighbours",),
    2: ("from itself", "from its neighbours"),
    3: ("from itself", "from the neighbour farther from the neck", "from the neighbour nearer to the neck"),
}


def partition_figure(
    path: str | pathlib.Path, matrices: np.ndarray, edges: Sequence[tuple[int, int]], title: str
) -> pathlib.Path:
    """A panel a subset: rings for what joints receive from themselves, arrows for what they receive from neighbours.

    Args:
        path: PNG to write.
        matrices: ``[K, 18, 18]``; entry (k, v, w) is the weight of what joint w receives from joint v.
        edges: pairs of joints, each bone once.
        title: of the figure.
    """
    matrices = np.asarray(matrices)
    names = _NAMES.get(len(matrices), [f"subset {k}" for k in range(len(matrices))])
    top = max(float(np.abs(matrices).max(initial=0)), 1e-6)
    with style.figure(path, 2.6 * len(matrices) + 0.6, 4.6) as fig:
        for ax, matrix, name in zip(fig.subplots(1, len(matrices), squeeze=False)[0], matrices, names):
            style.hide(ax)
            ax.set(xlim=(-1.6, 1.6), ylim=(6.3, -0.8), aspect="equal")
            for a, b in edges:
                ax.plot(*_PLACES[[a, b]].T, color=style.MISSING, linewidth=3, zorder=1)
            for v, w in zip(*np.nonzero(matrix)):
                width = 0.6 + 2 * abs(matrix[v, w]) / top
                if v == w:
                    ax.plot(
                        *_PLACES[v], "o", color=style.BLUE, markersize=9, markerfacecolor="none", mew=width
                    )
                    continue
                start, end = _PLACES[v], _PLACES[w]
                arrow = {"arrowstyle": "-|>", "color": style.VERMILLION, "linewidth": width, "shrinkB": 5}
                ax.annotate("", end, start, arrowprops=arrow | {"connectionstyle": "arc3,rad=0.15"})
            ax.plot(*_PLACES.T, ".", color=style.INK, markersize=6, zorder=3)
            ax.set_title(name.replace(" neighbour ", " neighbour\n"), fontsize=8.5, loc="center")
        style.heading(fig, title)
    return pathlib.Path(path)
