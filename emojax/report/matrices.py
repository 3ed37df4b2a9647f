"""Heat-maps with names and values: label graph, similarity of learned vectors, ablation tables."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from emojax.report import style


def draw_matrix(
    ax: Axes,
    values: np.ndarray,
    row_names: Sequence[str],
    column_names: Sequence[str],
    *,
    limits: tuple[float, float],
    cmap=style.SEQUENTIAL,
    text: Callable[[float], str] = "{:.2f}".format,
):
    """Draws ``[R, C]`` values with names and a text in each cell; NaN is drawn as missing.

    Returns:
        The image, for a colour bar.
    """
    values = np.ma.masked_invalid(np.asarray(values, np.float64))
    rows, columns = values.shape
    image = ax.imshow(
        values, cmap=cmap, vmin=limits[0], vmax=limits[1], aspect="equal", interpolation="nearest"
    )
    ax.set_xticks(range(columns), style.short_names(column_names))
    ax.set_yticks(range(rows), style.short_names(row_names, 28))
    if columns > 9 or max((len(str(n)) for n in column_names), default=0) > 8:
        ax.set_xticks(
            range(columns),
            style.short_names(column_names),
            rotation=45 if columns <= 14 else 90,
            ha="right" if columns <= 14 else "center",
            rotation_mode="anchor" if columns <= 14 else "default",
        )
    ax.tick_params(length=0, pad=4)
    for spine in ax.spines.values():
        spine.set_visible(False)
    _separate_cells(ax, rows, columns)
    size = 8.5 if max(rows, columns) <= 9 else 7.5 if max(rows, columns) <= 14 else 6
    for r in range(rows):
        for c in range(columns):
            missing = np.ma.is_masked(values[r, c])
            shown = style.NO_VALUE if missing else text(float(values[r, c]))
            ink = style.MUTED if missing else style.text_colour(cmap(image.norm(values[r, c])))
            ax.text(c, r, shown, ha="center", va="center", fontsize=size, color=ink)
    return image


def cell_inches(count: int) -> float:
    """Side of a cell of a matrix with `count` rows or columns."""
    return 0.62 if count <= 9 else 0.46 if count <= 14 else 0.34


def matrix_size(rows: int, columns: int, row_names: Sequence[str]) -> tuple[float, float]:
    """Width and height in inches of a figure that holds one matrix, its names and a colour bar."""
    cell = cell_inches(max(rows, columns, 1))
    label = 0.075 * min(28, max((len(str(n)) for n in row_names), default=0))
    return max(4.0, columns * cell + label + 1.6), max(2.4, rows * cell + 1.4)


def grid_shape(count: int) -> tuple[int, int]:
    """Rows and columns for `count` matrices: two a row stay readable on a page."""
    columns = 2 if count > 1 else 1
    return max(1, math.ceil(count / columns)), columns


def grid_size(rows: int, columns: int, width: float, height: float) -> tuple[float, float]:
    """Size of a figure of several matrices that share one colour bar, from the size of one."""
    return (
        (width, height)
        if rows * columns == 1
        else (columns * (width - 0.8) + 0.7, rows * (height - 0.3) + 0.4)
    )


def colour_bar(fig: Figure, image, axes, label: str) -> None:
    several = np.size(axes) > 1
    bar = fig.colorbar(image, ax=axes, shrink=0.5 if several else 0.85, aspect=28, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    bar.set_label(label, color=style.MUTED)


def adjacency_heatmap(
    path: str | pathlib.Path,
    matrix: np.ndarray,
    names: Sequence[str],
    *,
    num_classes: int,
    title: str = "Label graph A''",
) -> pathlib.Path:
    """The re-weighted adjacency ``[n, n]`` of the label graph; zeros stay blank (thesis 001, fig. 6.3.3).

    Args:
        path: PNG to write.
        matrix: rows receive, columns send.
        names: n node names; the first `num_classes` are expressions, the others dimensions.
        num_classes: where the separating lines go.
        title: says which graph it is, e.g. with tau and p.
    """
    matrix, names = np.asarray(matrix, np.float64), [style.capital(n) for n in names]
    with style.figure(path, *matrix_size(*matrix.shape, names)) as fig:
        ax = fig.add_subplot()
        top = np.nanmax(matrix, initial=0.0)
        limits = (0, top if top > 0 else 1)
        image = draw_matrix(ax, matrix, names, names, limits=limits, text=_weight)
        _separate_groups(ax, num_classes, len(names))
        ax.set(title=title, xlabel="sends", ylabel="receives")
        colour_bar(fig, image, ax, "weight")
    return pathlib.Path(path)


def similarity_heatmaps(
    path: str | pathlib.Path,
    matrices: Mapping[str, np.ndarray],
    names: Sequence[str],
    *,
    num_classes: int,
    title: str = "Cosine similarity of the learned vectors",
) -> pathlib.Path:
    """Cosine similarity ``[n, n]`` of the learned vectors of one or several runs (thesis 001, fig. 6.4.3).

    Args:
        path: PNG to write.
        matrices: run name -> matrix in [-1, 1]; with a single run its name is not shown.
        names: n vector names; the first `num_classes` are expressions, the others dimensions.
        num_classes: where the separating lines go.
        title: of the whole figure.
    """
    names = [style.capital(n) for n in names]
    width, height = matrix_size(len(names), len(names), names)
    rows, columns = grid_shape(len(matrices))
    with style.figure(path, *grid_size(rows, columns, width, height)) as fig:
        axes = fig.subplots(rows, columns, squeeze=False)
        image = None
        for ax, (run, matrix) in zip(axes.flat, matrices.items()):
            image = draw_matrix(
                ax, matrix, names, names, limits=(-1, 1), cmap=style.DIVERGING, text=style.signed
            )
            _separate_groups(ax, num_classes, len(names))
            ax.set_title(title if len(matrices) == 1 else style.shorten(run, 40))
        for ax in axes.flat[len(matrices) :]:
            style.hide(ax)
        if image is None:
            style.say_empty(axes[0, 0])
        else:
            colour_bar(fig, image, axes, "cosine similarity")
        if len(matrices) > 1:
            style.heading(fig, title)
    return pathlib.Path(path)


def ablation_heatmap(
    path: str | pathlib.Path,
    tables: Mapping[str, tuple[np.ndarray, Sequence[str], Sequence[str]]],
    *,
    title: str = "GCN hyper-parameters",
    unit: str = "accuracy (%)",
) -> pathlib.Path:
    """Tables of results over two hyper-parameters, each on its own colour scale (thesis 001, table 6.2).

    Args:
        path: PNG to write.
        tables: panel title -> (values ``[R, C]``, row names, column names). The best cell is framed.
        title: of the whole figure.
        unit: label of the colour bars.
    """
    columns = [max(len(t[2]), 1) for t in tables.values()] or [1]
    rows = max((len(t[1]) for t in tables.values()), default=1)
    width = max(4.0, 0.68 * sum(columns) + 2.1 * len(columns))
    with style.figure(path, width, 0.68 * rows + 1.6) as fig:
        axes = fig.subplots(1, len(columns), squeeze=False, width_ratios=columns)[0]
        for ax, (name, (values, row_names, column_names)) in zip(axes, tables.items()):
            values = np.asarray(values, np.float64)
            image = draw_matrix(ax, values, row_names, column_names, limits=_limits(values))
            colour_bar(fig, image, ax, unit)
            ax.set_title(name)
            if np.isfinite(values).any():
                r, c = np.unravel_index(np.nanargmax(values), values.shape)
                ax.add_patch(Rectangle((c - 0.5, r - 0.5), 1, 1, fill=False, ec=style.VERMILLION, lw=2))
        if not tables:
            style.say_empty(axes[0])
        style.heading(fig, title)
    return pathlib.Path(path)


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Smallest and largest finite value; 0 and 1 where these do not differ."""
    finite = values[np.isfinite(values)]
    return (finite.min(), finite.max()) if finite.size and finite.min() < finite.max() else (0.0, 1.0)


def _weight(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if value else ""


def _separate_cells(ax: Axes, rows: int, columns: int) -> None:
    ax.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    ax.grid(which="minor", color=style.FAINT, linewidth=0.6)
    ax.tick_params(which="minor", length=0)


def _separate_groups(ax: Axes, num_classes: int, count: int) -> None:
    if 0 < num_classes < count:
        ax.axhline(num_classes - 0.5, color=style.INK, linewidth=1.2)
        ax.axvline(num_classes - 0.5, color=style.INK, linewidth=1.2)
