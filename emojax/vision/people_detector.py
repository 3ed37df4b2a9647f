"""Finds people in pictures: OpenCV's histogram of oriented gradients for whole ones, faces for those seen in part."""

from __future__ import annotations

import functools

import cv2
import numpy as np

from emojax.errors import ConfigError
from emojax.vision.detectors import Detector, imported, make_detector, overlap, whole_picture
from emojax.vision.faces import DetectedFace

NAMES = ("auto", "hog", "none")
_SEARCH_SIDE = 800  # pixels; a larger picture is shrunk
_SMALLEST = 130  # pixels, a little over the detector's window; a smaller picture is enlarged
_SURE = 0.5  # score of the SVM from which a box counts
_SAME_PERSON = 0.45  # intersection over union
_MARGIN = (0.11, 0.06)  # of the detector's window around a person, each side: across, down
_BODY_OF_FACE = (
    1.0,
    0.5,
    3.0,
    7.0,
)  # left of and above a face, width and height of a body, in sides of the face


def make_people_detector(name: str = "auto") -> Detector:
    """A detector of people by name.

    Args:
        name: ``hog`` (whole, upright people), ``auto`` (those, and a body for every other face that is found), ``none``
            (the whole picture), or ``package.module:function``.

    Raises:
        ConfigError: no such detector.
    """
    if name == "auto":
        return with_faces(make_detector())
    if name == "hog":
        return detect_people
    if name == "none":
        return whole_picture
    if ":" in name:
        return imported(name)
    raise ConfigError(
        f"There is no detector of people {name!r}; choose {', '.join(NAMES)}, or package.module:function for your own."
    )


def detect_people(image: np.ndarray) -> list[DetectedFace]:
    """Upright people of `image` `[H, W, 3]` BGR, surest first; `box` is that of the whole body.

    Source: Dalal and Triggs (2005); the weights are OpenCV's own.
    """
    longer, shorter = max(image.shape[:2]), min(image.shape[:2])
    scale = _SMALLEST / shorter if shorter < _SMALLEST else min(_SEARCH_SIDE / longer, 1.0)
    searched = (
        image if scale == 1 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    )
    found, weights = _hog().detectMultiScale(searched, winStride=(8, 8), padding=(16, 16), scale=1.05)
    people = []
    for (x, y, width, height), weight in zip(np.reshape(found, (-1, 4)).tolist(), np.ravel(weights)):
        if weight < _SURE:
            continue
        dx, dy = _MARGIN[0] * width, _MARGIN[1] * height
        box = tuple(value / scale for value in (x + dx, y + dy, width - 2 * dx, height - 2 * dy))
        people.append(DetectedFace(box, None, float(1 / (1 + np.exp(-weight)))))
    kept: list[DetectedFace] = []
    for person in sorted(people, key=lambda one: -one.score):
        if all(overlap(person.box, other.box) < _SAME_PERSON for other in kept):
            kept.append(person)
    return kept


def with_faces(detect_faces: Detector) -> Detector:
    """Whole people, and for a face in none of their boxes the part of the picture where its body must be."""

    def detect(image: np.ndarray) -> list[DetectedFace]:
        people = detect_people(image)
        for face in detect_faces(image):
            if not any(_holds(person.box, face.centre) for person in people):
                people.append(DetectedFace(_body_of(face.box, *image.shape[1::-1]), None, face.score))
        return people

    return detect


def _holds(box: tuple[float, ...], point: tuple[float, float]) -> bool:
    return box[0] <= point[0] <= box[0] + box[2] and box[1] <= point[1] <= box[1] + box[3]


def _body_of(face: tuple[float, ...], width: int, height: int) -> tuple[float, ...]:
    x, y, w, h = face
    left, top = max(x - _BODY_OF_FACE[0] * w, 0.0), max(y - _BODY_OF_FACE[1] * h, 0.0)
    right = min(x + (_BODY_OF_FACE[2] - _BODY_OF_FACE[0]) * w, float(width))
    bottom = min(y + (_BODY_OF_FACE[3] - _BODY_OF_FACE[1]) * h, float(height))
    return left, top, max(right - left, 1.0), max(bottom - top, 1.0)


@functools.cache
def _hog() -> cv2.HOGDescriptor:
    hog = cv2.HOGDescriptor()
    hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
    return hog
