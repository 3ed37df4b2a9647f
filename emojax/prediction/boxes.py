"""Face boxes given in a CSV file instead of a detector."""

from __future__ import annotations

import csv
import pathlib
from collections.abc import Mapping

import numpy as np

from emojax.errors import DataError
from emojax.files import require_regular
from emojax.prediction.inputs import Frame
from emojax.vision.faces import DetectedFace

_BOX = ("x", "y", "width", "height")
_EYES = ("left_eye_x", "left_eye_y", "right_eye_x", "right_eye_y")
_LANDMARKS = tuple(f"{axis}_{i}" for i in range(68) for axis in "xy")


class GivenBoxes:
    """Boxes by picture.

    Columns of the file: `image` (a path relative to the file's folder, or absolute), `frame` (of a video, from 0;
    optional), `x`, `y`, `width`, `height` in pixels as stored (an EXIF orientation is ignored); optional: the 68
    landmarks `x_0`, `y_0` ... `x_67`, `y_67`, or the eye centres `left_eye_x`, `left_eye_y`, `right_eye_x`,
    `right_eye_y`, left as in the image. Other columns are not used.

    Raises:
        DataError: the file cannot be read, or a row has no such values (names the row).
    """

    def __init__(self, path: pathlib.Path):
        self._faces: dict[tuple[pathlib.Path, int], list[DetectedFace]] = {}
        try:
            require_regular(path)
            with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
                reader = csv.DictReader(file, skipinitialspace=True)
                self._require_columns(path, reader.fieldnames or ())
                for row in reader:
                    self._add(path, reader.line_num, row)
        except OSError as error:
            raise DataError(f"Cannot read the boxes in {path}: {error.strerror or error}.") from None
        except csv.Error as error:
            raise DataError(f"{path} is no CSV file: {error}.") from None

    def of(self, frame: Frame) -> list[DetectedFace]:
        """Faces of a picture or of a frame; none where the file names none."""
        return self._faces.get((frame.file.resolve(), frame.number), [])

    def _require_columns(self, path: pathlib.Path, names) -> None:
        if missing := [name for name in ("image", *_BOX) if name not in names]:
            raise DataError(
                f"{path} has no column {missing[0]!r}. Its first line must name the columns image, x, y, width, height."
            )

    def _add(self, path: pathlib.Path, line: int, row: Mapping[str, str]) -> None:
        try:
            frame = int(row.get("frame") or 0)
            box = tuple(float(row[name]) for name in _BOX)
            points = next((_points(row, names) for names in (_LANDMARKS, _EYES) if row.get(names[0])), None)
        except (TypeError, ValueError, KeyError) as error:
            raise DataError(f"{path}, line {line}: no box ({error}).") from None
        if not np.isfinite(box).all() or min(box[2:]) <= 0:
            raise DataError(f"{path}, line {line}: the box {list(box)} has no area.")
        image = (path.parent / pathlib.Path(row["image"]).expanduser()).resolve()
        self._faces.setdefault((image, frame), []).append(DetectedFace(box, points))


def _points(row: Mapping[str, str], names: tuple[str, ...]) -> np.ndarray:
    return np.array([float(row[name]) for name in names]).reshape(-1, 2)
