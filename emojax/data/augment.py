"""Training-time augmentation and normalisation, on the device and inside the jitted step.

Operations and order follow emotion_gcn spec 1.7 (thesis 001, l.997-1004): horizontal flip, colour jitter,
rotation. The colour operations always run in the order brightness, contrast, saturation, hue.

Random numbers are drawn from one key a sample, so the result does not depend on the layout of the batch or on
the number of devices. Each operation owns a fixed column of the sample's random numbers: switching one
operation off does not change the draws of the others.

Flip and rotation are one gather of uint8 pixels. Colour operations act on single pixels (contrast also needs
the mean of the unrotated image, which a flip does not change), so applying them after the gather and painting
the corners black at the end equals flip -> colour -> rotation.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from emojax.errors import ConfigError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_LUMA = (0.2989, 0.587, 0.114)
_COLUMNS = ("flip", "angle", "brightness", "contrast", "saturation", "hue")
# uint8 / 255 with one rounding. XLA makes a division by a constant a product with its rounded reciprocal,
# off by one unit in the last place for half of the 256 values. x * _HIGH is exact (8 + 9 bits).
_HIGH = 257 / 65536
_LOW = 1 / 255 - _HIGH


@dataclasses.dataclass(frozen=True)
class AugmentSpec:
    """Strengths of the six operations; zero switches an operation off and compiles to nothing.

    Attributes:
        flip: probability of a horizontal flip, in [0, 1].
        rotation_degrees: angles are uniform in +- this many degrees, in [0, 180].
        brightness: factors are uniform in 1 +- this value, in [0, 1]. So for the next two.
        contrast: factor of the blend with the mean grey of the image.
        saturation: factor of the blend with the grey image.
        hue: shifts are uniform in +- this fraction of the colour circle, in [0, 0.5].

    Raises:
        ConfigError: a strength is out of range.
    """

    flip: float = 0.0
    rotation_degrees: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __post_init__(self):
        limits = {"rotation_degrees": 180.0, "hue": 0.5}
        for field in dataclasses.fields(self):
            value, limit = getattr(self, field.name), limits.get(field.name, 1.0)
            if not 0.0 <= value <= limit:
                raise ConfigError(f"Augmentation {field.name} = {value} must lie in [0, {limit:g}].")


# emotion_gcn spec 1.7. "code" is what the authors' public code does, its colour jitter has no effect.
PRESETS = {
    "none": AugmentSpec(),
    "code": AugmentSpec(flip=0.5, rotation_degrees=30.0),
    "full": AugmentSpec(
        flip=0.5, rotation_degrees=30.0, brightness=0.2, contrast=0.2, saturation=0.2, hue=0.05
    ),
}


@dataclasses.dataclass(frozen=True)
class Draws:
    """What happens to each sample; ``None`` means the operation is off for the whole batch.

    Attributes:
        flip: bool [B].
        angle: float32 [B], radians, positive is counter-clockwise as seen on screen.
        brightness, contrast, saturation: float32 [B], factors; 1 changes nothing.
        hue: float32 [B], shift as a fraction of the colour circle.
    """

    flip: jax.Array | None = None
    angle: jax.Array | None = None
    brightness: jax.Array | None = None
    contrast: jax.Array | None = None
    saturation: jax.Array | None = None
    hue: jax.Array | None = None


def draw(keys: jax.Array, spec: AugmentSpec) -> Draws:
    """Draws the parameters of every enabled operation from per-sample keys [B]."""
    uniform = jax.vmap(lambda key: jax.random.uniform(key, (len(_COLUMNS),)))(keys)
    column = {name: uniform[:, i] for i, name in enumerate(_COLUMNS)}

    def around(centre: float, strength: float, name: str):
        return centre + strength * (2.0 * column[name] - 1.0) if strength else None

    return Draws(
        flip=column["flip"] < spec.flip if spec.flip else None,
        angle=around(0.0, spec.rotation_degrees * (jnp.pi / 180.0), "angle"),
        brightness=around(1.0, spec.brightness, "brightness"),
        contrast=around(1.0, spec.contrast, "contrast"),
        saturation=around(1.0, spec.saturation, "saturation"),
        hue=around(0.0, spec.hue, "hue"),
    )


def augment(keys: jax.Array, images: jax.Array, spec: AugmentSpec) -> jax.Array:
    """Randomly augments a batch (emotion_gcn spec 1.7).

    Args:
        keys: PRNG keys [B], one a sample (`engine.step.sample_keys`).
        images: uint8 [B, H, W, 3], RGB; or [B, T, H, W, 3]: then all frames of a sample are augmented alike, or each on
            its own if there is a key for each, [B, T].
        spec: strengths; must be static under jit.

    Returns:
        float32 of the images' shape in [0, 1]. With all strengths zero exactly ``images / 255``.
    """
    keys, flat = _one_key_an_image(keys, images, 3)
    return apply_draws(flat, draw(keys, spec)).reshape(images.shape)


def _one_key_an_image(keys: jax.Array, images: jax.Array, dims: int) -> tuple[jax.Array, jax.Array]:
    """Keys [n] and images [n, ...] of batches with or without an axis of time; an image has `dims` dimensions."""
    lead = images.shape[: images.ndim - dims]
    keys = jnp.broadcast_to(keys.reshape(keys.shape + (1,) * (len(lead) - keys.ndim)), lead)
    return keys.reshape(-1), images.reshape(-1, *images.shape[len(lead) :])


def augment_mask(keys: jax.Array, masks: jax.Array, spec: AugmentSpec) -> jax.Array:
    """Applies to masks [B, h, w], or [B, T, h, w], the flips and rotations `augment` applies under the same keys.

    The mask may be smaller than the image: a rotation about the centre is the same at any scale as long as
    both have the same aspect ratio. Nearest neighbour, zero fill; the dtype is kept.
    """
    keys, flat = _one_key_an_image(keys, masks, 2)
    draws = draw(keys, spec)
    return _move(flat[..., None], draws.flip, draws.angle)[..., 0].reshape(masks.shape)


def apply_draws(images: jax.Array, draws: Draws) -> jax.Array:
    """The deterministic part of `augment`: uint8 [B, H, W, 3] -> float32 [B, H, W, 3] in [0, 1]."""
    mean_grey = None
    if draws.contrast is not None:
        original = _scale(_to_unit(images), draws.brightness)
        mean_grey = jnp.mean(_grey(jnp.mean(original, axis=1)), axis=(1, 2))  # rows first: vectorises
    moved, inside = _gather(images, draws.flip, draws.angle)
    result = _scale(_to_unit(moved), draws.brightness)
    if draws.contrast is not None:
        result = _blend(result, mean_grey[:, None, None, None], draws.contrast)
    if draws.saturation is not None:
        result = _blend(result, _grey(result), draws.saturation)
    if draws.hue is not None:
        result = _shift_hue(result, draws.hue)
    return result if inside is None else jnp.where(inside, result, 0.0)


def normalize(images: jax.Array, mean=IMAGENET_MEAN, std=IMAGENET_STD) -> jax.Array:
    """(images - mean) / std per channel; images [..., 3] in [0, 1], RGB (emotion_gcn spec 1.8)."""
    return (images - jnp.asarray(mean, images.dtype)) / jnp.asarray(std, images.dtype)


def _to_unit(images: jax.Array) -> jax.Array:
    x = images.astype(jnp.float32)
    return x * _HIGH + x * _LOW


def _per_sample(values: jax.Array) -> jax.Array:
    return values[:, None, None, None]


def _scale(images: jax.Array, factors: jax.Array | None) -> jax.Array:
    return images if factors is None else jnp.clip(images * _per_sample(factors), 0.0, 1.0)


def _blend(images: jax.Array, other: jax.Array, factors: jax.Array) -> jax.Array:
    # other + f (x - other) leaves x untouched where x equals other, whatever the rounding of f.
    return jnp.clip(other + _per_sample(factors) * (images - other), 0.0, 1.0)


def _grey(images: jax.Array) -> jax.Array:
    red, green, blue = jnp.split(images, 3, axis=-1)
    return _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue


def _shift_hue(images: jax.Array, shift: jax.Array) -> jax.Array:
    """Turns the hue by a fraction of the circle; value and chroma of HSV stay."""
    red, green, blue = (images[..., i] for i in range(3))
    value = jnp.maximum(jnp.maximum(red, green), blue)
    chroma = value - jnp.minimum(jnp.minimum(red, green), blue)
    safe = jnp.where(chroma > 0, chroma, 1.0)
    sextant = jnp.where(
        value == red,
        (green - blue) / safe,
        jnp.where(value == green, 2.0 + (blue - red) / safe, 4.0 + (red - green) / safe),
    )
    turned = sextant + 6.0 * shift[:, None, None]
    turned = turned - 6.0 * jnp.floor(turned / 6.0)
    # Closed form of HSV -> RGB: how much of the chroma each channel keeps, piecewise linear in the hue.
    keep = (jnp.abs(turned - 3.0) - 1.0, 2.0 - jnp.abs(turned - 2.0), 2.0 - jnp.abs(turned - 4.0))
    return jnp.stack([value - chroma * (1.0 - jnp.clip(k, 0.0, 1.0)) for k in keep], axis=-1)


def _move(images: jax.Array, flip: jax.Array | None, angle: jax.Array | None) -> jax.Array:
    moved, inside = _gather(images, flip, angle)
    return moved if inside is None else jnp.where(inside, moved, jnp.zeros((), images.dtype))


def _gather(images: jax.Array, flip: jax.Array | None, angle: jax.Array | None):
    """Flips, then rotates about the centre, nearest neighbour, same canvas.

    Returns:
        (moved [B, H, W, C], inside bool [B, H, W, 1] or None when nothing can leave the canvas). Pixels that
        are not inside hold the nearest border pixel.
    """
    if angle is None:
        if flip is None:
            return images, None
        return jnp.where(_per_sample(flip), images[:, :, ::-1], images), None
    batch, height, width, channels = images.shape
    x, y = _source_coordinates(angle, height, width)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    x, y = jnp.clip(x, 0, width - 1), jnp.clip(y, 0, height - 1)
    if flip is not None:
        x = jnp.where(flip[:, None, None], width - 1 - x, x)
    sample = jnp.arange(batch, dtype=jnp.int32)[:, None, None]
    pixels = images.reshape(batch * height * width, channels)
    moved = pixels.at[(sample * height + y) * width + x].get(mode="promise_in_bounds")
    return moved, inside[..., None]


def _source_coordinates(angle: jax.Array, height: int, width: int) -> tuple[jax.Array, jax.Array]:
    """Pixel of the unrotated image under each output pixel: int32 x, y [B, H, W], may lie outside."""
    centre_x, centre_y = (width - 1) / 2.0, (height - 1) / 2.0
    dx = jnp.arange(width, dtype=jnp.float32)[None, None, :] - centre_x
    dy = jnp.arange(height, dtype=jnp.float32)[None, :, None] - centre_y
    cos, sin = jnp.cos(angle)[:, None, None], jnp.sin(angle)[:, None, None]
    x = jnp.round(cos * dx - sin * dy + centre_x).astype(jnp.int32)
    y = jnp.round(sin * dx + cos * dy + centre_y).astype(jnp.int32)
    return x, y
