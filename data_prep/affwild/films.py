"""Films: how many frames they have at 30 frames a second, and those frames one after another."""

from __future__ import annotations

import functools
import math
import os

import cv2
import numpy as np

from data_prep.affwild.joystick import FRAMES_PER_SECOND
from emojax.errors import Skip
from emojax.files import require_regular


def probe(path: str | os.PathLike) -> tuple[float, int]:
    """Frames a second and number of frames, as the file says.

    Raises:
        Skip: `missing_video` or `unreadable_video`.
    """
    video = open_film(path)
    rate, count = video.get(cv2.CAP_PROP_FPS), video.get(cv2.CAP_PROP_FRAME_COUNT)
    video.release()
    if not (math.isfinite(rate) and math.isfinite(count) and rate > 0 and count >= 1):
        raise Skip("unreadable_video", f"{path} says {rate:g} frames a second and {count:g} frames")
    return float(rate), int(count)


def open_film(path: str | os.PathLike) -> cv2.VideoCapture:
    """Raises Skip: `missing_video` or `unreadable_video`."""
    try:
        require_regular(path)
    except OSError as error:
        raise Skip("missing_video", f"{path}: {error.strerror or error}") from None
    video = cv2.VideoCapture(os.fspath(path))
    if not video.isOpened():
        raise Skip("unreadable_video", f"{path} is no video that can be decoded")
    return video


def frames_at_30(rate: float, count: int) -> int:
    """Frames of a film of `count` frames when it is shown at 30 frames a second."""
    return max(round(count * FRAMES_PER_SECOND / rate), 1)


class Film:
    """The frames of a film at 30 frames a second; asked for in rising order it is decoded once."""

    def __init__(self, path: str):
        self._path = path
        self._rate, self._count = probe(path)
        self._video, self._next, self._frame = open_film(path), 0, None

    def frame(self, number: int) -> np.ndarray:
        """Frame `number`, from 1: ``[H, W, 3]`` uint8 BGR.

        Raises:
            Skip: `film_ends_early`.
        """
        wanted = min(round((number - 1) * self._rate / FRAMES_PER_SECOND), self._count - 1)
        if wanted < self._next - 1:
            self._video.release()
            self._video, self._next = open_film(self._path), 0
        while self._next <= wanted:
            last = self._next == wanted
            there, frame = self._video.read() if last else (self._video.grab(), None)
            if not there:
                raise Skip("film_ends_early", f"{self._path} cannot be decoded beyond frame {self._next}")
            self._next += 1
            self._frame = frame
        return self._frame


@functools.lru_cache(maxsize=1)
def film(path: str) -> Film:
    """The film that this process reads at the moment."""
    return Film(path)
