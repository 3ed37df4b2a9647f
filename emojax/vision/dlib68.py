"""Faces with their 68 landmarks, found by dlib: an extra, ``landmarks``.

Nothing is downloaded: the landmark network comes with the package face_recognition_models. It was trained on iBUG
300-W, whose terms exclude commercial use.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import pathlib
from typing import Any

import cv2
import numpy as np

from emojax.errors import ConfigError
from emojax.vision.faces import DetectedFace

INSTALL = "pip install dlib-bin==20.0.1.post1 face_recognition_models==0.3.0"
_MODELS = "face_recognition_models"  # a package of files; importing it needs a pkg_resources that is no more
_POINTS_FILE = "shape_predictor_68_face_landmarks.dat"
_SEARCH_SIDE = 640  # pixels; a larger frame is shrunk for the search, whose time goes with the area
_ENLARGEMENTS = 1  # doublings before the search, which finds faces from 80 pixels


@functools.cache  # once a process
def networks() -> tuple[Any, Any, Any]:
    """The module dlib, its face detector and its landmark network.

    Raises:
        ConfigError: one of them is not installed; says how to install it.
    """
    try:
        dlib = importlib.import_module("dlib")
    except ImportError:
        dlib = None
    file = _points_file()
    if dlib is None or file is None:
        missing = "dlib" if dlib is None else "its landmark network"
        raise ConfigError(
            f"No landmarks are given, and {missing} is not installed to find them. Install it: {INSTALL}"
        )
    return dlib, dlib.get_frontal_face_detector(), dlib.shape_predictor(os.fspath(file))


def find_boxes(image: np.ndarray, found_by: tuple[Any, Any, Any]) -> list[list[float]]:
    """Boxes left, top, right, bottom in pixels of the faces of ``[H, W, 3]`` uint8 RGB, surest first."""
    scale = min(_SEARCH_SIDE / max(image.shape[:2]), 1.0)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
    found = found_by[1](small, _ENLARGEMENTS)
    return [[side / scale for side in (box.left(), box.top(), box.right(), box.bottom())] for box in found]


def points_of(image: np.ndarray, box: list[float], found_by: tuple[Any, Any, Any]) -> np.ndarray:
    """Landmarks ``[68, 2]`` in pixels of the face in a box of ``[H, W, 3]`` uint8 RGB."""
    parts = found_by[2](image, found_by[0].rectangle(*map(round, box))).parts()
    return np.array([(point.x, point.y) for point in parts], np.float64)


def detect_with_landmarks(image: np.ndarray) -> list[DetectedFace]:
    """Faces of ``[H, W, 3]`` uint8 BGR with their 68 landmarks."""
    picture, found_by = cv2.cvtColor(image, cv2.COLOR_BGR2RGB), networks()
    faces = []
    for box in find_boxes(picture, found_by):
        left, top, right, bottom = box
        faces.append(DetectedFace((left, top, right - left, bottom - top), points_of(picture, box, found_by)))
    return faces


def _points_file() -> pathlib.Path | None:
    spec = importlib.util.find_spec(_MODELS)
    folders = spec.submodule_search_locations if spec else None
    file = pathlib.Path(folders[0], "models", _POINTS_FILE) if folders else None
    return file if file and file.is_file() else None
