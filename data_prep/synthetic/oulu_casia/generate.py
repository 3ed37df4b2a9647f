"""Draws a synthetic OULU-CASIA in its raw layout (see `data_prep.oulu_casia.raw`)."""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib

from data_prep.oulu_casia.raw import EMOTION_FOLDERS
from data_prep.synthetic.expressions.clip import Clip
from data_prep.synthetic.expressions.generate import LANDMARKS, Settings, Task, generate, write_frames

DEFAULT = Settings(frames=17)
_FOLDER = "OriginalImg/VL/Strong"


def draw(out: pathlib.Path, settings: Settings, workers: int) -> int:
    """Draws 6 videos a subject into `out`; returns their number. Errors: `generate`."""
    turn = math.radians(settings.turn)
    tasks = [
        Task(
            os.fspath(out),
            Clip(person, name, "apex", settings.frames, settings.size, turn=turn, seed=settings.seed),
            f"{_FOLDER}/P{person + 1:03d}/{folder}",
            write_frames,
        )
        for person in range(settings.subjects)
        for name, folder in EMOTION_FOLDERS.items()
    ]
    content = {"dataset": "oulu_casia", **dataclasses.asdict(settings), "size": list(settings.size)}
    generate(out, "OULU-CASIA", content, tasks, _add_faults if settings.faults else None, workers)
    return len(tasks)


def _add_faults(out: pathlib.Path) -> None:
    """Spoils frames and landmarks of the first person (reason of the skip in the comment)."""
    videos, marks = out / _FOLDER / "P001", out / LANDMARKS / "P001"
    (videos / "Boredom").mkdir()  # unknown_emotion
    (marks / "Anger.csv").unlink()  # no_landmark_file
    for frame in (videos / "Disgust").iterdir():
        frame.write_bytes(frame.read_bytes()[:200])  # truncated_image in every frame
    for frame in (videos / "Happiness").iterdir():
        frame.unlink()  # no_frames
