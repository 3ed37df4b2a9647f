"""What a preparation of films kept of each: ``films.csv`` beside the shards."""

from __future__ import annotations

import csv
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from emojax.errors import DataError
from emojax.files import write_csv

FILE = "films.csv"


class FilmCount(NamedTuple):
    """One person in one film.

    Attributes:
        video_id: the person's track, as in the columns.
        video: the film.
        set: `train`, `extra` (training, the small set), `validation` or `test`.
        frames_per_second: of the film as it was shot; None where only faces are there.
        frames: at 30 a second.
        faces: frames that have a face and labels.
    """

    video_id: str
    video: str
    set: str
    frames_per_second: float | None
    frames: int
    faces: int


def write_film_counts(folder: pathlib.Path, counts: Sequence[FilmCount]) -> None:
    """Writes ``films.csv``, whole or not at all."""
    write_csv(folder / FILE, FilmCount._fields, counts)


def read_film_counts(folder: str | pathlib.Path) -> list[FilmCount]:
    """The rows of ``films.csv``; none where an older preparation wrote no such file.

    Raises:
        DataError: the file is damaged.
    """
    path = pathlib.Path(folder) / FILE
    if not path.exists():
        return []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return [_row(row) for row in csv.DictReader(file)]
    except (OSError, UnicodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read ({error!r}). Run the preparation command again: it keeps finished shards."
        ) from None


def _row(row: dict[str, str]) -> FilmCount:
    rate = float(row["frames_per_second"]) if row["frames_per_second"] else None
    return FilmCount(row["video_id"], row["video"], row["set"], rate, int(row["frames"]), int(row["faces"]))
