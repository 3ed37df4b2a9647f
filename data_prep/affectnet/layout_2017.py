"""AffectNet as distributed in 2017: lists in CSV files beside folders of whole pictures."""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from data_prep.affectnet.face import SPLITS, Face, number, whole_number
from data_prep.affectnet.table import COLUMNS, LANDMARKS, Survey, Table, read_lines, read_table, survey
from data_prep.locate import find_entry, find_file, find_folders, holdings, levels, only, slashes
from emojax.errors import DataError, Skip

IMAGE_FOLDER = "Manually_Annotated_Images"
LIST_FOLDER = "Manually_Annotated_file_lists"
_LISTS = {"train": "training.csv", "validation": "validation.csv"}
_BOX = ("face_x", "face_y", "face_width", "face_height")


class Layout2017:
    """`training.csv` and `validation.csv` and a folder of the pictures that they name."""

    name = "2017"

    def __init__(self, raw: pathlib.Path, lists: pathlib.Path):
        """`lists` is the folder of both lists; DataError if a header cannot be understood."""
        self._raw, self._images = os.fspath(raw), ""
        self._tables = {split: read_table(find_entry(lists, name)) for split, name in _LISTS.items()}

    @classmethod
    def find(cls, raw: pathlib.Path) -> Layout2017 | None:
        """Looks for the lists in `raw`, below it, and one folder above it where `raw` holds the pictures."""
        found = find_folders(raw, _has_lists)
        if not found and (raw.name == IMAGE_FOLDER or find_entry(raw, IMAGE_FOLDER)):
            found = find_folders(raw.absolute().parent, _has_lists, depth=1)
        lists = only(found, "folder with training.csv and validation.csv")
        return cls(raw, lists) if lists else None

    def plan(self) -> tuple[dict[str, np.ndarray], str]:
        """Rows of each split `[N, 3]` (first byte, byte past the last, line number), a digest of both files.

        Raises:
            DataError: a list has no row, or none that can be read, or none of its pictures is found.
        """
        digest = hashlib.sha256()
        surveys = {split: survey(self._tables[split], digest) for split in SPLITS}
        for split, found in surveys.items():
            if not len(found.spans):
                raise DataError(
                    f"The {split} split of {self._raw} has no rows at all: {self._tables[split].path} is incomplete."
                )
        self._images = self._find_images(surveys)
        self.codes = {split: surveys[split].codes for split in SPLITS}
        return {split: surveys[split].spans for split in SPLITS}, digest.hexdigest()

    def require_landmarks(self) -> None:
        """Raises DataError where a list has no column of landmarks."""
        for table in self._tables.values():
            if LANDMARKS not in table.places:
                raise DataError(
                    f"{table.path} has no column {LANDMARKS}, which levelling faces and masks need. Take a list "
                    "that has it, or --align none without --masks."
                )

    def shard_items(self, split: str, rows: np.ndarray) -> tuple[str, int, int, int]:
        """What a worker needs to read these rows: the split, a slice of its CSV file, its first line."""
        return split, int(rows[0, 0]), int(rows[-1, 1]), int(rows[0, 2])

    def read(self, items: tuple[str, int, int, int]) -> Iterator[tuple[str, Any]]:
        """Yields (where, values by column name, or the Skip of a row that has none) of each row."""
        split, start, stop, line = items
        table = self._tables[split]
        for i, row in enumerate(read_lines(table.path, start, stop), line):
            if row.strip():
                yield f"{table.name} line {i}", _row_or_skip(table, row)

    def signature(self, row: Mapping[str, str] | Skip) -> bytes:
        if isinstance(row, Skip):
            return b"-\n"
        return file_size(find_file(self._images, row[COLUMNS[0]]))

    def face(self, row: Mapping[str, str] | Skip) -> Face:
        if isinstance(row, Skip):
            raise row
        source = slashes(row[COLUMNS[0]])
        return Face(
            source=source,
            image=find_file(self._images, source) or os.path.join(self._images, source),
            box=tuple(number(name, row[name]) for name in _BOX),
            points=row.get(LANDMARKS, "").split(";"),
            expression=whole_number("expression", row["expression"]),
            valence=number("valence", row["valence"]),
            arousal=number("arousal", row["arousal"]),
        )

    def _find_images(self, surveys: dict[str, Survey]) -> str:
        """The folder below which the pictures of the lists are."""
        wanted = [name for found in surveys.values() for name, _ in found.pictures]
        lists = pathlib.Path(self._tables["train"].path).absolute().parent
        looked = []
        for root, depth in {pathlib.Path(self._raw).absolute(): 3, lists: 2, lists.parent: 2}.items():
            for level in levels(root, depth):
                looked += level
                hits = {folder: _count_there(folder, wanted) for folder in level}
                best = [folder for folder, count in hits.items() if count and count == max(hits.values())]
                if best:
                    named = [folder for folder in best if folder.name == IMAGE_FOLDER]
                    return os.fspath(only(named or best, "folder with the pictures of the lists"))
        table, (name, line) = next((self._tables[s], f.pictures[0]) for s, f in surveys.items() if f.pictures)
        raise DataError(
            f"None of {len(wanted)} pictures of the lists is found, e.g. {name} ({table.name} line {line}). Looked in "
            f"{len(looked)} folders in and around {self._raw}, which holds {holdings(pathlib.Path(self._raw))}. "
            f"Unpack {IMAGE_FOLDER} there."
        )


def _has_lists(folder: pathlib.Path) -> bool:
    found = [find_entry(folder, name) for name in _LISTS.values()]
    return all(path is not None and os.path.isfile(path) for path in found)


def _count_there(folder: pathlib.Path, wanted: Sequence[str]) -> int:
    """How many of some pictures are below a folder."""
    tops = {slashes(name).split("/")[0] for name in wanted}
    if not any(find_entry(folder, top) for top in tops):
        return 0  # nearly all folders that are looked at
    return sum(find_file(folder, name) is not None for name in wanted)


def _row_or_skip(table: Table, line: bytes) -> dict[str, str] | Skip:
    try:
        return table.row(line)
    except Skip as skip:
        return skip


def file_size(path: str | None) -> bytes:
    """Size of a file as a line; a dash where there is none."""
    try:
        return b"%d\n" % os.stat(path or "").st_size
    except (OSError, ValueError):
        return b"-\n"
