"""The 68 landmarks of every frame of a video: from files as OpenFace writes them, or found by dlib (spec 1.5)."""

from __future__ import annotations

import csv
import dataclasses
import os
import pathlib
from collections.abc import Callable
from typing import Protocol

import numpy as np

from data_prep.sequences.video import Video
from emojax.errors import Skip

NUM_POINTS = 68
# Number of a frame from 0 and the frame [H, W, 3] uint8 BGR -> landmarks [68, 2] in its pixels, or None without a face.
OfFrame = Callable[[int, np.ndarray], np.ndarray | None]


class Landmarks(Protocol):
    """Where landmarks come from.

    Attributes:
        name: for the record of how a data set was made.
    """

    name: str

    def signature(self, video: Video) -> bytes:
        """Changes when the landmarks of a video change."""

    def of_video(self, video: Video) -> OfFrame:
        """Gives the landmarks of the frames of a video, asked for in their order; Skip where the video has none."""


@dataclasses.dataclass(frozen=True)
class LandmarkFiles:
    """A folder of CSV files, ``FOLDER/SUBJECT_FOLDER/VIDEO.csv``, one a video.

    A file has a header and a row a frame: ``frame`` (from 1), ``x_0`` ... ``x_67``, ``y_0`` ... ``y_67`` in pixels, and
    where a face may be missing ``success`` or ``confidence`` of 0. OpenFace's FeatureExtraction writes such files.
    """

    folder: str
    name = "files"

    def path(self, video: Video) -> str:
        return os.path.join(self.folder, os.fspath(pathlib.PurePosixPath(video.where).with_suffix(".csv")))

    def signature(self, video: Video) -> bytes:
        try:
            return b"%d" % os.stat(self.path(video)).st_size
        except OSError:
            return b"-1"

    def of_video(self, video: Video) -> OfFrame:
        """See `Landmarks`.

        Raises:
            Skip: `no_landmark_file` or `bad_landmark_file`.
        """
        path = self.path(video)
        try:
            with open(path, newline="", encoding="utf-8") as file:
                rows = list(csv.reader(file, skipinitialspace=True))
        except FileNotFoundError:
            raise Skip("no_landmark_file", f"no file {path}") from None
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise Skip("bad_landmark_file", f"{path}: {error}") from None
        columns = {name.strip(): i for i, name in enumerate(rows[0] if rows else ())}
        wanted = ["frame", *(f"{axis}_{i}" for axis in "xy" for i in range(NUM_POINTS))]
        missing = [name for name in wanted if name not in columns]
        if missing or f"x_{NUM_POINTS}" in columns:
            what = f"no column {missing[0]}" if missing else f"more than {NUM_POINTS} points"
            raise Skip("bad_landmark_file", f"{path} has {what}: it needs frame, x_0 ... x_67, y_0 ... y_67")
        found = {}
        for line, row in enumerate(rows[1:], 2):
            if row and _has_face(row, columns, f"{path}, line {line}"):
                number = int(_number(row, columns["frame"], f"{path}, line {line}")) - 1
                values = [_number(row, columns[name], f"{path}, line {line}") for name in wanted[1:]]
                found[number] = np.array(values).reshape(2, NUM_POINTS).T
        return lambda number, frame: found.get(number)


def _has_face(row: list[str], columns: dict[str, int], where: str) -> bool:
    return all(_number(row, columns[n], where) != 0 for n in ("success", "confidence") if n in columns)


def _number(row: list[str], column: int, where: str) -> float:
    try:
        value = float(row[column])
    except (ValueError, IndexError):
        raise Skip("bad_landmark_file", f"{where}: column {column + 1} is no number") from None
    if not np.isfinite(value):
        raise Skip("bad_landmark_file", f"{where}: column {column + 1} is {value}")
    return value
