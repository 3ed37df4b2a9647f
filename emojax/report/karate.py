"""Zachary's karate club embedded by a graph network that was never trained (thesis 001, fig. 6.1.1)."""

from __future__ import annotations

import pathlib

import numpy as np

from emojax.report import style

# W. Zachary, "An information flow model for conflict and fission in small groups", 1977, figure 1: who met
# whom outside the club, member -> later members, counted from 0.
_TIES = {
    0: (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31),
    1: (2, 3, 7, 13, 17, 19, 21, 30),
    2: (3, 7, 8, 9, 13, 27, 28, 32),
    3: (7, 12, 13),
    4: (6, 10),
    5: (6, 10, 16),
    6: (16,),
    8: (30, 32, 33),
    9: (33,),
    13: (33,),
    14: (32, 33),
    15: (32, 33),
    18: (32, 33),
    19: (33,),
    20: (32, 33),
    22: (32, 33),
    23: (25, 27, 29, 32, 33),
    24: (25, 27, 31),
    25: (31,),
    26: (29, 33),
    27: (33,),
    28: (31, 33),
    29: (32, 33),
    30: (32, 33),
    31: (32, 33),
    32: (33,),
}
EDGES = tuple((a, b) for a, others in _TIES.items() for b in others)
NUM_MEMBERS = 34
# Members who stayed with the instructor (member 0) when the club split; the others followed the officers.
INSTRUCTOR_SIDE = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 16, 17, 19, 21)


def symmetric_adjacency() -> np.ndarray:
    """``D^-1/2 (A + I) D^-1/2`` of the club, ``[34, 34]``: Kipf's rule (spec emotion_gcn 4.3)."""
    adjacency = np.eye(NUM_MEMBERS)
    for a, b in EDGES:
        adjacency[a, b] = adjacency[b, a] = 1.0
    scale = adjacency.sum(axis=1) ** -0.5
    return scale[:, None] * adjacency * scale[None, :]


def embedding(seed: int = 5, sizes: tuple[int, ...] = (4, 4, 2)) -> np.ndarray:
    """``[34, 2]``: three layers ``tanh(A_hat H W)`` with random Glorot weights on X = I."""
    random, a_hat = np.random.default_rng(seed), symmetric_adjacency()
    hidden = np.eye(NUM_MEMBERS)
    for size in sizes:
        limit = np.sqrt(6 / (hidden.shape[1] + size))
        hidden = np.tanh(a_hat @ hidden @ random.uniform(-limit, limit, (hidden.shape[1], size)))
    return hidden


def karate_figure(
    path: str | pathlib.Path, *, seed: int = 5, title: str = "Karate club in an untrained 3-layer GCN"
) -> pathlib.Path:
    """Members by their embedding, friendships as lines, the later split as colour."""
    points, side = embedding(seed), np.isin(np.arange(NUM_MEMBERS), INSTRUCTOR_SIDE)
    with style.figure(path, 6.2, 5.0) as fig:
        ax = fig.add_subplot()
        for a, b in EDGES:
            ax.plot(*points[[a, b]].T, color=style.FAINT, linewidth=0.7, zorder=1)
        for mine, colour, label in ((side, style.BLUE, "instructor"), (~side, style.VERMILLION, "officers")):
            ax.scatter(*points[mine].T, 130, colour, edgecolors="white", linewidths=1, label=label, zorder=2)
        for member, point in enumerate(points):
            ax.text(*point, str(member), ha="center", va="center", fontsize=6.5, color="white", zorder=3)
        style.titled(ax, title, f"{NUM_MEMBERS} members, {len(EDGES)} ties; random weights, seed {seed}")
        style.hide(ax)
        ax.margins(0.08)
        ax.legend(title="stayed with the", alignment="left")
    return pathlib.Path(path)
