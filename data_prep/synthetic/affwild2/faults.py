"""Deliberately bad rows, files and videos, of the kinds downloads contain, to show how they are reported."""

from __future__ import annotations

import pathlib
import shutil

import cv2
import numpy as np

from data_prep.affwild2.frames import face_name
from data_prep.affwild2.raw import EXPRESSION_HEADERS, VA_HEADERS
from data_prep.synthetic.affectnet.faults import damaged_pictures
from data_prep.synthetic.affwild2.files import expression_path, face_folder, va_path

_GOOD = ("0", "0.1,0.2")  # an expression row and a valence-arousal row


def add_faults(out: pathlib.Path, good: str, validation: str) -> None:
    """Adds bad videos to the training set in `out`.

    `good` is the name of a video with faces, `validation` that of a validation video.
    """
    picture = next(iter(sorted(face_folder(out, good).glob("*.jpg")))).read_bytes()
    rows = [
        _GOOD,
        ("happy?", _GOOD[1]),
        (_GOOD[0], "0.1"),
        (_GOOD[0], "0.1,calm"),
        ("9", _GOOD[1]),
        ("7", _GOOD[1]),
        (_GOOD[0], "1.7,0.2"),
    ]
    damaged = damaged_pictures(picture)
    damaged["oblong"] = _oblong(picture)
    first_damaged = len(rows) + 1
    _write(out, "faults_rows", picture, [*rows, *[_GOOD] * len(damaged)])
    for number, data in enumerate(damaged.values(), first_damaged):
        (face_folder(out, "faults_rows") / face_name(number)).write_bytes(data)
    _write(out, "faults_short_va", picture, [_GOOD] * 6, va=4)
    _write(out, "faults_short_expression", picture, [_GOOD] * 6, expressions=4)
    _write(out, "faults_more_faces", picture, [_GOOD] * 6, expressions=5, va=5)
    _write(out, "faults_no_folder", picture, [_GOOD] * 2)
    shutil.rmtree(face_folder(out, "faults_no_folder"))
    # Another person of a validation video, in training.
    _write(out, f"{validation}_right", picture, [_GOOD] * 3)


def _write(
    out: pathlib.Path,
    name: str,
    picture: bytes,
    rows: list[tuple[str, str]],
    *,
    expressions: int | None = None,
    va: int | None = None,
) -> None:
    """A training video with one face a row, of whose annotations the first so many rows are written."""
    said, values = [row[0] for row in rows][:expressions], [row[1] for row in rows][:va]
    expression_path(out, "train", name).write_text("\n".join([EXPRESSION_HEADERS[0], *said]) + "\n")
    va_path(out, "train", name).write_text("\n".join([VA_HEADERS[0], *values]) + "\n")
    folder = face_folder(out, name)
    folder.mkdir()
    for number in range(1, len(rows) + 1):
        (folder / face_name(number)).write_bytes(picture)


def _oblong(picture: bytes) -> bytes:
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    return cv2.imencode(".jpg", image[: 3 * len(image) // 4])[1].tobytes()
