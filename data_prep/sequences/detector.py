"""Finds the 68 landmarks of a face with dlib, for videos that come without (image_sequences spec 1.5).

dlib and its networks are an extra, ``landmarks``, and needed while data are prepared, never afterwards. The landmark
network was trained on iBUG 300-W, whose terms exclude commercial use.
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

from data_prep.sequences.landmarks import OfFrame
from data_prep.sequences.video import Video
from emojax.errors import ConfigError

INSTALL = "pip install dlib-bin==20.0.1.post1 face_recognition_models==0.3.0"
_MODELS = "face_recognition_models"  # a package of files; importing it needs a pkg_resources that is no more
_POINTS_FILE = "shape_predictor_68_face_landmarks.dat"
_SEARCH_SIDE = 640  # pixels; a larger frame is shrunk for the search, whose time goes with the area
_ENLARGEMENTS = 1  # doublings before the search, which finds faces from 80 pixels


class DlibLandmarks:
    """Landmarks of the largest face of each frame: HOG detector, then an ensemble of regression trees.

    A frame in which no face is found is looked at where the frame before it had one.

    Raises:
        ConfigError: dlib or its networks are not installed; tells the command that installs them.
    """

    name = "dlib"

    def __init__(self):
        _networks()

    def signature(self, video: Video) -> bytes:
        return self.name.encode()

    def of_video(self, video: Video) -> OfFrame:
        """See `data_prep.sequences.landmarks.Landmarks`."""
        return _OfVideo()

    def of_picture(self, picture: np.ndarray) -> np.ndarray | None:
        """Landmarks ``[68, 2]`` of the largest face of ``[H, W, 3]`` uint8 BGR, or None."""
        return _OfVideo()(0, picture)


class _OfVideo:
    def __init__(self):
        self._box = None  # of the last face: left, top, right, bottom in pixels

    def __call__(self, number: int, frame: np.ndarray) -> np.ndarray | None:
        dlib, find, place = _networks()
        picture = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        scale = min(_SEARCH_SIDE / max(picture.shape[:2]), 1.0)
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found = find(small if scale < 1 else picture, _ENLARGEMENTS)
        if len(found):
            box = max(found, key=lambda each: each.area())
            self._box = [side / scale for side in (box.left(), box.top(), box.right(), box.bottom())]
        if self._box is None:
            return None
        points = place(picture, dlib.rectangle(*map(round, self._box))).parts()
        return np.array([(point.x, point.y) for point in points], np.float64)


@functools.cache  # once a process
def _networks() -> tuple[Any, Any, Any]:
    """The module dlib, its face detector and its landmark network."""
    try:
        dlib = importlib.import_module("dlib")
    except ImportError:
        dlib = None
    file = _points_file()
    if dlib is None or file is None:
        missing = "dlib" if dlib is None else "its landmark network"
        raise ConfigError(
            f"No landmarks are given, and {missing} is not installed to find them. Install it: {INSTALL}; or name a "
            "folder of landmark files: --landmarks DIR."
        )
    return dlib, dlib.get_frontal_face_detector(), dlib.shape_predictor(os.fspath(file))


def _points_file() -> pathlib.Path | None:
    spec = importlib.util.find_spec(_MODELS)
    folders = spec.submodule_search_locations if spec else None
    file = pathlib.Path(folders[0], "models", _POINTS_FILE) if folders else None
    return file if file and file.is_file() else None
