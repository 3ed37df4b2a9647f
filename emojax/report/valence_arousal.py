"""Figures of the valence-arousal plane."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patches import Circle

from emojax.graphs.va_plane import sector_labels
from emojax.metrics.valence_arousal import concordance_correlation_coefficient, root_mean_square_error
from emojax.report import style

_HALO = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.2}
_TICKS = (-1, -0.5, 0, 0.5, 1)
_MANY = 1200  # points above which density says more than dots


def prediction_figure(
    path: str | pathlib.Path,
    predicted: np.ndarray,
    truth: np.ndarray,
    names: Sequence[str] = ("valence", "arousal"),
    *,
    title: str = "Predicted against true values",
) -> pathlib.Path:
    """Predicted against true values of each dimension, with identity line, CCC and RMSE.

    Args:
        path: PNG to write.
        predicted: ``[N, D]``; linear outputs may leave [-1, 1].
        truth: ``[N, D]`` in [-1, 1]. Rows with a value that is not finite are left out and counted.
        names: D names of the dimensions.
        title: of the whole figure.
    """
    kept, expected = style.finite_rows(predicted, truth)
    dropped = len(np.asarray(truth)) - len(expected)
    with style.figure(path, 0.7 + 4.3 * len(names), 4.5) as fig:
        for d, (ax, name) in enumerate(zip(fig.subplots(1, len(names), squeeze=False)[0], names)):
            _one_dimension(fig, ax, expected[:, d], kept[:, d], style.capital(name))
        left_out = f", {dropped:,} not finite left out" if dropped else ""
        style.heading(fig, f"{title}, {style.count(len(expected))}{left_out}")
    return pathlib.Path(path)


def scatter_figure(
    path: str | pathlib.Path,
    valence: np.ndarray,
    arousal: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    *,
    title: str = "Expressions in the valence-arousal plane",
) -> pathlib.Path:
    """All samples in one plane, coloured by class, with the class means named (thesis 001, fig. 6.3.1).

    Args:
        path: PNG to write.
        valence: ``[N]``.
        arousal: ``[N]``.
        labels: ``[N]`` int.
        names: C class names.
        title: what is shown; N is added.
    """
    valence, arousal, labels = style.finite_rows(valence, arousal, labels)
    with style.figure(path, 7.2 if len(names) <= 16 else 9.6, 5.6) as fig:
        ax = fig.add_subplot()
        draw_plane(ax)
        order = np.random.default_rng(0).permutation(len(labels))[:6000]  # no class lies on top
        colours = np.array([style.colour(int(c)) for c in labels[order]])
        size = 7 if len(order) > 1000 else 14
        ax.scatter(valence[order], arousal[order], size, colours, alpha=0.35, linewidths=0)
        for c, name in enumerate(names):
            of_class = labels == c
            shown = f"{style.shorten(style.capital(name), 16)} ({int(of_class.sum()):,})"
            look = {"color": style.colour(c), "marker": style.marker(c), "linestyle": "none"}
            ax.plot([], [], label=shown, markersize=7, **look)
            if of_class.any():
                mean = valence[of_class].mean(), arousal[of_class].mean()
                ax.plot(*mean, markersize=10, markeredgecolor="white", markeredgewidth=1.4, zorder=4, **look)
        style.titled(ax, title, f"{style.count(len(labels))}; large marks: class means")
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), ncols=1 if len(names) <= 16 else 2)
    return pathlib.Path(path)


def class_scatter_figure(
    path: str | pathlib.Path,
    valence: np.ndarray,
    arousal: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    *,
    title: str = "Valence and arousal of each expression",
) -> pathlib.Path:
    """One small plane a class, with all other samples in grey behind (thesis 001, fig. 4.5.1).

    Args: as `scatter_figure`.
    """
    valence, arousal, labels = style.finite_rows(valence, arousal, labels)
    columns = min(4 if len(names) <= 8 else 6, max(len(names), 1))
    rows = max(1, math.ceil(len(names) / columns))
    random = np.random.default_rng(0)
    behind = random.permutation(len(labels))[:2500]
    with style.figure(path, 2.1 * columns + 0.4, 2.25 * rows + 0.7) as fig:
        axes = fig.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for c, name in enumerate(names):
            ax, members = axes.flat[c], np.flatnonzero(labels == c)
            draw_plane(ax, small=True)
            if len(members):
                ax.scatter(valence[behind], arousal[behind], 2, style.FAINT, linewidths=0)
                shown = random.permutation(members)[:2500]
                ax.scatter(valence[shown], arousal[shown], 4, style.BLUE, alpha=0.35, linewidths=0)
                mean = valence[members].mean(), arousal[members].mean()
                ax.plot(*mean, "+", color=style.VERMILLION, markersize=10, markeredgewidth=2)
            else:
                ax.text(0, 0, "no samples", ha="center", va="center", color=style.MUTED, bbox=_HALO)
            ax.set_title(f"{style.shorten(style.capital(name), 15)} ({len(members):,})", fontsize=9)
        for i, ax in enumerate(axes.flat):
            ax.label_outer()
            if i + columns >= len(names):  # nothing is drawn below it
                ax.tick_params(labelbottom=True)
                ax.set_xlabel("valence")
            ax.set_visible(i < len(names))
        style.heading(fig, f"{title}, {style.count(len(labels))} (cross: mean)")
    return pathlib.Path(path)


def sector_figure(
    path: str | pathlib.Path,
    valence: np.ndarray,
    arousal: np.ndarray,
    *,
    num_sectors: int = 8,
    title: str = "Sectors of the valence-arousal plane",
) -> pathlib.Path:
    """Samples and their sectors, with the number and share of each (thesis 001, fig. 5.2.1).

    Args:
        path: PNG to write.
        valence: ``[N]``.
        arousal: ``[N]``.
        num_sectors: 2, 4, 8 or 12, as `emojax.graphs.va_plane.sector_labels`.
        title: of the whole figure.
    """
    valence, arousal = style.finite_rows(valence, arousal)
    sector = np.asarray(sector_labels(valence, arousal, num_sectors)).astype(int)
    counts = np.bincount(sector, minlength=num_sectors)
    with style.figure(path, 9.2, 4.8) as fig:
        plane, bars = fig.subplots(1, 2, width_ratios=(1.25, 1))
        draw_plane(plane)
        shown = np.random.default_rng(0).permutation(len(sector))[:6000]
        colours = np.array([style.colour(s) for s in sector[shown]] or [style.BLUE])
        plane.scatter(valence[shown], arousal[shown], 6, colours[: len(shown)], alpha=0.4, linewidths=0)
        for angle, name in _sector_marks(num_sectors):
            plane.plot(
                [0, 1.45 * math.cos(angle)], [0, 1.45 * math.sin(angle)], color=style.INK, linewidth=0.9
            )
            centre = angle + math.pi / num_sectors
            at = 0.86 * math.cos(centre), 0.86 * math.sin(centre)
            plane.text(*at, name, ha="center", va="center", weight="bold", bbox=_HALO)
        plane.set(xlim=(-1.08, 1.08), ylim=(-1.08, 1.08), title=f"{num_sectors} sectors")
        names = [str(i) for i in range(num_sectors)]
        bars.barh(names, counts, 0.72, color=[style.colour(i) for i in range(num_sectors)])
        for y, n in enumerate(counts):
            share = f" {n:,}  ({n / max(counts.sum(), 1):.1%})"
            bars.text(n, y, share, va="center", fontsize=8, color=style.MUTED)
        bars.set(
            xlim=(0, max(counts.max(), 1) * 1.4), title="Samples of each sector", ylabel="sector", xticks=[]
        )
        bars.set_ylim(num_sectors - 0.4, -0.6)
        bars.spines["bottom"].set_visible(False)
        bars.tick_params(axis="y", length=0)
        style.heading(fig, f"{title}, {style.count(len(sector))}")
    return pathlib.Path(path)


def draw_plane(ax: Axes, *, small: bool = False) -> None:
    """Axes, unit circle and names of the plane."""
    ax.axhline(0, color=style.FAINT, linewidth=1, zorder=0)
    ax.axvline(0, color=style.FAINT, linewidth=1, zorder=0)
    ax.add_patch(Circle((0, 0), 1, fill=False, edgecolor=style.MUTED, linewidth=0.8, zorder=1))
    ax.set(xlim=(-1.08, 1.08), ylim=(-1.08, 1.08), aspect="equal", xlabel="valence", ylabel="arousal")
    ticks = (-1, 0, 1) if small else _TICKS
    ax.set_xticks(ticks)
    ax.set_yticks(ticks)


def _one_dimension(fig, ax: Axes, truth: np.ndarray, predicted: np.ndarray, name: str) -> None:
    ax.set(xlabel=f"true {name.lower()}", ylabel=f"predicted {name.lower()}")
    if not len(truth):
        style.say_empty(ax)
        ax.set_title(name)
        return
    reach = float(np.clip(1.05 * max(np.abs(truth).max(), np.abs(predicted).max()), 1.05, 1.5))
    shown = np.clip(predicted, -reach, reach)  # what lies beyond is drawn at the edge
    ax.plot([-reach, reach], [-reach, reach], color=style.VERMILLION, linewidth=1.2, zorder=3)
    if len(truth) > _MANY:
        _density(fig, ax, truth, shown, reach)
    else:
        ax.scatter(truth, shown, 13, style.BLUE, alpha=0.4, linewidths=0)
    ccc = concordance_correlation_coefficient(predicted, truth)
    style.titled(ax, f"{name}: CCC {ccc:.3f}", f"RMSE {root_mean_square_error(predicted, truth):.3f}")
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=_TICKS, yticks=_TICKS)
    ax.grid()


def _density(fig, ax: Axes, x: np.ndarray, y: np.ndarray, reach: float) -> None:
    extent = (-reach, reach, -reach, reach)
    cells = ax.hexbin(
        x, y, gridsize=44, extent=extent, norm=LogNorm(vmin=1), mincnt=1, cmap=style.DENSITY, linewidths=0.2
    )
    bar = fig.colorbar(cells, ax=ax, shrink=0.75, aspect=26, pad=0.02)
    bar.outline.set_visible(False)
    bar.minorticks_off()
    steps = [n * 10**power for power in range(7) for n in (1, 3)]
    bar.set_ticks(
        [n for n in steps if n <= cells.norm.vmax], labels=[f"{n:,}" for n in steps if n <= cells.norm.vmax]
    )
    bar.set_label("samples", color=style.MUTED)


def _sector_marks(num_sectors: int) -> list[tuple[float, str]]:
    """Angle at which each sector starts, and its name."""
    if num_sectors == 2:  # "Half": 1 where valence >= 0
        return [(-math.pi / 2, "1"), (math.pi / 2, "0")]
    return [(2 * math.pi * i / num_sectors, str(i)) for i in range(num_sectors)]
