"""The curve of the variance that principal components explain (image_sequences spec 7)."""

from __future__ import annotations

import pathlib

import numpy as np

from emojax.report import style


def components_figure(path: str | pathlib.Path, shares: np.ndarray, kept: int, *, title: str) -> pathlib.Path:
    """Share of the variance that the first 1, 2, ... components explain together, marked at those that are kept.

    Args:
        path: PNG to write.
        shares: ``[K]`` share of the variance of each component, the largest first.
        kept: number of components that the network reads, at most K.
        title: of what they are.
    """
    explained = 100 * np.cumsum(np.asarray(shares, np.float64))
    with style.figure(path, 6.4, 3.2) as fig:
        ax = fig.add_subplot()
        ax.plot(np.arange(1, len(explained) + 1), explained, color=style.BLUE)
        ax.axvline(kept, color=style.MUTED, lw=1, ls="--")
        ax.plot(kept, explained[kept - 1], "o", color=style.VERMILLION)
        right = kept > 10 ** (np.log10(len(explained)) / 2)  # of the middle of the axis
        ax.annotate(
            f"{kept} components: {explained[kept - 1]:.1f} %",
            (kept, 5),
            (-8 if right else 8, 0),
            textcoords="offset points",
            ha="right" if right else "left",
        )
        ax.set(xscale="log", xlim=(1, max(len(explained), 2)), ylim=(0, 102))
        ax.set(xlabel="number of components", ylabel="variance explained, %")
        ticks = [n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 4000) if n <= len(explained)]
        ax.set_xticks(ticks, [f"{n:,}" for n in ticks])
        ax.minorticks_off()
        ax.grid(axis="y")
        style.titled(ax, title, f"{len(explained):,} components in all")
    return pathlib.Path(path)
