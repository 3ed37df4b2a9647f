"""What happens to a picture before the network sees it: alignment, augmentation, masks."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Iterable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from emojax.data.augment import PRESETS, AugmentSpec, Draws, apply_draws, draw
from emojax.report import style

_NEUTRAL = {"flip": False, "angle": 0.0, "brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}


def augmentation_figure(
    path: str | pathlib.Path,
    image: np.ndarray,
    spec: AugmentSpec = PRESETS["full"],
    *,
    draws: int = 12,
    seed: int = 0,
    title: str = "Augmentation",
) -> pathlib.Path:
    """The picture, each operation at full strength, and random draws (thesis 001, fig. 3.1.3).

    Args:
        path: PNG to write.
        image: uint8 ``[H, W, 3]``, RGB.
        spec: strengths; operations that are off are not shown.
        draws: number of random draws.
        seed: of the draws.
        title: of the whole figure.
    """
    singles = _single_operations(spec)
    drawn = draw(jax.random.split(jax.random.key(seed), draws), spec)
    rows = {name: _stack(name, singles.values(), getattr(drawn, name), draws) for name in _NEUTRAL}
    batch = jnp.repeat(jnp.asarray(image)[None], len(singles) + draws, axis=0)
    results = np.asarray(jax.jit(lambda x, r: apply_draws(x, Draws(**r)))(batch, rows))
    captions = [*singles, *(f"Draw {k + 1}" for k in range(draws))]
    pictures = {"Original": image, **dict(zip(captions, results))}
    return picture_figure(path, pictures, columns=6, title=title)


def alignment_figure(
    path: str | pathlib.Path,
    steps: Mapping[str, np.ndarray],
    landmarks: Mapping[str, np.ndarray] | None = None,
    *,
    title: str = "From the picture to the aligned face",
) -> pathlib.Path:
    """The pictures of the preparation in order, e.g. picture, face, aligned, crop (thesis 001, fig. 3.1.2).

    Args:
        path: PNG to write.
        steps: caption -> uint8 ``[h, w, 3]``, any sizes.
        landmarks: caption -> ``[K, 2]`` points x, y in the pixels of that picture; drawn as dots.
        title: of the whole figure.
    """
    return picture_figure(path, steps, columns=max(len(steps), 1), side=2.6, points=landmarks, title=title)


def mask_figure(
    path: str | pathlib.Path,
    image: np.ndarray,
    mask: np.ndarray,
    *,
    title: str = "Eye and mouth mask",
) -> pathlib.Path:
    """Picture, mask, and both (thesis 001, fig. 5.1.2).

    Args:
        path: PNG to write.
        image: uint8 ``[H, W, 3]``, RGB.
        mask: ``[h, w]``, non-zero inside; any size.
        title: of the whole figure.
    """
    inside = _enlarged(mask, image)
    black_and_white = np.repeat(inside[..., None] * np.uint8(255), 3, axis=-1)
    area = f"Mask, {inside.mean():.1%} of the area"
    shown = {"Picture": image, area: black_and_white, "Both": mask_overlay(image, mask)}
    return picture_figure(path, shown, columns=3, side=2.4, title=title)


def mask_overlay(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The picture uint8 ``[H, W, 3]`` with the inside of a mask ``[h, w]`` of any size tinted."""
    tint = np.array([int(style.VERMILLION[i : i + 2], 16) for i in (1, 3, 5)])
    inside = _enlarged(mask, image)[..., None]
    return np.where(inside, 0.45 * image + 0.55 * tint, image).astype(np.uint8)


def picture_figure(
    path: str | pathlib.Path,
    pictures: Mapping[str, np.ndarray],
    *,
    columns: int = 6,
    side: float = 1.6,
    points: Mapping[str, np.ndarray] | None = None,
    title: str = "Pictures",
) -> pathlib.Path:
    """Grid of captioned pictures.

    Args:
        path: PNG to write.
        pictures: caption -> uint8 or float in [0, 1], ``[h, w, 3]``.
        columns: pictures a row.
        side: inches a picture.
        points: caption -> ``[K, 2]`` x, y drawn on that picture.
        title: of the whole figure.
    """
    rows = max(1, math.ceil(len(pictures) / columns))
    with style.figure(path, max(side * columns, 4), (side + 0.14) * rows + 0.5) as fig:
        axes = fig.subplots(rows, columns, squeeze=False)
        for ax in axes.flat:
            style.hide(ax)
        for ax, (caption, picture) in zip(axes.flat, pictures.items()):
            ax.imshow(picture, interpolation="nearest")
            ax.set_title(caption, fontsize=8.5, weight="normal", pad=4)
            marks = (points or {}).get(caption)
            if marks is not None:
                ax.autoscale(False)  # a point outside the picture would shrink it
                ax.scatter(*np.asarray(marks).T, 5, style.ORANGE, linewidths=0)
        if not pictures:
            style.say_empty(axes[0, 0])
        style.heading(fig, title)
    return pathlib.Path(path)


def _enlarged(mask: np.ndarray, image: np.ndarray) -> np.ndarray:
    """The mask at the size of the picture, by nearest neighbours: bool ``[H, W]``."""
    inside, (height, width) = np.asarray(mask) != 0, image.shape[:2]
    rows = np.arange(height) * inside.shape[0] // height
    columns = np.arange(width) * inside.shape[1] // width
    return inside[rows][:, columns]


def _single_operations(spec: AugmentSpec) -> dict[str, dict[str, float]]:
    """Caption -> field of `Draws` and its value, at both ends of its range where it has two."""
    shown = {}
    if spec.flip:
        shown["Flip"] = {"flip": True}
    for sign in (-1, 1) if spec.rotation_degrees else ():
        angle = sign * spec.rotation_degrees
        shown[f"Rotation {style.signed(angle, 0, plus=True)}°"] = {"angle": math.radians(angle)}
    for name in ("brightness", "contrast", "saturation"):
        for sign in (-1, 1) if getattr(spec, name) else ():
            factor = 1 + sign * getattr(spec, name)
            shown[f"{style.capital(name)} {style.TIMES}{factor:g}"] = {name: factor}
    for sign in (-1, 1) if spec.hue else ():
        shown[f"Hue {style.signed(sign * spec.hue, plus=True)}"] = {"hue": sign * spec.hue}
    return shown


def _stack(name: str, singles: Iterable[Mapping[str, float]], drawn, draws: int) -> np.ndarray:
    """One field of `Draws` for all pictures: the single operations, then the random draws."""
    neutral = _NEUTRAL[name]
    random = np.full(draws, neutral) if drawn is None else np.asarray(drawn)
    return np.concatenate([[one.get(name, neutral) for one in singles], random]).astype(type(neutral))
