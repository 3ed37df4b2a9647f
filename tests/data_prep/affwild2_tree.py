"""Small hand-written Aff-Wild2 folders, to be damaged one way at a time."""

from __future__ import annotations

import dataclasses
import pathlib

import cv2
import numpy as np

EXPRESSION_HEADER = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise"
VA_HEADER = "valence,arousal"
SIZE = 24


def grey_face(level: int, width: int = SIZE, height: int = SIZE) -> bytes:
    return cv2.imencode(".jpg", np.full((height, width, 3), level, np.uint8))[1].tobytes()


@dataclasses.dataclass
class Tree:
    """A raw folder: `a` in training and `b` in validation show every expression once."""

    root: pathlib.Path

    def __post_init__(self):
        self.expression_folder, self.va_folder = "EXPR_Set", "VA_Set"
        rows = [str(code) for code in range(7)]
        for name, split in (("a", "Train_Set"), ("b", "Validation_Set")):
            self.add(name, split, rows, [f"0.{i},-0.{i}" for i in range(1, 8)])

    @property
    def faces(self) -> pathlib.Path:
        return self.root / "cropped_aligned"

    @property
    def annotations(self) -> pathlib.Path:
        return self.root / "annotations"

    def path(self, folder: str, split: str, name: str) -> pathlib.Path:
        return self.annotations / folder / split / f"{name}.txt"

    def add(self, name, split, expressions=None, va=None, *, faces=None, va_split=None) -> None:
        """Adds a video. `faces`: numbers of the frames with a face, default one a row; their grey tells."""
        if expressions is not None:
            self._write(self.path(self.expression_folder, split, name), EXPRESSION_HEADER, expressions)
        if va is not None:
            self._write(self.path(self.va_folder, va_split or split, name), VA_HEADER, va)
        folder = self.faces / name
        folder.mkdir(parents=True)
        rows = max(len(expressions or ()), len(va or ()))
        for number in range(1, rows + 1) if faces is None else faces:
            (folder / f"{number:05d}.jpg").write_bytes(grey_face(10 * number))

    def _write(self, path: pathlib.Path, header: str, rows) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([header, *rows]) + "\n")
