"""What happens to a picture before the network sees it: alignment, augmentation, masks."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from emojax.data.augment import PRESETS, AugmentSpec, Draws, apply_draws, augment
from emojax.report import style


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
    batch = jnp.asarray(image)[None]
    pictures = {"Original": image}
    for name, one in _single_operations(spec).items():
        pictures[name] = np.asarray(apply_draws(batch, one))[0]
    keys = jax.random.split(jax.random.key(seed), draws)
    for k, drawn in enumerate(np.asarray(augment(keys, jnp.repeat(batch, draws, axis=0), spec))):
        pictures[f"Draw {k + 1}"] = drawn
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
    inside = np.asarray(mask) != 0
    height, width = image.shape[:2]
    rows = np.arange(height) * inside.shape[0] // height
    columns = np.arange(width) * inside.shape[1] // width
    inside = inside[rows][:, columns]
    tint = np.array([int(style.VERMILLION[i : i + 2], 16) for i in (1, 3, 5)])
    both = np.where(inside[..., None], 0.45 * image + 0.55 * tint, image).astype(np.uint8)
    black_and_white = np.repeat(inside[..., None] * np.uint8(255), 3, axis=-1)
    shown = {"Picture": image, f"Mask, {inside.mean():.1%} of the area": black_and_white, "Both": both}
    return picture_figure(path, shown, columns=3, side=2.4, title=title)


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
    with style.figure(path, max(side * columns, 4), (side + 0.35) * rows + 0.5) as fig:
        axes = fig.subplots(rows, columns, squeeze=False)
        for ax in axes.flat:
            style.hide(ax)
        for ax, (caption, picture) in zip(axes.flat, pictures.items()):
            ax.imshow(picture, interpolation="nearest")
            ax.set_title(caption, fontsize=8.5, weight="normal", pad=4)
            marks = (points or {}).get(caption)
            if marks is not None:
                ax.scatter(*np.asarray(marks).T, 5, style.ORANGE, linewidths=0)
        if not pictures:
            style.say_empty(axes[0, 0])
        style.heading(fig, title)
    return pathlib.Path(path)


def _single_operations(spec: AugmentSpec) -> dict[str, Draws]:
    """Caption -> one operation alone, at both ends of its range where it has two."""

    def constant(value: float):
        return jnp.full((1,), value, jnp.float32)

    shown = {}
    if spec.flip:
        shown["Flip"] = Draws(flip=jnp.ones((1,), bool))
    for sign in (-1, 1):
        if spec.rotation_degrees:
            angle = sign * spec.rotation_degrees
            shown[f"Rotation {style.signed(angle, 0)}°"] = Draws(angle=constant(math.radians(angle)))
    for name in ("brightness", "contrast", "saturation"):
        strength = getattr(spec, name)
        for sign in (-1, 1):
            if strength:
                factor = 1 + sign * strength
                shown[f"{style.capital(name)} {style.TIMES}{factor:g}"] = Draws(**{name: constant(factor)})
    for sign in (-1, 1):
        if spec.hue:
            shown[f"Hue {style.signed(sign * spec.hue)}"] = Draws(hue=constant(sign * spec.hue))
    return shown
