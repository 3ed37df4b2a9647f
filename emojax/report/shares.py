"""Class shares that a table of recalls allows (affwild_cnn_rnn spec 1.3)."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from emojax.metrics.shares import check_shares
from emojax.report import style
from emojax.report.page import Picture, Section, Table

_SUMS = (("neutral", "sad"), ("angry", "fear"))


def share_section(
    folder: pathlib.Path,
    title: str,
    systems: Sequence[str],
    recalls: np.ndarray,
    totals: np.ndarray,
    classes: Sequence[str],
) -> Section:
    """Bounds of the class shares, or the rows that do not fit the others.

    Args:
        folder: of the PNG.
        title: what the rows are.
        systems: N names.
        recalls: ``[N, C]``.
        totals: ``[N]``.
        classes: C names.
    """
    found = check_shares(recalls, totals, classes, [g for g in _SUMS if set(g) <= set(classes)])
    left_out: tuple[int, ...] = ()
    text = f"All {len(systems)} rows agree with one set of class shares."
    if not found.consistent:
        if not found.misfits:
            text = f"The {len(systems)} rows do not agree, whichever two are left out."
            return Section(title, text=text)
        left_out = found.misfits[-1]
        kept = np.delete(np.arange(len(systems)), left_out)
        found = check_shares(recalls[kept], totals[kept], classes, _SUMS)
        named = ", ".join(systems[i] for i in left_out)
        text = f"The {len(systems)} rows do not agree with one set of class shares; without {named} the others do."
    rows = [(name, *map(float, bounds)) for name, bounds in found.bounds.items()]
    path = bounds_figure(folder / "shares.png", found.bounds)
    caption = "Total accuracy is the sum of share times recall, numbers printed with two digits."
    return Section(
        title,
        text=text,
        tables=[Table(rows, ("category", "least share", "greatest share"), caption)],
        pictures=[Picture(path, "Shares that all rows allow.")],
    )


def bounds_figure(path: str | pathlib.Path, bounds: Mapping[str, tuple[float, float]]) -> pathlib.Path:
    """Ranges of shares as bars; name -> least and greatest share."""
    with style.figure(path, 6.0, 0.9 + 0.33 * len(bounds)) as fig:
        ax = fig.add_subplot()
        for y, (low, high) in enumerate(bounds.values()):
            ax.barh(y, max(high - low, 0.003), 0.6, left=low, color=style.BLUE)
            ax.text(high + 0.01, y, f"{low:.3f} to {high:.3f}", va="center", fontsize=8, color=style.MUTED)
        ax.set_yticks(range(len(bounds)), [style.capital(name) for name in bounds])
        ax.set(xlim=(0, 1), xlabel="share of the frames", title="Class shares that the table allows")
        ax.invert_yaxis()
        ax.grid(axis="x")
    return pathlib.Path(path)
