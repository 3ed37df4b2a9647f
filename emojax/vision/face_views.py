"""From a frame and its landmarks to the pictures and the geometry of the face (image_sequences spec 1.5-1.7)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import cv2
import numpy as np

from emojax.errors import Skip
from emojax.vision.align import eye_centres
from emojax.vision.face_model import SIDE
from emojax.vision.face_model_file import named_face
from emojax.vision.frontalise import frontalise, soft_symmetry
from emojax.vision.geometry68 import CENTRES, SCALES, face_geometry

MODALITIES = ("face", "frontal", "frontal_soft")
ALIGNMENTS = ("none", "similarity")
MARGIN = 1.3  # side of the crop, in sides of the face's box
_EYE = np.array((0.35, 0.38))  # similarity: where the image-left eye goes, in sides; the other mirrors it
_INSIDE = 0.5  # share of the landmarks that must lie in the picture
_LARGEST = 8192  # pixels; a face whose crop is larger is none


@dataclasses.dataclass(frozen=True)
class ViewOptions:
    """How the pictures and the geometry of a face are made.

    Attributes:
        margin: side of the crop, in sides of the box of the landmarks.
        align: of `ALIGNMENTS`: ``similarity`` levels the eyes and puts them at fixed places; then `margin` is not used.
        frontal_crop: side of the middle of the frontal view that is kept, in (0, 1].
        face_model: file of the face that gives the pose, see `emojax.vision.face_model_file`; empty for our own.
        geometry_centre: of `CENTRES`.
        geometry_scale: of `SCALES`.
        geometry_upright: the head's roll is taken out of the geometry.
    """

    margin: float = MARGIN
    align: str = "none"
    frontal_crop: float = 1.0
    face_model: str = ""
    geometry_centre: str = CENTRES[0]
    geometry_scale: str = SCALES[0]
    geometry_upright: bool = False

    @classmethod
    def of_build(cls, build: Mapping) -> ViewOptions:
        """Those that prepared data were made with, from `build` of their ``dataset.json``."""
        return cls(**build.get("views", {}))

    def geometry(self, landmarks: np.ndarray) -> np.ndarray:
        """`face_geometry` under these options."""
        return face_geometry(landmarks, self.geometry_centre, self.geometry_scale, self.geometry_upright)


USUAL = ViewOptions()


def face_pictures(
    frame: np.ndarray,
    landmarks: np.ndarray,
    size: int,
    modalities: tuple[str, ...] = MODALITIES,
    options: ViewOptions = USUAL,
) -> dict[str, np.ndarray]:
    """What the streams see of a face: modality -> uint8 ``[size, size, 3]`` in the order of the frame's channels.

    ``face`` is the crop, ``frontal`` the frontal view without symmetry, ``frontal_soft`` that with soft symmetry.

    Raises:
        Skip: as `face_crop` and, for the frontal ones, `frontalise`: a frame that lacks one modality lacks all.
    """
    pictures = {"face": face_crop(frame, landmarks, size, options)} if "face" in modalities else {}
    if "frontal" in modalities or "frontal_soft" in modalities:
        model = named_face(options.face_model)
        frontal = frontalise(frame, landmarks, model)
        views = {"frontal": lambda: frontal.raw, "frontal_soft": lambda: soft_symmetry(frontal, model)}
        edge = round(SIDE * (1 - options.frontal_crop) / 2)
        for name in views.keys() & set(modalities):
            view = views[name]()[edge : SIDE - edge, edge : SIDE - edge]
            pictures[name] = cv2.resize(view, (size, size), interpolation=cv2.INTER_AREA)
    return {name: pictures[name] for name in modalities}


def face_crop(
    frame: np.ndarray, landmarks: np.ndarray, size: int, options: ViewOptions = USUAL
) -> np.ndarray:
    """The square around a face, ``[size, size, 3]``; outside the picture its border is repeated.

    Args:
        frame: ``[H, W, 3]`` uint8.
        landmarks: ``[68, 2]`` in pixels.
        size: side of the crop.
        options: `margin` and `align` are used.

    Raises:
        Skip: `landmarks_outside` (most of them are not in the picture), `empty_face` or `eyes_in_one_place`.
    """
    height, width = frame.shape[:2]
    inside = ((landmarks >= 0) & (landmarks < (width, height))).all(axis=1).mean()
    if inside < _INSIDE:
        raise Skip("landmarks_outside", f"{1 - inside:.0%} of the landmarks lie outside the picture")
    matrix = crop_matrix(landmarks, size, options)
    scale = float(np.hypot(*matrix[0, :2]))
    if scale < 1:  # an average over what becomes one pixel, against aliasing
        frame = cv2.GaussianBlur(frame, (0, 0), 0.4 / scale, borderType=cv2.BORDER_REPLICATE)
    return cv2.warpAffine(
        frame, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def crop_matrix(landmarks: np.ndarray, size: int, options: ViewOptions = USUAL) -> np.ndarray:
    """From pixels of the frame to those of the crop, ``[2, 3]``; for what, see `face_crop`.

    Raises:
        Skip: `empty_face` or `eyes_in_one_place`.
    """
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    box = float((high - low).max())
    if not 4 <= options.margin * box <= _LARGEST:
        raise Skip("empty_face", f"the face is {box:.1f} pixels large")
    if options.align == "similarity":
        left, right = eye_centres(landmarks)
        across = right - left
        distance = float(np.hypot(*across))
        if not distance > 1e-3 * box:
            raise Skip("eyes_in_one_place", f"the centres of the eyes are {distance:g} pixels apart")
        cos, sin = across / distance * ((1 - 2 * _EYE[0]) * size / distance)
        turn = np.array([(cos, sin), (-sin, cos)])
        return np.column_stack([turn, _EYE * size - 0.5 - turn @ left])
    side = options.margin * box
    scale, corner = size / side, (low + high) / 2 - side / 2
    return np.array(
        [
            (scale, 0, -scale * corner[0] - 0.5 + 0.5 * scale),
            (0, scale, -scale * corner[1] - 0.5 + 0.5 * scale),
        ]
    )
