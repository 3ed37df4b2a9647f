"""Faces found in the frames of a film, and which of them is a person's (affwild_gan spec 1.2; affwild_cnn_rnn 1.5)."""

from __future__ import annotations

import collections
import csv
import math
import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from emojax.errors import Skip

COLUMNS = ("frame", "x1", "y1", "x2", "y2")


class Box(NamedTuple):
    """A face in pixels, corners included-excluded, and how sure the detector is."""

    x1: float
    y1: float
    x2: float
    y2: float
    score: float = 1.0

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2


def read_boxes(path: str | os.PathLike) -> dict[int, list[Box]]:
    """Frame number, from 1 -> the faces in it.

    The file is a CSV with the columns frame, x1, y1, x2, y2 and, where there is one, score.

    Raises:
        Skip: `missing_boxes` or `malformed_boxes`, with the line.
    """
    found: dict[int, list[Box]] = collections.defaultdict(list)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            if not set(COLUMNS) <= set(reader.fieldnames or ()):
                raise Skip("malformed_boxes", f"{path} lacks a column of {', '.join(COLUMNS)}")
            for row in reader:
                frame, box = _box(row, f"{path} line {reader.line_num}")
                found[frame].append(box)
    except (OSError, UnicodeError, csv.Error) as error:
        raise Skip("missing_boxes", f"{path}: {error}") from None
    return dict(found)


def _box(row: Mapping[str, str | None], where: str) -> tuple[int, Box]:
    try:
        frame = int(float(row["frame"] or ""))
        box = Box(*(float(row[name] or "") for name in COLUMNS[1:]), float(row.get("score") or 1))
    except ValueError:
        raise Skip("malformed_boxes", f"{where} holds no frame number and four numbers of pixels") from None
    if not all(map(math.isfinite, box)) or box.x1 >= box.x2 or box.y1 >= box.y2 or frame < 1:
        raise Skip("malformed_boxes", f"{where}: no frame from 1, or no box: {box[:4]}")
    return frame, box


def faces_of(found: Mapping[int, Sequence[Box]], side: str = "") -> dict[int, Box]:
    """The face of one person in each frame that shows it.

    Of a film of one person it is the one the detector is surest of (affwild_gan spec G21). Of a film of two it is the
    left or right one where two are found (the surest two of more), and where one is found it belongs to the person
    whose last face was nearer (affwild_cnn_rnn spec 1.5, step 3a).

    Args:
        found: as `read_boxes`.
        side: `left`, `right`, or empty for a film of one person.
    """
    if not side:
        return {frame: max(boxes, key=lambda box: box.score) for frame, boxes in found.items() if boxes}
    last: dict[str, Box] = {}
    faces = {}
    for frame in sorted(found):
        boxes = sorted(sorted(found[frame], key=lambda b: -b.score)[:2], key=lambda b: b.centre[0])
        if len(boxes) == 2:
            last = dict(zip(("left", "right"), boxes))
        elif boxes and last:
            last[min(last, key=lambda s: math.dist(last[s].centre, boxes[0].centre))] = boxes[0]
        if side in last and last[side] in boxes:
            faces[frame] = last[side]
    return faces
