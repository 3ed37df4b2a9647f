"""Draws a synthetic SASE-FE in its raw layout (see `data_prep.sasefe.raw`)."""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib

from data_prep.sasefe.raw import CODES, FOLDER
from data_prep.synthetic.expressions.clip import Clip
from data_prep.synthetic.expressions.generate import LANDMARKS, Settings, Task, generate, write_video

DEFAULT = Settings()


def draw(out: pathlib.Path, settings: Settings, workers: int) -> int:
    """Draws 12 videos a subject into `out`; returns their number. Errors: `generate`."""
    tasks = [
        Task(
            os.fspath(out),
            _clip(person, code, settings),
            f"{FOLDER}/{subject_name(person)}/{code}.mp4",
            write_video,
        )
        for person in range(settings.subjects)
        for code in CODES
    ]
    content = {"dataset": "sasefe", **dataclasses.asdict(settings), "size": list(settings.size)}
    generate(out, "SASE-FE", content, tasks, _add_faults if settings.faults else None, workers)
    return len(tasks)


def subject_name(person: int) -> str:
    """Folder of a drawn subject."""
    return f"Person{person:02d}"


def _clip(person: int, code: str, settings: Settings) -> Clip:
    kind = CODES[code]
    return Clip(
        person,
        kind.emotion,
        "posed" if kind.deceptive else "felt",
        settings.frames,
        settings.size,
        kind.induced,
        math.radians(settings.turn),
        settings.seed,
    )


def _add_faults(out: pathlib.Path) -> None:
    """Spoils videos and landmarks of the first person (reason of the skip in the comment)."""
    videos, marks = out / FOLDER / subject_name(0), out / LANDMARKS / subject_name(0)
    (videos / "N2A.mp4").write_bytes(b"no video")  # unreadable_video
    (videos / "X2Y.mp4").write_bytes(b"no code")  # unknown_code
    (marks / "N2C.csv").unlink()  # no_landmark_file
    header, *rows = [line.split(",") for line in (marks / "N2D.csv").read_text().splitlines()]
    moved = [[*row[:5], *(f"{float(v) + 5000:.2f}" for v in row[5:])] for row in rows]
    spoilt = {
        "N2D": [header],  # no_face in every frame
        "N2H": [row[:-1] for row in (header, *rows)],  # bad_landmark_file: 67 y
        "N2S": [header, *moved],  # landmarks_outside in every frame
    }
    for code, lines in spoilt.items():
        (marks / f"{code}.csv").write_text("\n".join(",".join(line) for line in lines))
