"""A live window: the camera's picture with boxes, classes and values."""

from __future__ import annotations

import time

import cv2
import numpy as np

from emojax.errors import ConfigError
from emojax.prediction.draw import annotate
from emojax.prediction.model import Model
from emojax.prediction.tables import Row
from emojax.prediction.tracks import Tracker

_TITLE = "emojax - press q to close"


def show(model: Model, *, camera: int = 0, smooth: float = 0.0) -> None:
    """Shows the camera's picture until q is pressed.

    Raises:
        ConfigError: no camera, or no window can be opened.
    """
    capture = cv2.VideoCapture(camera)
    try:
        readable, _ = capture.read()
        if not readable:
            raise ConfigError(
                f"There is no camera {camera}. Name a video file instead, or another camera: --camera N."
            )
        _require_window()
        _loop(model, capture, Tracker(smooth), smooth)
    finally:
        capture.release()


def _require_window() -> None:
    try:
        cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL)
    except cv2.error as error:
        raise ConfigError(
            "No window can be opened: there is no display, or OpenCV was built without windows (a package named "
            "-headless). In an environment of its own, install opencv-contrib-python in its place."
        ) from error


def _loop(model: Model, capture, tracker: Tracker, smooth: float) -> None:
    start, rate = time.perf_counter(), 0.0
    last = start
    while True:
        readable, image = capture.read()
        if not readable:
            return
        shown = annotate(
            image, _rows(model, image, tracker, time.perf_counter() - start, smooth), model.value_range
        )
        now = time.perf_counter()
        rate = 0.9 * rate + 0.1 / max(now - last, 1e-6)
        last = now
        cv2.putText(shown, f"{rate:.0f} frames/s", (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
        cv2.imshow(_TITLE, shown)
        if cv2.waitKey(1) & 0xFF in (ord("q"), 27):
            cv2.destroyAllWindows()
            return


def _rows(model: Model, image: np.ndarray, tracker: Tracker, seconds: float, smooth: float) -> list[Row]:
    faces = model.detect_and_predict(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    flat = [np.array([*face.probabilities.values(), *face.values.values()]) for face in faces]
    followed = tracker.update(seconds, [face.box for face in faces], flat)
    rows = []
    for face, (number, smoothed) in zip(faces, followed):
        classes = len(face.probabilities)
        probabilities = dict(zip(face.probabilities, smoothed[:classes].tolist()))
        values = dict(zip(face.values, smoothed[classes:].tolist()))
        rows.append(Row("webcam", 0, seconds, number, face.box, face.score, probabilities, values))
    return rows
