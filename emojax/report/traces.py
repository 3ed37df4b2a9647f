"""Valence and arousal over the frames of a video (affwild_gan spec 7)."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from emojax.report import style


def trace_figure(
    path: str | pathlib.Path,
    frames: np.ndarray,
    series: Mapping[str, np.ndarray],
    names: Sequence[str] = ("valence", "arousal"),
    *,
    title: str = "Valence and arousal",
) -> pathlib.Path:
    """One panel a dimension: values over frame numbers.

    Args:
        path: PNG to write.
        frames: ``[N]`` rising frame numbers of one video.
        series: name (``annotated``, ``predicted``) -> values ``[N, D]``.
        names: D names of the dimensions.
        title: of the whole figure.
    """
    with style.figure(path, 9.0, 1.0 + 1.9 * len(names)) as fig:
        for d, (ax, name) in enumerate(zip(fig.subplots(len(names), 1, squeeze=False)[:, 0], names)):
            ax.axhline(0, color=style.FAINT, lw=1)
            for i, (label, values) in enumerate(series.items()):
                ax.plot(frames, values[:, d], color=style.colour(i), lw=1.2, label=label)
            ax.set(
                ylim=(-1.05, 1.05), ylabel=style.capital(name), xlabel="frame" if d == len(names) - 1 else ""
            )
            ax.legend(loc="upper right", frameon=False, ncols=len(series))
        style.heading(fig, f"{title}, {style.count(len(frames))}")
    return pathlib.Path(path)
