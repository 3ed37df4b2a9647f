"""OULU-CASIA as distributed: ``OriginalImg/VL/Strong/P001/Anger/000.jpeg`` (image_sequences spec 1.3)."""

from __future__ import annotations

import os
import pathlib

from data_prep.locate import find_entry, find_folders, holdings, only
from data_prep.sequences.video import Raw, Video
from emojax.errors import DataError
from emojax.labels import OULU_EMOTIONS

EMOTION_FOLDERS = {name: name.capitalize() for name in OULU_EMOTIONS}
MODALITIES = ("VL", "NI")
ILLUMINATIONS = ("Strong", "Weak", "Dark")
_FINNISH = 50  # P001 .. P050; the others are Chinese


def find_oulu(folder: pathlib.Path, modality: str = "VL", illumination: str = "Strong") -> Raw:
    """Finds the folders of frames of every subject in `folder` or below it.

    Args:
        folder: of the data set.
        modality: ``VL`` (visible light) or ``NI`` (near infrared).
        illumination: of `ILLUMINATIONS`.

    Raises:
        DataError: there are no such folders, or one subject is there twice.
    """
    root = only(find_folders(folder, lambda f: _subset(f, modality, illumination) is not None), "OULU-CASIA")
    subset = _subset(root, modality, illumination) if root else None
    if subset is None:
        raise DataError(
            f"{folder} is no OULU-CASIA: no folder in it holds {modality}/{illumination}/P001/Anger; it "
            f"holds {holdings(folder)}. Generate a synthetic one: python -m data_prep.synthetic oulu_casia --out RAW"
        )
    videos, seen = [], {}
    emotions = {name.lower(): label for label, name in enumerate(OULU_EMOTIONS)}
    for person in sorted(path for path in subset.iterdir() if _number(path) is not None):
        subject = f"P{_number(person):03d}"
        for path in sorted(p for p in person.iterdir() if p.is_dir() and p.name[0] != "."):
            label, where = emotions.get(path.name.lower(), -1), f"{person.name}/{path.name}"
            fault = ()
            if label < 0:
                fault = ("unknown_emotion", f"{path.name!r} is none of {', '.join(EMOTION_FOLDERS.values())}")
            elif (subject, label) in seen:
                raise DataError(
                    f"{seen[subject, label]} and {where} in {subset} are the same subject and emotion: remove one."
                )
            seen[subject, label] = where
            videos.append(Video(os.fspath(path), subject, path.name.capitalize(), label, where, fault))
    return Raw(subset, tuple(videos))


def group_of(subject: str) -> str:
    """``finnish`` or ``chinese``, from the number of a subject."""
    return "finnish" if int(subject[1:]) <= _FINNISH else "chinese"


def _subset(folder: pathlib.Path, modality: str, illumination: str) -> pathlib.Path | None:
    parent = find_entry(folder, modality)
    path = find_entry(parent, illumination) if parent and os.path.isdir(parent) else None
    if path is None or not os.path.isdir(path):
        return None
    path = pathlib.Path(path)
    return path if any(_number(p) is not None for p in path.iterdir()) else None


def _number(path: pathlib.Path) -> int | None:
    """Of a subject's folder, ``P012``: 12; None for anything else."""
    digits = path.name[1:]
    return int(digits) if path.name[:1].upper() == "P" and digits.isdecimal() and path.is_dir() else None
