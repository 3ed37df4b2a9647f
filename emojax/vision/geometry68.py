"""The shape of a face as a vector: its 68 landmarks, normalised (image_sequences spec 1.7)."""

from __future__ import annotations

import numpy as np

from emojax.errors import Skip
from emojax.vision.align import eye_centres

NUM_VALUES = 136
CENTRES = ("centroid", "nose")
SCALES = ("eyes", "rms")
_NOSE_TIP = 30
# Landmark i of a mirrored face is landmark MIRROR_68[i] of the face.
MIRROR_68 = np.array(
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        *range(27, 31),
        *range(35, 30, -1),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *range(54, 47, -1),
        *range(59, 54, -1),
        *(64, 63, 62, 61, 60, 67, 66, 65),
    ]
)


def face_geometry(
    landmarks: np.ndarray, centre: str = CENTRES[0], scale: str = SCALES[0], upright: bool = False
) -> np.ndarray:
    """Landmarks ``[68, 2]`` -> ``[136]`` float32: x0, y0, x1, ... about a centre, in units of the face.

    Args:
        landmarks: in pixels.
        centre: of `CENTRES`: the centroid of the landmarks, or the tip of the nose.
        scale: of `SCALES`: the distance of the eyes, or the root mean square distance from the centroid.
        upright: turned so that the eyes are level.

    Raises:
        Skip: `eyes_in_one_place`.
    """
    left, right = eye_centres(landmarks)
    across, centroid = right - left, landmarks.mean(axis=0)
    distance = float(np.hypot(*across))
    if not distance > 1e-3:
        raise Skip("eyes_in_one_place", f"the centres of the eyes are {distance:g} pixels apart")
    radius = float(np.sqrt(np.square(landmarks - centroid).sum(axis=1).mean()))
    points = landmarks - (centroid if centre == "centroid" else landmarks[_NOSE_TIP])
    points = points / (distance if scale == "eyes" else radius)
    if upright:
        cos, sin = across / distance
        points = points @ np.array([(cos, -sin), (sin, cos)])
    return points.astype(np.float32).ravel()


def mirrored_geometry(geometry):
    """`face_geometry` of the mirrored face, ``[..., 136]``; NumPy or JAX."""
    points = geometry.reshape(*geometry.shape[:-1], 68, 2)[..., MIRROR_68, :]
    return (points * np.array((-1, 1), geometry.dtype)).reshape(geometry.shape)
