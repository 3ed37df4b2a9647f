"""SASE-FE as distributed: ``FakeTrue_DB/SUBJECT/CODE.MP4`` (image_sequences spec 1.2)."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib

from data_prep.locate import find_folders, holdings, only
from data_prep.sequences.video import Raw, Video
from emojax.errors import DataError
from emojax.labels import SASE_EMOTIONS

FOLDER = "FakeTrue_DB"
_SUFFIXES = (".mp4", ".mov", ".avi")
_INITIALS = {
    "a": "anger",
    "c": "contempt",
    "d": "disgust",
    "h": "happiness",
    "s": "sadness",
    "sur": "surprise",
}


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a code says: the emotion shown, whether it is deceptive, and what was induced then."""

    emotion: str
    deceptive: bool
    induced: str

    @property
    def label(self) -> int:
        """Class 0 .. 11: emotion + 6 * deceptive."""
        return SASE_EMOTIONS.index(self.emotion) + len(SASE_EMOTIONS) * self.deceptive


def read_code(code: str) -> Kind | None:
    """``N2A``: genuine anger; ``H2N2A``: deceptive anger, happiness was induced; None for anything else."""
    parts = code.lower().split("2")
    if len(parts) not in (2, 3) or parts[-2] != "n" or parts[-1] not in _INITIALS:
        return None
    deceptive = len(parts) == 3
    if deceptive and parts[0] not in _INITIALS:
        return None
    return Kind(_INITIALS[parts[-1]], deceptive, _INITIALS[parts[0]] if deceptive else "")


# The twelve codes, genuine ones first, in the order of the classes.
CODES = {
    code: read_code(code)
    for code in (
        *("N2A", "N2C", "N2D", "N2H", "N2S", "N2Sur"),
        *("H2N2A", "H2N2C", "H2N2D", "S2N2H", "H2N2S", "D2N2Sur"),
    )
}


def find_sasefe(folder: pathlib.Path) -> Raw:
    """Finds the videos of every subject in `folder` or below it.

    Subjects' folders are first names: a video knows its subject by the first 10 digits of the name's SHA-256.

    Raises:
        DataError: there are no such videos, or a subject has one code twice.
    """
    root = only(find_folders(folder, _holds_subjects), "folder of SASE-FE's subjects")
    if root is None:
        raise DataError(
            f"{folder} is no SASE-FE: no folder in it holds SUBJECT/CODE.MP4, e.g. {FOLDER}/NAME/N2A.MP4; it holds "
            f"{holdings(folder)}. Generate a synthetic one: python -m data_prep.synthetic sasefe --out RAW"
        )
    videos, seen = [], {}
    for person in sorted(path for path in root.iterdir() if path.is_dir()):
        subject = anonymous(person.name)
        for path in sorted(p for p in person.iterdir() if p.suffix.lower() in _SUFFIXES and p.name[0] != "."):
            kind, where = read_code(path.stem), f"{person.name}/{path.name}"
            if kind is None:
                fault = ("unknown_code", f"{path.stem!r} is none of {', '.join(CODES)}")
                videos.append(Video(os.fspath(path), subject, path.stem, -1, where, fault))
                continue
            key = (subject, kind.label)
            if key in seen:
                raise DataError(
                    f"{seen[key]} and {where} in {root} are the same subject and code: remove one of them."
                )
            seen[key] = where
            videos.append(Video(os.fspath(path), subject, path.stem.upper(), kind.label, where))
    return Raw(root, tuple(videos))


def anonymous(name: str) -> str:
    """The subject's id: case and surrounding blanks of the folder's name make no difference."""
    return "s" + hashlib.sha256(name.strip().lower().encode()).hexdigest()[:10]


def _holds_subjects(folder: pathlib.Path) -> bool:
    return any(
        True for path in folder.glob("*/*") if path.suffix.lower() in _SUFFIXES and read_code(path.stem)
    )
