"""Drawing primitives: filled shapes, tapering strokes and soft tints with subpixel, antialiased edges."""

from __future__ import annotations

import functools

import cv2
import numpy as np

_SHIFT = 4  # fractional bits of the coordinates OpenCV takes


def fill(image: np.ndarray, points: np.ndarray, colour) -> None:
    """Fills the polygon `points` `[N, 2]` (pixels) of `image` `[H, W, 3]` uint8 in place."""
    fixed = np.rint(points * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(image, [fixed], tuple(colour), cv2.LINE_AA, _SHIFT)


def ribbon(points: np.ndarray, width) -> np.ndarray:
    """Outline `[2 N, 2]` of the open curve `points`, `width` pixels wide (one number or one a point)."""
    direction = np.empty_like(points)
    direction[1:-1] = points[2:] - points[:-2]
    direction[0], direction[-1] = points[1] - points[0], points[-1] - points[-2]
    length = np.sqrt(direction[:, 0] ** 2 + direction[:, 1] ** 2)
    offset = direction[:, ::-1] * (0.5 * width / np.maximum(length, 1e-6))[:, None] * _LEFT
    return np.concatenate([points + offset, (points - offset)[::-1]])


_LEFT = np.array((-1.0, 1.0))


def stroke(image: np.ndarray, points: np.ndarray, colour, width) -> None:
    """Draws the open curve `points` with `width` pixels: a number, or one for each point (tapering)."""
    fill(image, ribbon(points, width), colour)


@functools.cache
def _taper(count: int, power: float) -> np.ndarray:
    return np.maximum(np.sin(np.linspace(0.08, np.pi - 0.08, count)), 0.0) ** power


def tapered(width: float, count: int, power: float = 0.7) -> np.ndarray:
    """Widths `[count]` that are full in the middle and run out at both ends."""
    return width * _taper(count, power)


def tint(image: np.ndarray, points: np.ndarray, colour, opacity: float) -> None:
    """Blends the polygon over the image with `opacity` in [0, 1]."""
    height, width = image.shape[:2]
    low = np.maximum(np.floor(points.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 2, (width, height))
    if (high <= low).any():
        return
    region = image[low[1] : high[1], low[0] : high[0]]
    painted = region.copy()
    fill(painted, points - low, colour)
    cv2.addWeighted(painted, opacity, region, 1 - opacity, 0, dst=region)


@functools.cache
def _circle(count: int) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def ellipse(centre, radius_x: float, radius_y: float, count: int = 24) -> np.ndarray:
    """Points `[count, 2]` of an upright ellipse."""
    return _circle(count) * (radius_x, radius_y) + centre


def shade(colour, factor: float) -> tuple[float, ...]:
    """A darker (factor < 1) or lighter (factor > 1: towards white) version of an RGB colour."""
    if factor <= 1:
        return tuple(c * factor for c in colour)
    return tuple(min(c + (255 - c) * (factor - 1), 255) for c in colour)


def mix(one, other, share: float) -> tuple[float, ...]:
    """RGB colour with `share` of `other`."""
    return tuple(a * (1 - share) + b * share for a, b in zip(one, other))
