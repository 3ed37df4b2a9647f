"""Pictures and videos with boxes, class bars and the valence / arousal plane drawn on them."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from emojax.errors import OutputError
from emojax.files import replacing
from emojax.prediction.tables import Row
from emojax.vision.images import encode_jpeg

_BOX, _TEXT, _DARK, _BAR = (80, 200, 60), (255, 255, 255), (30, 30, 30), (230, 160, 40)  # BGR
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SHOWN = 3  # classes of each face


def annotate(
    image: np.ndarray, rows: Sequence[Row], value_range: tuple[float, float] = (-1.0, 1.0)
) -> np.ndarray:
    """A copy of a picture ``[H, W, 3]`` BGR with its faces, their likeliest classes and values.

    Text has one size in pixels of the picture, so it can be read in a picture of any size. `value_range` is that of
    valence and arousal.
    """
    picture = image.copy()
    unit = max(image.shape[0], image.shape[1]) / 1000
    for row in rows:
        _draw_face(picture, row, max(unit, 0.35), value_range)
    return picture


def _draw_face(picture: np.ndarray, row: Row, unit: float, value_range: tuple[float, float]) -> None:
    x, y, width, height = (round(value) for value in row.box)
    line = max(round(2 * unit), 1)
    cv2.rectangle(picture, (x, y), (x + width, y + height), _BOX, line)
    step, font = round(20 * unit), 0.55 * unit
    shown = sorted(row.probabilities.items(), key=lambda item: -item[1])[:_SHOWN]
    lines = [(f"{name} {share:.0%}", share) for name, share in shown]
    if row.values:
        lines.append(
            (" ".join(f"{name[0].upper()} {value:+.2f}" for name, value in row.values.items()), None)
        )
    wide = max((cv2.getTextSize(text, _FONT, font, line)[0][0] for text, _ in lines), default=0) + round(
        12 * unit
    )
    top = y + height + step * len(lines)
    top = y + height if top <= picture.shape[0] else max(y - step * len(lines), 0)
    left = int(np.clip(x, 0, max(picture.shape[1] - wide, 0)))
    for i, (text, share) in enumerate(lines):
        low = top + i * step
        _shade(picture, left, low, wide, step, _DARK, 0.65)
        if share is not None:
            _shade(picture, left, low, round(wide * share), step, _BAR, 0.6)
        at = (left + round(6 * unit), low + round(15 * unit))
        cv2.putText(picture, _plain(text), at, _FONT, font, _TEXT, max(round(1.3 * unit), 1), cv2.LINE_AA)
    if {"valence", "arousal"} <= row.values.keys():
        low, high = value_range
        shares = {name: 2 * (value - low) / (high - low) - 1 for name, value in row.values.items()}
        _draw_plane(picture, shares, x + width + line, y, round(70 * unit))


def _draw_plane(picture: np.ndarray, values: Mapping[str, float], left: int, top: int, side: int) -> None:
    """The plane of valence (to the right) and arousal (up), each from -1 to 1, with a dot."""
    left = int(np.clip(left, 0, max(picture.shape[1] - side, 0)))
    top = int(np.clip(top, 0, max(picture.shape[0] - side, 0)))
    _shade(picture, left, top, side, side, _DARK, 0.65)
    middle = (left + side // 2, top + side // 2)
    cv2.line(picture, (left, middle[1]), (left + side, middle[1]), _TEXT, 1)
    cv2.line(picture, (middle[0], top), (middle[0], top + side), _TEXT, 1)
    valence, arousal = (float(np.clip(values[name], -1, 1)) for name in ("valence", "arousal"))
    dot = (round(left + (valence + 1) / 2 * side), round(top + (1 - arousal) / 2 * side))
    cv2.circle(picture, dot, max(side // 14, 2), _BAR, -1, cv2.LINE_AA)


def _shade(picture: np.ndarray, x: int, y: int, width: int, height: int, colour, share: float) -> None:
    part = picture[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
    part[:] = (part * (1 - share) + np.array(colour) * share).astype(np.uint8)


def _plain(text: str) -> str:
    """OpenCV draws ASCII alone."""
    return text.encode("ascii", "replace").decode()


def write_picture(path: pathlib.Path, image: np.ndarray) -> None:
    """Writes a JPEG of a picture ``[H, W, 3]`` BGR."""
    with replacing(path) as temporary:
        temporary.write_bytes(encode_jpeg(image))


class VideoWriter:
    """Writes frames of one size to an MP4; a context manager: after an error there is no file.

    Args:
        path: of the file.
        frames_per_second: as played.
    """

    def __init__(self, path: pathlib.Path, frames_per_second: float):
        self._path, self._rate = path, frames_per_second
        self._temporary = path.with_name(f"{path.stem}.{os.getpid()}.tmp.mp4")
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def write(self, image: np.ndarray) -> None:
        """Adds a frame ``[H, W, 3]`` BGR; one of another size is resized."""
        if self._writer is None:
            height, width = image.shape[:2]
            self._size = (width - width % 2, height - height % 2)  # MPEG-4 wants even sides
            self._path.parent.mkdir(parents=True, exist_ok=True)
            codec = cv2.VideoWriter_fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(os.fspath(self._temporary), codec, self._rate, self._size)
            if not self._writer.isOpened():
                raise OutputError(
                    f"Cannot write {self._path}: OpenCV has no encoder for it. Use --no_annotated."
                )
        if image.shape[1::-1] != self._size:
            image = cv2.resize(image, self._size)
        self._writer.write(image)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if self._writer is None:
            return
        self._writer.release()
        if kind is None:
            os.replace(self._temporary, self._path)
        else:
            self._temporary.unlink(missing_ok=True)
