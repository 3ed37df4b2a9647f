"""Heat-maps over pictures: class activation and attention."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import cv2
import matplotlib
import numpy as np

from emojax.report import style


def class_activation(feature_map: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Class activation map (Zhou et al., CVPR 2016): the channels' sum weighted by a label's classifier.

    Args:
        feature_map: ``[h, w, D]``, what global average pooling sees.
        weights: ``[D]``, the label's weights of this stream.

    Returns:
        ``[h, w]`` float64.
    """
    return np.asarray(feature_map, np.float64) @ np.asarray(weights, np.float64)


def overlay(image: np.ndarray, heat: np.ndarray, *, limits: tuple[float, float] | None = None) -> np.ndarray:
    """The picture under a coloured map: 0.4 heat + 0.5 picture (context_emotion spec 8).

    Args:
        image: uint8 ``[H, W, 3]`` RGB.
        heat: ``[h, w]``; enlarged bilinearly.
        limits: values of the first and the last colour; the map's own smallest and largest if None.

    Returns:
        uint8 ``[H, W, 3]``.
    """
    low, high = limits or (float(heat.min()), float(heat.max()))
    unit = np.clip((heat - low) / (high - low), 0, 1) if high > low else np.zeros_like(heat, np.float64)
    large = cv2.resize(unit.astype(np.float32), image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    colours = matplotlib.colormaps["jet"](large)[..., :3]
    return np.clip(255 * 0.4 * colours + 0.5 * image, 0, 255).astype(np.uint8)


def picture_grid(
    path: str | pathlib.Path,
    rows: Sequence[Sequence[np.ndarray]],
    row_names: Sequence[str],
    column_names: Sequence[str],
    *,
    title: str,
) -> pathlib.Path:
    """Pictures in named rows and columns, e.g. a person a row and a stream with its map a column.

    Args:
        path: PNG to write.
        rows: uint8 pictures ``[H, W, 3]``.
        row_names: may hold line breaks.
        column_names: one a column.
        title: of the whole figure.
    """
    with style.figure(path, 1.75 * max(len(column_names), 1) + 0.9, 1.85 * max(len(rows), 1) + 0.7) as fig:
        axes = fig.subplots(max(len(rows), 1), max(len(column_names), 1), squeeze=False)
        for ax in axes.flat:
            style.hide(ax)
        for r, pictures in enumerate(rows):
            for ax, picture in zip(axes[r], pictures):
                ax.imshow(picture, interpolation="nearest")
            axes[r, 0].set_ylabel(row_names[r], fontsize=8.5, rotation=0, ha="right", va="center", labelpad=8)
        for ax, name in zip(axes[0], column_names):
            ax.set_title(name, fontsize=8.5, loc="center", fontweight="normal")
        if not len(rows):
            style.say_empty(axes[0, 0])
        style.heading(fig, title)
    return pathlib.Path(path)
