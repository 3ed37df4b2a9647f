"""One labelled picture of any layout, and what a layout gives."""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import re
from collections.abc import Sequence

from emojax.errors import DataError

_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "publictest"), "validation"),
    **dict.fromkeys(("test", "testing", "privatetest"), "test"),
}


@dataclasses.dataclass(frozen=True)
class Item:
    """One picture.

    Attributes:
        source: what identifies it, stored as `source_id`.
        image: path of the file; empty where `pixels` are given.
        pixels: grey values of FER2013 as text, 48 x 48.
        label: class name; empty where there is none.
        votes: (class name, number of votes) of all classes that the picture was given; empty where it has one label.
        valence, arousal: in [-1, 1]; None where there is none.
        split: train, validation, test, or empty where the layout does not say.
        subject: the person, who is never in two splits; empty where not known.
        box: x, y, width, height of the face; None for the whole picture.
        points: x, y of 68 landmarks, or of the image-left and image-right eye, one after another; None without.
        unusable: (reason, detail) where the layout itself rules the row out.
    """

    source: str
    image: str = ""
    pixels: str = ""
    label: str = ""
    votes: tuple[tuple[str, int], ...] = ()
    valence: float | None = None
    arousal: float | None = None
    split: str = ""
    subject: str = ""
    box: tuple[float, ...] | None = None
    points: tuple[float, ...] | None = None
    unusable: tuple[str, str] | None = None


@dataclasses.dataclass(frozen=True)
class Found:
    """What a layout holds: its name, its items, and its class names in order (sorted by name where empty)."""

    layout: str
    items: Sequence[Item]
    classes: tuple[str, ...] = ()


def split_name(text: str) -> str:
    """``train``, ``validation`` or ``test`` of a usual name of a split; empty for an empty one.

    Raises:
        DataError: an unknown name.
    """
    name = text.strip().lower()
    if name and name not in _SPLITS:
        raise DataError(f"There is no split {text!r}; write train, validation or test.")
    return _SPLITS.get(name, "")


def data_name(wanted: str, images: pathlib.Path) -> str:
    """Name of a data set: the wanted one, else that of the folder of its pictures, as an identifier."""
    return re.sub(r"[^a-z0-9]+", "_", (wanted or images.resolve().stem).lower()).strip("_") or "own"


def share(text: str) -> float:
    """A share of a command line, in [0, 1)."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to 1")
    return value


def is_split(text: str) -> bool:
    """Whether a folder's name is that of a split."""
    return text.strip().lower() in _SPLITS
