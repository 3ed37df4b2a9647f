"""Writes faces and annotations in the raw layout of Aff-Wild2, which `data_prep.affwild2.raw` reads."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

import cv2
import numpy as np

from data_prep.affwild2.frames import CODE_TO_CLASS, INVALID, NOT_ANNOTATED, face_name
from data_prep.affwild2.raw import (
    EXPRESSION_FOLDERS,
    EXPRESSION_HEADERS,
    SPLIT_FOLDERS,
    VA_FOLDERS,
    VA_HEADERS,
)

FACES = "cropped_aligned"
ANNOTATIONS = "annotations"


@dataclasses.dataclass(frozen=True)
class FrameLabels:
    """Annotation of one frame: class index or None, (valence, arousal) or None."""

    label: int | None
    valence_arousal: tuple[float, float] | None

    def expression_row(self) -> str:
        return str(NOT_ANNOTATED if self.label is None else CODE_TO_CLASS.index(self.label))

    def va_row(self) -> str:
        if self.valence_arousal is None:
            return f"{INVALID:g},{INVALID:g}"
        return ",".join(f"{value:.3f}" for value in self.valence_arousal)


def expression_path(out: pathlib.Path, split: str, name: str) -> pathlib.Path:
    """Text file of a video's expressions."""
    return out / ANNOTATIONS / EXPRESSION_FOLDERS[0] / SPLIT_FOLDERS[split][0] / f"{name}.txt"


def va_path(out: pathlib.Path, split: str, name: str) -> pathlib.Path:
    """Text file of a video's valence and arousal."""
    return out / ANNOTATIONS / VA_FOLDERS[0] / SPLIT_FOLDERS[split][0] / f"{name}.txt"


def write_expressions(path: pathlib.Path, labels: Sequence[FrameLabels]) -> None:
    _write(path, EXPRESSION_HEADERS[0], [frame.expression_row() for frame in labels])


def write_va(path: pathlib.Path, labels: Sequence[FrameLabels]) -> None:
    _write(path, VA_HEADERS[0], [frame.va_row() for frame in labels])


def face_folder(out: pathlib.Path, name: str) -> pathlib.Path:
    """Folder of a video's faces."""
    return out / FACES / name


def write_face(folder: pathlib.Path, number: int, image: np.ndarray) -> None:
    """Writes the face (RGB) of frame `number`, from 1."""
    data = cv2.imencode(".jpg", image[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 95))[1]
    (folder / face_name(number)).write_bytes(data.tobytes())


def _write(path: pathlib.Path, header: str, rows: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")
