"""What single units of a network answer to (affwild_cnn_rnn spec 7.4)."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np

from emojax.report import style


def unit_figure(
    path: str | pathlib.Path, pictures: np.ndarray, names: Sequence[str], scores: np.ndarray
) -> pathlib.Path:
    """Pictures ``[C, H, W, 3]`` uint8 that maximise the unit of each name, with the score ``[C]`` that they reach."""
    with style.figure(path, 1.7 * len(names), 2.5) as fig:
        for ax, picture, name, score in zip(fig.subplots(1, len(names)), pictures, names, scores):
            ax.imshow(picture, interpolation="nearest")
            style.hide(ax)
            ax.set_title(style.capital(name))
            ax.set_xlabel(f"score {style.signed(float(score), 1)}")
        style.heading(fig, "Pictures that maximise each unit")
    return pathlib.Path(path)


def saliency_figure(
    path: str | pathlib.Path, faces: np.ndarray, maps: np.ndarray, names: Sequence[str]
) -> pathlib.Path:
    """Faces ``[C, H, W, 3]`` uint8 above the maps ``[C, H, W]`` of the pixels that the unit of each name depends on."""
    with style.figure(path, 1.7 * len(names), 4.0) as fig:
        axes = fig.subplots(2, len(names))
        for (upper, lower), face, values, name in zip(axes.T, faces, maps, names):
            upper.imshow(face, interpolation="nearest")
            lower.imshow(values, cmap=style.SEQUENTIAL, interpolation="nearest")
            upper.set_title(style.capital(name))
            style.hide(upper)
            style.hide(lower)
        style.heading(fig, "Pixels on which each unit depends")
    return pathlib.Path(path)
