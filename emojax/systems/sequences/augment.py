"""Light augmentation of frames and clips of faces, on the device (image_sequences spec 1.10).

What is drawn for an example holds for all its frames, its streams and its geometry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp

from emojax.data.augment import AugmentSpec, augment, draw
from emojax.vision.geometry68 import mirrored_geometry

AUGMENTATIONS = ("none", "light")
_LIGHT = AugmentSpec(flip=0.5, brightness=0.1, contrast=0.1)
_CROP, _OF = 224, 240  # a picture is enlarged to _OF / _CROP of its side, and one of the old side is cut out
_CROP_STREAM = 1  # of a sample's random numbers


def light(keys: jax.Array, batch: Mapping[str, jax.Array], streams: Sequence[str]) -> dict[str, jax.Array]:
    """A batch whose pictures and geometry are augmented: flipped half the time, cropped, +- 10 % brightness, contrast.

    Args:
        keys: ``[B]``, one an example.
        batch: of each stream uint8 ``[B, H, W, 3]`` or ``[B, T, H, W, 3]``; perhaps ``geometry [B, 136]``.
        streams: names of the pictures in `batch`.

    Returns:
        The batch with pictures float32 in [0, 255]; the landmarks of a flipped face are mirrored and renumbered.
    """
    changed = dict(batch)
    for name in streams:
        changed[name] = _cropped(keys, 255 * augment(keys, batch[name], _LIGHT))
    if "geometry" in batch:
        flip = draw(keys, _LIGHT).flip[:, None]
        changed["geometry"] = jnp.where(flip, mirrored_geometry(batch["geometry"]), batch["geometry"])
    return changed


def _cropped(keys: jax.Array, images: jax.Array) -> jax.Array:
    """A random square of each enlarged example ``[B, (T,) S, S, 3]``; of all frames of an example the same."""
    side = images.shape[-2]
    larger = round(side * _OF / _CROP)
    enlarged = jax.image.resize(images, (*images.shape[:-3], larger, larger, 3), "bilinear")

    def cut(key: jax.Array, example: jax.Array) -> jax.Array:
        corner = jax.random.randint(jax.random.fold_in(key, _CROP_STREAM), (2,), 0, larger - side + 1)
        start = (*(0,) * (example.ndim - 3), *corner, 0)
        return jax.lax.dynamic_slice(example, start, (*example.shape[:-3], side, side, 3))

    return jax.vmap(cut)(keys, enlarged)
