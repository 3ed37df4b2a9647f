"""What surrounds a face in a photograph: background, light, things in the way, camera."""

from __future__ import annotations

import functools

import cv2
import numpy as np

from data_prep.synthetic.geometry import Pose, spline
from data_prep.synthetic.paint import ellipse, fill, shade, stroke, tint


def draw_background(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A cluttered, mostly unsharp background `[height, width, 3]` uint8."""
    corners = rng.uniform(15, 240, (2, 2, 3)).astype(np.float32)
    image = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    extent = np.array((width, height))
    for _ in range(rng.integers(3, 9)):
        centre = rng.uniform(0, 1, 2) * extent
        colour = rng.uniform(0, 255, 3)
        size = rng.uniform(0.06, 0.4) * height
        kind = rng.integers(4)
        if kind == 0:
            fill(image, ellipse(centre, size, size * rng.uniform(0.5, 1)), colour)
        elif kind == 1:
            corner = rng.uniform(0.2, 1, 2) * size
            fill(image, centre + np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * corner, colour)
        elif kind == 2:
            ends = centre + np.outer((-1, 1), rng.normal(size=2) * 2 * size)
            stroke(image, ends, colour, rng.uniform(0.02, 0.12) * height)
        else:
            for step in range(rng.integers(3, 7)):
                x = centre[0] + step * 0.35 * size
                stroke(image, np.array([(x, centre[1] - size), (x, centre[1] + size)]), colour, 0.14 * size)
    blur = rng.uniform(-0.5, 5.0)
    return cv2.GaussianBlur(image, (0, 0), blur) if blur > 0.4 else image


def light_head(image: np.ndarray, pose: Pose, rng: np.random.Generator) -> None:
    """Lights the picture from one side, as if the head were round; some get a soft shadow over a part."""
    height, width = image.shape[:2]
    x = (np.arange(width, dtype=np.float32) - pose.x) / pose.scale
    y = (np.arange(height, dtype=np.float32)[:, None] - pose.y) / pose.scale
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.42)
    gain = 1 + strength * np.clip(np.cos(angle) * x + np.sin(angle) * y, -1, 1)
    if rng.random() < 0.25:
        angle, edge, depth = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.7), rng.uniform(0.2, 0.45)
        ramp = (np.cos(angle) * x + np.sin(angle) * y - edge) * rng.uniform(4, 14)
        gain = gain * (1 - depth * np.clip(0.5 + ramp, 0, 1))
    # 7 fractional bits keep the product in 16 bits: faster than floats, exact enough for 8-bit pictures.
    fixed = np.clip(gain * 128, 20, 255).astype(np.uint8)
    cv2.multiply(image, cv2.merge([fixed, fixed, fixed]), dst=image, scale=1 / 128)


def draw_occluder(image: np.ndarray, pose: Pose, rng: np.random.Generator) -> None:
    """Something in the way, at the edge of the face: a hand, a cup, a strand of hair, a plain object."""
    side, colour = rng.choice((-1, 1)), rng.uniform(20, 235, 3)
    kind = rng.integers(4)
    if kind == 0:
        wrist = np.array((side * rng.uniform(0.8, 1.0), rng.uniform(0.9, 1.2)))
        skin = shade((214, 168, 138), rng.uniform(0.45, 1.1))
        fill(image, pose.place(ellipse(wrist, 0.3, 0.34), 1.0), skin)
        for finger in range(4):
            tip = np.add(wrist, (-side * (0.05 + 0.1 * finger), -0.42 + 0.07 * finger))
            stroke(image, pose.place(np.stack([wrist, tip]), 1.0), shade(skin, 0.93), 0.11 * pose.scale)
    elif kind == 1:
        at = np.array((side * rng.uniform(0.45, 0.9), rng.uniform(1.0, 1.3)))
        cup = at + np.array([(-0.3, -0.3), (0.3, -0.3), (0.24, 0.6), (-0.24, 0.6)])
        fill(image, pose.place(cup, 1.0), colour)
        fill(image, pose.place(ellipse(at - (0, 0.3), 0.3, 0.07), 1.0), shade(colour, 0.6))
    elif kind == 2:
        start, end = (side * 0.5, -1.3), (side * rng.uniform(0.5, 1.0), rng.uniform(0.2, 0.9))
        strand = spline([start, (side * rng.uniform(0.5, 0.85), -0.6), end], steps=8)
        stroke(image, pose.place(strand, 1.0), shade(colour, 0.4), 0.07 * pose.scale)
    else:
        centre = np.array((side * rng.uniform(0.9, 1.2), rng.uniform(-1.0, 1.0)))
        box = centre + np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * rng.uniform(0.2, 0.4, 2)
        tint(image, pose.place(box, 1.0), colour, 0.95)


@functools.cache
def _grain() -> np.ndarray:
    """One tile of film grain, the same for everybody; pictures use random windows of it."""
    return np.random.default_rng(0).normal(0, 1, (1024, 1024, 3)).astype(np.float32)


def photograph(image: np.ndarray, rng: np.random.Generator, max_blur: float | None = None) -> np.ndarray:
    """Takes the picture: blur, exposure, contrast, colour cast, grain. Returns uint8 `[H, W, 3]`.

    `max_blur` is the largest blur in pixels, by default in proportion to the height.
    """
    height, width = image.shape[:2]
    blur = rng.uniform(-0.5, 1.0) * (height / 150 if max_blur is None else max_blur)
    if blur > 0.25:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    levels = np.linspace(0, 1, 256)[:, None] ** rng.uniform(0.7, 1.4)
    cast = rng.uniform(0.84, 1.14, 3)
    contrast = rng.uniform(0.65, 1.15)
    curve = 255 * cast * (0.5 + contrast * (levels - 0.5)) + rng.uniform(-12, 12)
    image = cv2.LUT(image, np.clip(curve, 0, 255).astype(np.uint8).reshape(256, 1, 3))
    amount = rng.uniform(0, 7)
    grain = _grain()
    top, left = (rng.integers(0, grain.shape[axis] - extent) for axis, extent in enumerate((height, width)))
    window = grain[top : top + height, left : left + width]
    return cv2.addWeighted(image, 1.0, window, amount, 0.0, dtype=cv2.CV_8U)
