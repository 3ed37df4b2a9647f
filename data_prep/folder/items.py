"""One labelled picture of any layout, and what a layout gives."""

from __future__ import annotations

import dataclasses
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


def is_split(text: str) -> bool:
    """Whether a folder's name is that of a split."""
    return text.strip().lower() in _SPLITS
