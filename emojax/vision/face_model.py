"""A generic face in three dimensions, made for this project: 68 points, a surface, and its frontal reference view.

Units and axes: 1 is half the width of a face; x to the right of the picture, y down, z towards the viewer; the origin
is inside the head, behind the bridge of the nose. Construction, from the proportions that drawing books teach:

- the head is an ellipsoid with half axes 1.12, 1.75 and 0.92;
- the face is five eyes wide; an eye is 0.41 long, the eyes' centres are 0.81 apart and 0.12 above the origin;
- brows lie 0.3 above the eyes and are 0.47 long; the nose ends 0.45 below the eyes and is one eye wide less a bit; the
  mouth is 0.72 wide, 0.82 below the eyes; the chin is 1.36 below them;
- the nose is a ridge on the ellipsoid that grows from nothing at the eyes to 0.25 at its tip and ends below it;
- the jaw runs along the outline, from the ears (z = 0) to the chin (z = 0.5).

The face is symmetric: point i and point `geometry68.MIRROR_68[i]` mirror each other.
"""

from __future__ import annotations

import dataclasses
import functools

import cv2
import numpy as np

from emojax.vision.geometry68 import MIRROR_68

SIDE = 320  # pixels of the reference view
PIXELS = 112.0  # of the reference view, a unit
CENTRE = np.array(((SIDE - 1) / 2, (SIDE - 1) / 2 - 0.08 * PIXELS))  # pixel of the origin
AXES = np.array((1.12, 1.75, 0.92))
_EYE_Y, _EYE_X, _EYE_HALF = -0.12, 0.405, 0.205
_NOSE_TIP = 0.27  # y of the tip
_FACE = (0.97, 1.30)  # half axes of the outline of what the reference view shows, about y = -0.04
_EYE_MASK_GROWTH = 9  # pixels


@dataclasses.dataclass(frozen=True)
class FaceModel:
    """The model as frontalisation needs it.

    Attributes:
        points: float64 ``[68, 3]``.
        surface: float64 ``[F, 3]``, the point of the surface that each pixel of the foreground shows.
        foreground: bool ``[SIDE, SIDE]``, F of them.
        eyes: float32 ``[SIDE, SIDE]``, 1 on the eyes.
    """

    points: np.ndarray
    surface: np.ndarray
    foreground: np.ndarray
    eyes: np.ndarray


@functools.cache
def generic_face() -> FaceModel:
    """The generic face."""
    points = _points()
    rows, columns = np.mgrid[:SIDE, :SIDE]
    x, y = (columns - CENTRE[0]) / PIXELS, (rows - CENTRE[1]) / PIXELS
    foreground = (x / _FACE[0]) ** 2 + ((y + 0.04) / _FACE[1]) ** 2 < 1
    flat = np.stack([x[foreground], y[foreground]], axis=1)
    surface = np.column_stack([flat, depth(flat)])
    return FaceModel(points, surface, foreground, eye_mask(reference_pixels(points)))


def depth(points: np.ndarray) -> np.ndarray:
    """z of the surface at ``[N, 2]`` x, y."""
    ellipsoid = AXES[2] * np.sqrt(np.maximum(1 - np.square(points / AXES[:2]).sum(axis=1), 0.04))
    x, y = points.T
    along = np.clip((y - _EYE_Y) / (_NOSE_TIP - _EYE_Y), 0, 1)
    end = np.clip(1 - (y - _NOSE_TIP) / 0.12, 0, 1)
    return ellipsoid + 0.25 * along * end * np.exp(-np.square(x / (0.06 + 0.08 * along)))


def reference_pixels(points: np.ndarray) -> np.ndarray:
    """Pixels ``[N, 2]`` of the reference view that show points ``[N, 2 or 3]``."""
    return points[:, :2] * PIXELS + CENTRE


def _points() -> np.ndarray:
    """The 68 points; the image-left half is written down, the other mirrored."""
    half = {0: (-0.93, -0.14), 1: (-0.93, 0.1), 2: (-0.9, 0.34), 3: (-0.84, 0.57), 4: (-0.74, 0.78)}
    half |= {5: (-0.6, 0.96), 6: (-0.41, 1.1), 7: (-0.21, 1.2), 8: (0, 1.24)}
    brow = np.linspace(0, 1, 5)
    half |= {17 + i: (-0.675 + 0.47 * t, -0.42 - 0.2 * t * (1 - t)) for i, t in enumerate(brow)}
    half |= {27 + i: (0, y) for i, y in enumerate(np.linspace(_EYE_Y, _NOSE_TIP, 4))}
    half |= {31: (-0.19, 0.31), 32: (-0.095, 0.335), 33: (0, 0.35)}
    left, right = -_EYE_X - _EYE_HALF, -_EYE_X + _EYE_HALF
    half |= {36: (left, _EYE_Y), 39: (right, _EYE_Y)}
    half |= {37: (-_EYE_X - 0.065, _EYE_Y - 0.09), 38: (-_EYE_X + 0.065, _EYE_Y - 0.09)}
    half |= {41: (-_EYE_X - 0.065, _EYE_Y + 0.06), 40: (-_EYE_X + 0.065, _EYE_Y + 0.06)}
    half |= {48: (-0.36, 0.7), 49: (-0.25, 0.65), 50: (-0.11, 0.635), 51: (0, 0.645)}
    half |= {59: (-0.25, 0.745), 58: (-0.11, 0.775), 57: (0, 0.78)}
    half |= {60: (-0.32, 0.7), 61: (-0.11, 0.69), 62: (0, 0.69), 67: (-0.11, 0.71), 66: (0, 0.71)}
    points = np.zeros((68, 3))
    for i, (x, y) in half.items():
        points[i, :2], points[MIRROR_68[i], :2] = (x, y), (-x, y)
    points[:, 2] = depth(points[:, :2])
    jaw = np.abs(np.arange(17) - 8) / 8
    points[:17, 2] = 0.5 * (1 - jaw) ** 1.5
    points[31:36, 2] += (0, 0.06, 0.1, 0.06, 0)
    return points


def eye_mask(pixels: np.ndarray) -> np.ndarray:
    """1 on the eyes and a little around them, ``[SIDE, SIDE]`` float32; from the pixels ``[68, 2]`` of the points."""
    mask = np.zeros((SIDE, SIDE), np.float32)
    for eye in (slice(36, 42), slice(42, 48)):
        hull = cv2.convexHull(np.rint(pixels[eye]).astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 1.0)
    side = 2 * _EYE_MASK_GROWTH + 1
    return cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
