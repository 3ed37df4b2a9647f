"""Frames of films with the face that was found in each: ``found_faces.npz`` beside the shards, for a figure."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from emojax.errors import DataError
from emojax.files import read_npz, write_npz

FILE = "found_faces.npz"
_MEND = "Run the preparation command again: it keeps finished shards."


@dataclasses.dataclass(frozen=True)
class FoundFace:
    """A whole frame and where its face is.

    Attributes:
        source_id: of the record, as in the columns.
        frame: ``[H, W, 3]`` uint8 RGB.
        box: left, top, right and bottom in pixels of `frame`.
    """

    source_id: str
    frame: np.ndarray
    box: tuple[float, float, float, float]


def write_found_faces(folder: pathlib.Path, faces: Sequence[FoundFace]) -> None:
    """Writes ``found_faces.npz``, whole or not at all."""
    arrays = {f"frame_{i}": face.frame for i, face in enumerate(faces)}
    arrays["boxes"] = np.array([face.box for face in faces], np.float32).reshape(-1, 4)
    arrays["source_id"] = np.array([face.source_id for face in faces], dtype=np.str_)
    write_npz(folder / FILE, arrays, compressed=True)


def read_found_faces(folder: str | pathlib.Path) -> list[FoundFace]:
    """The frames; none where the preparation saw no films, only faces cut out before.

    Raises:
        DataError: the file is damaged.
    """
    path = pathlib.Path(folder) / FILE
    if not path.exists():
        return []
    arrays = read_npz(path, mend=_MEND)
    try:
        rows = enumerate(zip(arrays["source_id"], arrays["boxes"], strict=True))
        return [FoundFace(str(name), arrays[f"frame_{i}"], tuple(box.tolist())) for i, (name, box) in rows]
    except (KeyError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error!r}). {_MEND}") from None
