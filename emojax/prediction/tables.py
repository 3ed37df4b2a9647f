"""`predictions.csv` and `predictions.jsonl`: one row a face, written as the frames come."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import json
import pathlib
from collections.abc import Mapping

from emojax.files import replacing
from emojax.labels import Labels


@dataclasses.dataclass(frozen=True)
class Row:
    """One face.

    Attributes:
        file: of the picture or video.
        frame: number of the frame, from 0.
        seconds: from the start of the video; None for a picture.
        track: number of the person in the video; None for a picture.
        box: x, y, width, height in pixels.
        score: of the detector.
        probabilities: class -> probability.
        values: dimension -> value.
        labels: of a system of several labels, those that the person has; empty otherwise.
    """

    file: str
    frame: int
    seconds: float | None
    track: int | None
    box: tuple[float, ...]
    score: float
    probabilities: Mapping[str, float]
    values: Mapping[str, float]
    labels: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The most probable class, or all labels of the person, ``a;b``; empty without classes."""
        return ";".join(self.labels) or max(self.probabilities, key=self.probabilities.get, default="")


class Tables(contextlib.ExitStack):
    """Both files of a folder; each appears when all is written, and not at all after an error.

    Args:
        out: the folder.
        labels: of the system; the columns of the CSV file.
    """

    def __init__(self, out: pathlib.Path, labels: Labels):
        super().__init__()
        self.paths = (out / "predictions.csv", out / "predictions.jsonl")
        self._labels = labels

    def __enter__(self) -> Tables:
        super().__enter__()
        as_it_is = {"newline": "", "encoding": "utf-8", "errors": "surrogateescape"}
        csv_name, json_name = (self.enter_context(replacing(path)) for path in self.paths)
        self._csv = csv.writer(self.enter_context(csv_name.open("w", **as_it_is)))
        self._json = self.enter_context(json_name.open("w", **as_it_is))
        box = ("x", "y", "width", "height")
        labels = [*self._labels.classes, *self._labels.dimensions]
        self._csv.writerow(["file", "frame", "seconds", "track", *box, "score", "label", *labels])
        return self

    def write(self, row: Row) -> None:
        """Adds a face."""
        box = [round(value, 2) for value in row.box]
        seconds = None if row.seconds is None else round(row.seconds, 4)
        score = round(row.score, 4)
        classes = [row.probabilities.get(name, "") for name in self._labels.classes]
        values = [row.values.get(name, "") for name in self._labels.dimensions]
        numbers = [f"{v:.6f}" if v != "" else "" for v in (*classes, *values)]
        where = [
            row.file,
            row.frame,
            "" if seconds is None else seconds,
            "" if row.track is None else row.track,
        ]
        self._csv.writerow([*where, *box, score, row.label, *numbers])
        content = {
            "file": row.file,
            "frame": row.frame,
            "seconds": seconds,
            "track": row.track,
            "box": box,
            "score": score,
            "label": row.label or None,
            "probabilities": dict(row.probabilities),
            "values": dict(row.values),
        }
        self._json.write(json.dumps(content, ensure_ascii=True) + "\n")
