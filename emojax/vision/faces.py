"""The face of a person in a picture: found by OpenFace beforehand, or here by OpenCV's Haar cascade."""

from __future__ import annotations

import csv
import dataclasses
import functools
import os

import cv2
import numpy as np

from emojax.errors import ConfigError, Skip
from emojax.vision.align import NoFaceError, crop_face
from emojax.vision.boxes import crop, usable_box

DETECTORS = ("haar", "none")
_SEARCH_MARGIN = 0.1  # of the body box on every side: hair and hats reach out of it
_SEARCH_SIDE = 400  # pixels; a larger part is shrunk for the cascade, whose time goes with the area
_SMALLEST_FACE = 20  # pixels; the size the cascade was trained on
_NEIGHBOURS = 5


@dataclasses.dataclass(frozen=True)
class DetectedFace:
    """One face: `box` x, y, width, height in pixels, and the 68 landmarks `[68, 2]` where the detector gives
    them; or the centres `[2, 2]` of the image-left and image-right eye alone. `score` in [0, 1]."""

    box: tuple[float, float, float, float]
    landmarks: np.ndarray | None = None
    score: float = 1.0

    @property
    def centre(self) -> tuple[float, float]:
        x, y, width, height = self.box
        return x + width / 2, y + height / 2


def read_openface(path: str | os.PathLike) -> list[DetectedFace]:
    """The faces of a CSV file with one row for each face and a header.

    Columns `x_0` ... `x_67`, `y_0` ... `y_67` are landmarks in pixels of the image, as OpenFace's
    FaceLandmarkImg writes them; else `x1`, `y1`, `x2`, `y2` are boxes. Other columns are not used, but a
    `confidence` of 0 or a `success` of 0 drops the row.

    Raises:
        OSError: no such file.
        ValueError: columns are missing or not numbers.
    """
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, skipinitialspace=True))
    if not rows:
        return []
    columns = {name.strip(): i for i, name in enumerate(rows[0])}
    if "x_0" not in columns and "x1" not in columns:
        raise ValueError("neither landmarks nor boxes")
    faces = []
    for row in rows[1:]:
        if row and all(
            _number(row, columns, name) != 0 for name in ("confidence", "success") if name in columns
        ):
            faces.append(_openface_row(row, columns))
    return faces


def _openface_row(row: list[str], columns: dict[str, int]) -> DetectedFace:
    if "x_0" in columns:
        points = np.array([[_number(row, columns, f"{axis}_{i}") for axis in "xy"] for i in range(68)])
        corner, extent = points.min(axis=0), np.ptp(points, axis=0)
        return DetectedFace((*corner.tolist(), *extent.tolist()), points)
    x1, y1, x2, y2 = (_number(row, columns, name) for name in ("x1", "y1", "x2", "y2"))
    return DetectedFace((min(x1, x2), min(y1, y2), abs(x2 - x1), abs(y2 - y1)))


def _number(row: list[str], columns: dict[str, int], name: str) -> float:
    if name not in columns or columns[name] >= len(row):
        raise ValueError(f"no column {name}")
    value = float(row[columns[name]])
    if not np.isfinite(value):
        raise ValueError(f"{name} is {value}")
    return value


def detect_faces(image: np.ndarray, box: tuple[int, int, int, int]) -> list[DetectedFace]:
    """Frontal faces in and just around a body box (x1, y1, x2, y2) of `image` `[H, W, 3]` BGR."""
    x1, y1, x2, y2 = box
    margin_x, margin_y = round(_SEARCH_MARGIN * (x2 - x1)), round(_SEARCH_MARGIN * (y2 - y1))
    left, top = max(x1 - margin_x, 0), max(y1 - margin_y, 0)
    part = cv2.cvtColor(image[top : y2 + margin_y, left : x2 + margin_x], cv2.COLOR_BGR2GRAY)
    scale = min(_SEARCH_SIDE / max(part.shape), 1.0)
    if scale < 1:
        part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = _cascade().detectMultiScale(
        part, scaleFactor=1.1, minNeighbors=_NEIGHBOURS, minSize=(_SMALLEST_FACE, _SMALLEST_FACE)
    )
    boxes = np.asarray(found, np.float64).reshape(-1, 4) / scale
    return [DetectedFace((x + left, y + top, width, height)) for x, y, width, height in boxes.tolist()]


@functools.cache
def _cascade() -> cv2.CascadeClassifier:
    if not hasattr(cv2, "CascadeClassifier"):
        raise ConfigError(
            f"OpenCV {cv2.__version__} has no face detector: only OpenCV 4 carries it. Install "
            '"opencv-contrib-python-headless<5", or bring the faces from OpenFace.'
        )
    return cv2.CascadeClassifier(os.path.join(cv2.data.haarcascades, "haarcascade_frontalface_default.xml"))


def choose_face(faces: list[DetectedFace], box: tuple[int, int, int, int]) -> DetectedFace | None:
    """The largest face whose centre lies in the body box (spec 10, G3b)."""
    x1, y1, x2, y2 = box
    inside = [face for face in faces if x1 <= face.centre[0] <= x2 and y1 <= face.centre[1] <= y2]
    return max(inside, key=lambda face: face.box[2] * face.box[3], default=None)


def cut_face(image: np.ndarray, face: DetectedFace, size: int) -> np.ndarray | None:
    """Crop `[size, size, 3]` of a face: eyes levelled and at fixed places where there are landmarks, else the
    plain box (spec 10, G27). None if the face has no area or lies outside the image."""
    try:
        if face.landmarks is not None:
            return crop_face(image, face.box, face.landmarks, align="similarity", size=size)[0]
        x, y, width, height = face.box
        return crop(image, usable_box((x, y, x + width, y + height), image.shape[1], image.shape[0]), size)
    except (NoFaceError, Skip):
        return None
