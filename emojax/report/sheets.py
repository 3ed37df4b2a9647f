"""Sheets of drawn faces (affwild_gan spec 7)."""

from __future__ import annotations

import pathlib

import cv2
import numpy as np

from emojax.report import style


def sheet_picture(
    path: str | pathlib.Path, faces: np.ndarray, columns: int = 8, scale: int = 2
) -> pathlib.Path:
    """A grid of pictures.

    Args:
        path: PNG to write.
        faces: ``[N, H, W, 3]`` uint8 RGB, row by row.
        columns: pictures in a row.
        scale: every pixel becomes a square of this side.
    """
    rows = -(-len(faces) // columns)
    count, height, width, _ = faces.shape
    padded = np.zeros((rows * columns, height, width, 3), np.uint8)
    padded[:count] = faces
    grid = (
        padded.reshape(rows, columns, height, width, 3)
        .swapaxes(1, 2)
        .reshape(rows * height, columns * width, 3)
    )
    large = np.repeat(np.repeat(grid, scale, axis=0), scale, axis=1)
    path = pathlib.Path(path)
    path.write_bytes(cv2.imencode(".png", large[..., ::-1])[1].tobytes())
    return path


def value_grid(path: str | pathlib.Path, values: np.ndarray, columns: int = 8, *, title: str) -> pathlib.Path:
    """Valence and arousal of each picture of a sheet, written in its place on a field coloured by valence.

    Args:
        path: PNG to write.
        values: ``[N, 2]``, row by row.
        columns: pictures in a row.
        title: of the figure.
    """
    rows = -(-len(values) // columns)
    with style.figure(path, 7.0, 0.8 + 0.75 * rows) as fig:
        ax = fig.add_subplot()
        colours = np.full((rows * columns,), np.nan)
        colours[: len(values)] = values[:, 0]
        ax.imshow(colours.reshape(rows, columns), cmap=style.DIVERGING, vmin=-1, vmax=1, aspect="auto")
        for i, (valence, arousal) in enumerate(values):
            ax.text(
                i % columns,
                i // columns,
                f"{valence:+.2f}\n{arousal:+.2f}",
                ha="center",
                va="center",
                fontsize=8,
                color=style.text_colour(style.DIVERGING((valence + 1) / 2)),
            )
        ax.set(xticks=[], yticks=[])
        style.heading(fig, title)
    return pathlib.Path(path)
