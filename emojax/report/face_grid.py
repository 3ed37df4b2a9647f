"""Faces on a grid, near ones alike: a map of features assigned to cells (affwild_cnn_rnn spec 7.3)."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from emojax.report import style


def square(count: int, most: int = 20) -> int:
    """Side of the largest square grid that so many faces fill, at most `most`."""
    return min(int(np.sqrt(count)), most)


def grid_cells(points: np.ndarray) -> np.ndarray:
    """The cell of each point: the assignment with the least sum of squared distances (Jonker and Volgenant).

    Args:
        points: ``[S * S, 2]`` of a map; stretched to the unit square.

    Returns:
        ``[S * S]`` int, ``row * S + column``, each cell once; the first coordinate runs along the columns.
    """
    from scipy.optimize import linear_sum_assignment

    points = np.asarray(points, float)
    side = round(np.sqrt(len(points)))
    span = points.max(axis=0) - points.min(axis=0)
    unit = (points - points.min(axis=0)) / np.where(span > 0, span, 1)
    steps = np.linspace(0, 1, side) if side > 1 else np.zeros(1)
    cells = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    costs = ((unit[:, None] - cells) ** 2).sum(axis=-1)
    return linear_sum_assignment(costs)[1]


def faces_on_grid(faces: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """One picture ``[S H, S W, 3]`` uint8 of faces ``[S * S, H, W, 3]`` in their cells."""
    side = round(np.sqrt(len(faces)))
    ordered = np.empty_like(faces)
    ordered[cells] = faces
    _, height, width, channels = faces.shape
    tiles = ordered.reshape(side, side, height, width, channels).swapaxes(1, 2)
    return tiles.reshape(side * height, side * width, channels)


def grid_figure(
    path: str | pathlib.Path, panels: Mapping[str, np.ndarray], *, side: int, title: str
) -> pathlib.Path:
    """Grids side by side.

    Args:
        path: PNG to write.
        panels: title -> picture of `faces_on_grid`.
        side: faces in a row of each.
        title: of the figure.
    """
    width = min(max(0.5 * side * len(panels), 4.5), 12.0)
    with style.figure(path, width, width / len(panels) + 0.7) as fig:
        for ax, (name, picture) in zip(fig.subplots(1, len(panels), squeeze=False)[0], panels.items()):
            ax.imshow(picture, interpolation="nearest")
            style.hide(ax)
            ax.set_title(name, fontsize=9)
        style.heading(fig, title)
    return pathlib.Path(path)


def map_figure(
    path: str | pathlib.Path,
    maps: Mapping[str, np.ndarray],
    colours: Mapping[str, np.ndarray],
    classes: Sequence[str],
    *,
    title: str,
) -> pathlib.Path:
    """Maps of features, a row each; a column each for what the points are coloured by.

    Args:
        path: PNG to write.
        maps: name of the features -> points ``[N, 2]``.
        colours: name -> values ``[N]``: whole numbers below C for ``category``, shares of [-1, 1] for real numbers,
            names for anything else.
        classes: C names.
        title: of the figure.
    """
    with style.figure(path, 2.7 * len(colours) + 0.4, 2.75 * len(maps) + 0.9) as fig:
        axes = fig.subplots(len(maps), len(colours), squeeze=False)
        for row, (name, points) in zip(axes, maps.items()):
            for ax, (by, values) in zip(row, colours.items()):
                _coloured(ax, points, by, np.asarray(values))
                ax.set_xticks([])
                ax.set_yticks([])
                ax.set_box_aspect(1)
            row[0].set_ylabel(name)
        for ax, by in zip(axes[0], colours):
            ax.set_title(style.capital(by))
        if "category" in colours:
            handles = [
                axes[0, 0].plot([], [], "o", color=style.colour(c), label=n)[0] for c, n in enumerate(classes)
            ]
            fig.legend(handles=handles, loc="outside lower center", ncols=len(classes))
        style.heading(fig, title)
    return pathlib.Path(path)


def _coloured(ax, points: np.ndarray, by: str, values: np.ndarray) -> None:
    if by != "category" and np.issubdtype(values.dtype, np.floating):
        ax.scatter(
            *points.T,
            9,
            values,
            cmap=style.DIVERGING,
            vmin=-1,
            vmax=1,
            linewidths=0.2,
            edgecolors=style.MUTED,
        )
        return
    numbers = values if by == "category" else np.unique(values, return_inverse=True)[1]
    for number in np.unique(numbers):
        mine = points[numbers == number]
        ax.scatter(
            *mine.T, 9, style.colour(int(number)), marker=style.marker(int(number)), alpha=0.7, linewidths=0
        )
