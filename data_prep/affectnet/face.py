"""One annotated face of AffectNet, whatever the layout it comes from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from emojax.errors import Skip

SPLITS = ("train", "validation")


@dataclasses.dataclass(frozen=True)
class Face:
    """One annotated face.

    Attributes:
        source: relative path that identifies the image, stored as `source_id`.
        image: path of the image file.
        box: x, y, width, height in the image, or None where the image is the face already (2021).
        points: the 136 landmark coordinates as found, in pixels of the image; see `landmarks`.
        expression: AffectNet's code 0..10.
        valence, arousal: in [-1, 1], or -2 where AffectNet gives none.
    """

    source: str
    image: str
    box: tuple[float, float, float, float] | None
    points: Sequence
    expression: int
    valence: float
    arousal: float

    def landmarks(self) -> np.ndarray:
        """`[68, 2]` float64, or Skip: parsed last, since rows of unused classes need not have any."""
        try:
            points = np.asarray(self.points, np.float64).reshape(-1)
        except (ValueError, TypeError):
            points = np.empty(0)
        if points.size != 136 or not np.isfinite(points).all():
            raise Skip("bad_landmarks", f"{self.source} has no 68 finite landmark points")
        return points.reshape(68, 2)


def number(name: str, value: object) -> float:
    """A number of a row; Skip says what stands in its place."""
    text = str(value).strip()
    try:
        return float(text)
    except ValueError:
        raise Skip("malformed_row", f"{name} is {text[:40]!r}, not a number") from None


def whole_number(name: str, value: object) -> int:
    """A code of a row, also as pandas writes it (`1.0`); Skip says what stands in its place."""
    code = number(name, value)
    if not code.is_integer():
        raise Skip("malformed_row", f"{name} is {str(value).strip()[:40]!r}, not a whole number")
    return int(code)
