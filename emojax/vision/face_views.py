"""From a frame and its landmarks to the pictures and the geometry of the face (image_sequences spec 1.5-1.7)."""

from __future__ import annotations

import cv2
import numpy as np

from emojax.errors import Skip
from emojax.vision.frontalise import frontalise, soft_symmetry

MODALITIES = ("face", "frontal", "frontal_soft")
MARGIN = 1.3  # side of the crop, in sides of the face's box
_INSIDE = 0.5  # share of the landmarks that must lie in the picture
_LARGEST = 8192  # pixels; a face whose crop is larger is none


def face_pictures(
    frame: np.ndarray, landmarks: np.ndarray, size: int, modalities: tuple[str, ...] = MODALITIES
) -> dict[str, np.ndarray]:
    """What the streams see of a face: modality -> uint8 ``[size, size, 3]`` in the order of the frame's channels.

    ``face`` is the crop, ``frontal`` the frontal view without symmetry, ``frontal_soft`` that with soft symmetry.

    Raises:
        Skip: as `face_crop` and, for the frontal ones, `frontalise`: a frame that lacks one modality lacks all.
    """
    pictures = {"face": face_crop(frame, landmarks, size)} if "face" in modalities else {}
    if "frontal" in modalities or "frontal_soft" in modalities:
        frontal = frontalise(frame, landmarks)
        views = {"frontal": lambda: frontal.raw, "frontal_soft": lambda: soft_symmetry(frontal)}
        for name in views.keys() & set(modalities):
            pictures[name] = cv2.resize(views[name](), (size, size), interpolation=cv2.INTER_AREA)
    return {name: pictures[name] for name in modalities}


def face_crop(frame: np.ndarray, landmarks: np.ndarray, size: int) -> np.ndarray:
    """The square around a face, upright, ``[size, size, 3]``; outside the picture its border is repeated.

    Args:
        frame: ``[H, W, 3]`` uint8.
        landmarks: ``[68, 2]`` in pixels.
        size: side of the crop.

    Raises:
        Skip: `landmarks_outside` (most of them are not in the picture) or `empty_face`.
    """
    height, width = frame.shape[:2]
    inside = ((landmarks >= 0) & (landmarks < (width, height))).all(axis=1).mean()
    if inside < _INSIDE:
        raise Skip("landmarks_outside", f"{1 - inside:.0%} of the landmarks lie outside the picture")
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    side = MARGIN * (high - low).max()
    if not 4 <= side <= _LARGEST:
        raise Skip("empty_face", f"the face is {side / MARGIN:.1f} pixels large")
    corner = (low + high) / 2 - side / 2
    scale = size / side
    if scale < 1:  # an average over what becomes one pixel, against aliasing
        frame = cv2.GaussianBlur(frame, (0, 0), 0.4 / scale, borderType=cv2.BORDER_REPLICATE)
    matrix = np.array(
        [
            (scale, 0, -scale * corner[0] - 0.5 + 0.5 * scale),
            (0, scale, -scale * corner[1] - 0.5 + 0.5 * scale),
        ]
    )
    return cv2.warpAffine(
        frame, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
