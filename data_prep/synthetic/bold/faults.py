"""Deliberately bad annotations and files, as they occur in data sets of videos, to show how they are reported."""

from __future__ import annotations

import pathlib
import shutil

import numpy as np

_FIRST_CATEGORY, _FIRST_VALUE = 4, 30


def add_faults(out: pathlib.Path, rows: list[list]) -> list[list]:
    """Rows to append to the training annotation; their files are written below `out`, those of the first row exist."""
    good = rows[0]
    changes = {
        "confidence_out_of_range": {_FIRST_CATEGORY: "1.50"},
        "no_category": {i: "0" for i in range(_FIRST_CATEGORY, _FIRST_VALUE)},
        "value_out_of_range": {_FIRST_VALUE: "11"},
        "bad_row": {_FIRST_VALUE + 1: "high"},
        "unknown_person": {1: 77},
        "fewer_frames_than_annotated": {3: 100_000},
    }
    bad = [[change.get(i, value) for i, value in enumerate(good)] for change in changes.values()]
    for name, write in _FILES.items():
        clip = f"009/{name}.mp4/0000.mp4"
        video, joints = out / "videos" / clip, (out / "joints" / clip).with_suffix(".npy")
        for path in (video, joints):
            path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(out / "videos" / good[0], video)
        shutil.copy((out / "joints" / good[0]).with_suffix(".npy"), joints)
        write(video, joints)
        bad.append([clip, *good[1:]])
    return bad


def _lose_person(video: pathlib.Path, joints: pathlib.Path) -> None:
    table = np.load(joints)
    table[:, 2:] = 0
    np.save(joints, table)


# Reason of the skip -> changes the copied files (video, joints).
_FILES = {
    "missing_clip": lambda video, joints: video.unlink(),
    "unreadable_clip": lambda video, joints: video.write_bytes(b"no video"),
    "missing_joints": lambda video, joints: joints.unlink(),
    "unreadable_joints": lambda video, joints: np.save(joints, np.zeros((3, 5))),
    "person_never_visible": _lose_person,
}
