"""Draws a synthetic SASE-FE in its raw layout (see `data_prep.sasefe.raw`)."""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib
import shutil

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
    """Bad videos of a person of their own, copied from good ones (reason of the skip in the comment)."""
    good, bad = (out / FOLDER / subject_name(i) for i in (0, 0))
    bad = out / FOLDER / "Broken"
    bad.mkdir()
    marks = out / LANDMARKS
    (marks / "Broken").mkdir()
    for code in ("N2A", "N2C", "N2D", "N2H", "N2S"):
        shutil.copy(good / f"{code}.mp4", bad / f"{code}.mp4")
        shutil.copy(marks / good.name / f"{code}.csv", marks / "Broken" / f"{code}.csv")
    (bad / "N2A.mp4").write_bytes(b"no video")  # unreadable_video
    (bad / "X2Y.mp4").write_bytes(b"no code")  # unknown_code
    (marks / "Broken" / "N2C.csv").unlink()  # no_landmark_file
    lines = (marks / "Broken" / "N2D.csv").read_text().splitlines()
    (marks / "Broken" / "N2D.csv").write_text("\n".join(lines[:1]))  # no_face in every frame
    rows = [line.split(",") for line in (marks / "Broken" / "N2H.csv").read_text().splitlines()]
    short = "\n".join(",".join(row[:-1]) for row in rows)
    (marks / "Broken" / "N2H.csv").write_text(short)  # bad_landmark_file: 67 y
    moved = [rows[0], *([*row[:5], *(f"{float(v) + 5000:.2f}" for v in row[5:])] for row in rows[1:])]
    (marks / "Broken" / "N2S.csv").write_text("\n".join(",".join(row) for row in moved))  # landmarks_outside
