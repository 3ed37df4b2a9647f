"""Finds the 68 landmarks of a face with dlib, for videos that come without (image_sequences spec 1.5).

dlib and its networks are an extra, ``landmarks``; see `emojax.vision.dlib68`. The landmark
network was trained on iBUG 300-W, whose terms exclude commercial use.
"""

from __future__ import annotations

import cv2
import numpy as np

from data_prep.sequences.landmarks import OfFrame
from data_prep.sequences.video import Video
from emojax.errors import ConfigError
from emojax.vision.dlib68 import find_boxes, points_of
from emojax.vision.dlib68 import networks as _networks


class DlibLandmarks:
    """Landmarks of the largest face of each frame: HOG detector, then an ensemble of regression trees.

    A frame in which no face is found is looked at where the frame before it had one.

    Raises:
        ConfigError: dlib or its networks are not installed; tells the command that installs them.
    """

    name = "dlib"

    def __init__(self):
        try:
            _networks()
        except ConfigError as error:
            raise ConfigError(f"{error}; or name a folder of landmark files: --landmarks DIR.") from None

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
        picture, found_by = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), _networks()
        if found := find_boxes(picture, found_by):
            self._box = max(found, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
        return None if self._box is None else points_of(picture, self._box, found_by)
