"""Draws videos of expressions in the raw layout of a data set, and their landmarks as OpenFace writes them."""

from __future__ import annotations

import csv
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import cv2
import numpy as np

from data_prep.parallel import advance, parallel_map
from data_prep.synthetic.claim import claim, mark
from data_prep.synthetic.expressions.clip import Clip, draw_clip
from emojax.errors import ConfigError, DataError

LANDMARKS = "landmarks"
_POINTS = range(68)
_HEADER = (
    "frame",
    "face_id",
    "timestamp",
    "confidence",
    "success",
    *(f"{a}_{i}" for a in "xy" for i in _POINTS),
)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What decides the content of the data set.

    Attributes:
        subjects: people; each shows every class once.
        frames: of a clip.
        size: width and height of the frames in pixels.
        turn: largest turn of a head to the side, in degrees.
        seed: the same seed draws the same frames.
        faults: add bad folders, videos and landmarks.
    """

    subjects: int = 20
    frames: int = 40
    size: tuple[int, int] = (200, 160)
    turn: int = 45
    seed: int = 0
    faults: bool = False

    def __post_init__(self):
        if self.subjects < 5 or self.frames < 2 or not 0 <= self.turn <= 60:
            raise ConfigError(
                "Synthetic expressions need --subjects >= 5, --frames >= 2 and --turn 0..60, not "
                f"{self.subjects}, {self.frames} and {self.turn}."
            )


@dataclasses.dataclass(frozen=True)
class Task:
    """A clip and the file or folder that its frames go to, relative to the data set."""

    out: str
    clip: Clip
    name: str
    write: Callable[[pathlib.Path, Iterable[np.ndarray], tuple[int, int]], None]


def generate(
    out: pathlib.Path,
    title: str,
    content: Mapping,
    tasks: Sequence[Task],
    add_faults: Callable[[pathlib.Path], None] | None,
    workers: int,
) -> None:
    """Draws the clips into `out`; does nothing when it already holds the same data set.

    Raises:
        DataError: `out` holds something else or cannot be written.
    """
    try:
        if not claim(out, title, content):
            list(parallel_map(_write, tasks, workers=workers, total=len(tasks), title="generating clips"))
            if add_faults is not None:
                add_faults(out)
            mark(out, content, complete=True)
    except OSError as error:
        raise DataError(f"Cannot write a synthetic {title} to {out}: {error.strerror or error}.") from error


def _write(task: Task) -> None:
    """Draws and writes one clip and its landmarks (worker)."""
    out, landmarks = pathlib.Path(task.out), []

    def frames():
        for image, points, _ in draw_clip(task.clip):
            landmarks.append(points)
            yield np.ascontiguousarray(image[..., ::-1])

    path = out / task.name
    path.parent.mkdir(parents=True, exist_ok=True)
    task.write(path, frames(), task.clip.size)
    write_landmarks(out / LANDMARKS / pathlib.Path(*path.parts[-2:]).with_suffix(".csv"), landmarks)
    advance()


def write_landmarks(path: pathlib.Path, landmarks: Sequence[np.ndarray]) -> None:
    """A file as OpenFace's FeatureExtraction writes it: a row a frame, frames from 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        for number, points in enumerate(landmarks, 1):
            writer.writerow([number, 0, 0, 1, 1, *(f"{v:.2f}" for v in points.T.ravel())])


def write_video(path: pathlib.Path, frames: Iterable[np.ndarray], size: tuple[int, int]) -> None:
    """An MPEG-4 file."""
    video = cv2.VideoWriter(os.fspath(path), cv2.VideoWriter_fourcc(*"mp4v"), 100.0, size)
    if not video.isOpened():
        raise DataError(f"OpenCV cannot write the video {path}.")
    for frame in frames:
        video.write(frame)
    video.release()


def write_frames(path: pathlib.Path, frames: Iterable[np.ndarray], size: tuple[int, int]) -> None:
    """A folder of JPEG files ``000.jpeg``, ``001.jpeg``, ..."""
    path.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames):
        cv2.imwrite(os.fspath(path / f"{number:03d}.jpeg"), frame, (cv2.IMWRITE_JPEG_QUALITY, 95))
