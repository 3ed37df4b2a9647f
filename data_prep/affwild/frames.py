"""The frames of a track with their labels and faces."""

from __future__ import annotations

import csv
import dataclasses
import functools
import math
import os
from collections.abc import Iterator

import cv2
import numpy as np

from data_prep.affwild.boxes import Box, faces_of, read_boxes
from data_prep.affwild.films import film
from data_prep.affwild.joystick import mean_values, numbers, read_lines, read_series
from data_prep.affwild.pictures import face_files
from data_prep.affwild.tracks import CATEGORY_NAMES, Track
from emojax.errors import Skip
from emojax.vision.images import read_image


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame of a track.

    Attributes:
        track: whose it is.
        number: from 1.
        face: path of the cropped face, or its box in the film; None where none was found.
        values: valence and arousal as annotated; None without.
        category: index of AFFWILD_CLASSES; None where nobody says one.
        problem: why the whole track cannot be used.
    """

    track: Track
    number: int
    face: str | Box | None = None
    values: tuple[float, float] | None = None
    category: int | None = None
    problem: Skip | None = None

    @property
    def source(self) -> str:
        """Identifies the face, stored as `source_id`."""
        return f"{self.track.name}/{self.number:06d}"

    def valence_arousal(self) -> tuple[float, float]:
        """Both in [-1, 1]; raises Skip: `no_label`, `not_annotated` (-5 and the like) or `out_of_range`."""
        if self.values is None:
            raise Skip("no_label", "no valence and arousal")
        if not all(map(math.isfinite, self.values)) or min(self.values) <= -2:
            raise Skip("not_annotated", f"valence, arousal {self.values}")
        if max(map(abs, self.values)) > 1:
            raise Skip("out_of_range", f"valence, arousal {self.values} are not in [-1, 1]")
        return self.values

    def picture(self) -> np.ndarray:
        """The face ``[H, W, 3]`` uint8 BGR.

        Raises:
            Skip: `no_face`, `box_outside`, or what `read_image` and `Film.frame` say.
        """
        if self.face is None:
            raise Skip("no_face", "no face was found in this frame")
        if isinstance(self.face, str):
            return read_image(self.face)
        return cut(film(self.track.video).frame(self.number), self.face)


def cut(frame: np.ndarray, box: Box) -> np.ndarray:
    """The pixels of a box, as far as it lies in the frame; no margin (affwild_gan spec G21). Raises Skip."""
    height, width = frame.shape[:2]
    x1, y1 = max(round(box.x1), 0), max(round(box.y1), 0)
    x2, y2 = min(round(box.x2), width), min(round(box.y2), height)
    if x2 - x1 < 2 or y2 - y1 < 2:
        raise Skip(
            "box_outside", f"the box {tuple(box[:4])} is not in the frame of {width} x {height} pixels"
        )
    return frame[y1:y2, x1:x2]


def resized(face: np.ndarray, size: int) -> np.ndarray:
    """The face at ``[size, size, 3]``: bilinear, antialiased where it shrinks, aspect ratio not kept (spec 1.6)."""
    shrinks = cv2.INTER_AREA if min(face.shape[:2]) > size else cv2.INTER_LINEAR
    return face if face.shape[:2] == (size, size) else cv2.resize(face, (size, size), interpolation=shrinks)


def read_frames(track: Track, start: int, stop: int, matching: str) -> Iterator[Frame]:
    """Frames start + 1 to stop of a track; one frame with a problem where the track cannot be used."""
    try:
        faces, values, categories = _table(track, matching)
    except Skip as problem:
        if start == 0:
            yield Frame(track, 1, problem=problem)
        return
    for number in range(start + 1, stop + 1):
        yield Frame(track, number, faces.get(number), values.get(number), categories.get(number))


@functools.lru_cache(maxsize=2)
def _table(track: Track, matching: str):
    """Faces, values and categories by frame number."""
    categories = read_categories(track.categories) if track.categories else {}
    if track.video:
        values = all_values(track, matching)
        return faces_of(read_boxes(track.boxes), track.side), values, categories
    if not os.path.isdir(track.faces):
        raise Skip("missing_video", f"no folder {track.faces} of faces")
    faces = face_files(track.faces)
    if not faces:
        raise Skip("no_face_in_video", f"{track.faces} holds no face, e.g. 000001.png")
    rows = label_rows(track)
    if not track.surviving:
        return faces, dict(enumerate(rows, 1)), categories
    if len(rows) != len(faces):
        detail = f"{track.rows[0]} has {len(rows)} lines, {track.faces} {len(faces)} faces: line i is that of face i"
        raise Skip("labels_do_not_fit", detail)
    return faces, dict(zip(faces, rows)), categories


def all_values(track: Track, matching: str) -> dict[int, tuple[float, float]]:
    """Valence and arousal of every frame of a film, from its joystick files.

    Raises:
        Skip: `one_pass_missing`, `missing_video`, `unreadable_video`, or what `read_series` says.
    """
    if not (track.valence and track.arousal):
        missing = "arousal" if track.valence else "valence"
        raise Skip("one_pass_missing", f"{track.name} has no {missing} annotation")
    film(track.video)  # raises where it is missing or unreadable
    columns = [
        mean_values([read_series(path) for path in files], track.num_frames, matching)
        for files in (track.valence, track.arousal)
    ]
    return {i: (float(v), float(a)) for i, (v, a) in enumerate(zip(*columns), 1)}


def label_rows(track: Track) -> list[tuple[float, float]]:
    """Valence and arousal of each line after the header; NaN where a line says none.

    Raises:
        Skip: `missing_annotation`; `passes_differ` where valence and arousal have files of other lengths.
    """
    columns = []
    for path in track.rows:
        try:
            lines = read_lines(path)
        except OSError as error:
            raise Skip("missing_annotation", f"{path}: {error.strerror or error}") from None
        if lines and not _is_row(lines[0], 3 - len(track.rows)):
            lines = lines[1:]  # header
        columns.append([_row(line, 3 - len(track.rows)) for line in lines])
    if len(columns) == 1:
        return [(row[0], row[1]) for row in columns[0]]
    if len(columns[0]) != len(columns[1]):
        detail = f"{track.rows[0]} and {track.rows[1]} have {len(columns[0])} and {len(columns[1])} lines"
        raise Skip("passes_differ", detail)
    return [(v[0], a[0]) for v, a in zip(*columns)]


def _row(line: str, count: int) -> list[float]:
    try:
        row = numbers(line)
    except ValueError:
        row = []
    return row if len(row) == count else [math.nan] * count


def _is_row(line: str, count: int) -> bool:
    try:
        return len(numbers(line)) == count
    except ValueError:
        return False


def read_categories(path: str) -> dict[int, int]:
    """Frame number -> index of AFFWILD_CLASSES, from a CSV with the columns frame and category.

    Raises:
        Skip: `malformed_categories`, with the line.
    """
    found: dict[int, int] = {}
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            for row in reader:
                name = (row.get("category") or "").strip().lower()
                try:
                    number = int(row.get("frame") or "")
                except ValueError:
                    number = 0
                if name not in CATEGORY_NAMES or number < 1:
                    detail = f"{path} line {reader.line_num}: a row is FRAME,CATEGORY with a frame from 1 and one of "
                    raise Skip("malformed_categories", f"{detail}{', '.join(sorted(CATEGORY_NAMES))}")
                found[number] = CATEGORY_NAMES[name]
    except (OSError, UnicodeError, csv.Error) as error:
        raise Skip("malformed_categories", f"{path}: {error}") from None
    return found
