"""What the web page asks for: a picture or a video in, JSON values out. Nothing here knows of HTTP."""

from __future__ import annotations

import base64
import pathlib
import tempfile
import threading
from collections import Counter, defaultdict
from typing import Any

import cv2
import numpy as np

from emojax.errors import Skip
from emojax.models.gcn import label_graph
from emojax.prediction.draw import annotate
from emojax.prediction.model import Model
from emojax.prediction.session import Options, Session
from emojax.prediction.tables import Row
from emojax.vision.images import decode_image, encode_jpeg

_NEIGHBOURS = 5
_SHOWN_SIDE = 1280  # pixels of a picture that goes back to the browser


class Service:
    """Answers for one model, one request after the other.

    Args:
        model: the trained system.
    """

    def __init__(self, model: Model):
        self._model, self._lock = model, threading.Lock()

    def about(self) -> dict[str, Any]:
        """Name, things, classes, dimensions, their range, and the label graph's neighbours by node."""
        model = self._model
        return {
            "name": model.config.name,
            "things": model.reader.things,
            "classes": list(model.labels.classes),
            "dimensions": list(model.labels.dimensions),
            "range": list(model.value_range),
            "neighbours": neighbours(model),
        }

    def picture(self, data: bytes) -> dict[str, Any]:
        """Faces or people of an encoded picture, and the picture with their boxes as JPEG in base64; raises Skip."""
        image = decode_image(data, "the picture", upright=True)
        with self._lock:
            found = self._model.detect_and_predict(np.ascontiguousarray(image[..., ::-1]))
        rows = [Row("", 0, None, None, f.box, f.score, f.probabilities, f.values, f.labels) for f in found]
        shown = annotate(image, rows, self._model.value_range)
        return {"found": [_json(row) for row in rows], "shown": _jpeg(shown), "width": image.shape[1]}

    def video(self, data: bytes) -> dict[str, Any]:
        """Means over the frames of each person of an encoded video, and its time line as PNG in base64.

        The video lies in a temporary folder while it is read.

        Raises:
            Skip: no video that can be read.
        """
        with tempfile.TemporaryDirectory(prefix="emojax_") as folder, self._lock:
            path = pathlib.Path(folder) / "upload.mp4"
            path.write_bytes(data)
            collected = _Collected()
            session = Session(self._model, Options(pathlib.Path(folder), annotated=False), collected)
            session.predict(path)
            if session.counts.skipped and not session.counts.videos:
                raise Skip("no_video", "the file has no video stream that can be read")
            drawn = sorted(pathlib.Path(folder).glob("annotated/*.timeline.png"))
            line = base64.b64encode(drawn[0].read_bytes()).decode() if drawn else ""
        return {"found": collected.means(), "timeline": line, "frames": session.counts.frames}


class _Collected:
    """In the place of `Tables`: the rows of each person added up."""

    def __init__(self):
        self._sums, self._counts = defaultdict(Counter), Counter()
        self._boxes: dict[int, Row] = {}

    def write(self, row: Row) -> None:
        number = row.track or 0
        self._sums[number].update({**row.probabilities, **{f"value {k}": v for k, v in row.values.items()}})
        self._counts[number] += 1
        self._boxes.setdefault(number, row)

    def means(self) -> list[dict[str, Any]]:
        """One entry a person, the longest seen first."""
        entries = []
        for number, count in self._counts.most_common():
            first, sums = self._boxes[number], self._sums[number]
            row = Row(
                *("", 0, first.seconds, number, first.box, first.score),
                {name: sums[name] / count for name in first.probabilities},
                {name: sums[f"value {name}"] / count for name in first.values},
            )
            entries.append({**_json(row), "frames": count})
        return entries


def neighbours(model: Model) -> dict[str, list[tuple[str, float]]]:
    """Node of the label graph -> those that it receives most from, with the weights; empty without a graph."""
    matrix = label_graph(model.constants)
    if matrix is None:
        return {}
    names = (*model.labels.classes, *model.labels.dimensions)[: len(matrix)]
    result = {}
    for i, name in enumerate(names):
        order = [j for j in np.argsort(-matrix[i]) if j != i and matrix[i, j] > 0][:_NEIGHBOURS]
        result[name] = [(names[j], round(float(matrix[i, j]), 4)) for j in order]
    return result


def _json(row: Row) -> dict[str, Any]:
    return {
        "box": [round(value, 1) for value in row.box],
        "score": round(row.score, 3),
        "label": row.label,
        "probabilities": {name: round(value, 4) for name, value in row.probabilities.items()},
        "values": {name: round(value, 4) for name, value in row.values.items()},
    }


def _jpeg(image: np.ndarray) -> str:
    scale = _SHOWN_SIDE / max(image.shape[:2])
    small = image if scale >= 1 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return base64.b64encode(encode_jpeg(small, 90)).decode()
