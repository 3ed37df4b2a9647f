"""The lists of AffectNet's layout of 2017: which column is which, and what can be checked where no header says."""

from __future__ import annotations

import collections
import csv
import dataclasses
import os
import re
from collections.abc import Iterator

import numpy as np

from data_prep.affectnet.face import number, whole_number
from emojax.errors import DataError, Skip

COLUMNS = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
LANDMARKS = "facial_landmarks"
_DELIMITERS = (",", "\t", ";")
_BLOCK = 1 << 24
_MARK = b"\xef\xbb\xbf"  # of UTF-8, as spreadsheets write it
_LOOKED_FOR = 64  # pictures of each list that tell where the pictures are
_HAPPY, _ANGER = 1, 6
_ENOUGH = 10
_MAX_ROW = 1 << 16  # bytes; 68 points have about 1,200


@dataclasses.dataclass(frozen=True)
class Table:
    """How the rows of one list are written.

    Attributes:
        path: of the file.
        delimiter: between columns.
        places: name -> number of its column, for the names of `COLUMNS` that the list has.
        width: columns of a row.
        header: whether the first line names the columns.
    """

    path: str
    delimiter: str
    places: dict[str, int]
    width: int
    header: bool

    @property
    def name(self) -> str:
        return os.path.basename(self.path)

    def row(self, line: bytes) -> dict[str, str]:
        """The values of a line by the names of `COLUMNS`; Skip, `malformed_row`, says what is wrong with it."""
        if len(line) > _MAX_ROW:
            raise Skip("malformed_row", f"the row is longer than {_MAX_ROW:,} bytes")
        text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
        try:
            cells = next(csv.reader([text], delimiter=self.delimiter))
        except csv.Error as error:
            raise Skip("malformed_row", f"the row cannot be split into columns ({error})") from None
        if len(cells) != self.width:
            raise Skip("malformed_row", f"{len(cells)} columns instead of {self.width}")
        return {name: cells[place] for name, place in self.places.items()}


def read_lines(path: str, start: int, stop: int) -> Iterator[bytes]:
    """The lines between two bytes of a file; of a line that is too long for a row only the beginning is kept."""
    with open(path, "rb") as file:
        file.seek(start)
        while file.tell() < stop:
            line = rest = file.readline(_MAX_ROW + 1)
            while rest and not rest.endswith(b"\n"):
                rest = file.readline(_MAX_ROW)
            yield line


def read_table(path: str | os.PathLike) -> Table:
    """Reads how a list is written from its first line.

    Raises:
        DataError: the header lacks a column or names one twice, or the file is no text in UTF-8.
    """
    with open(path, "rb") as file:
        start = file.readline(1 << 16)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in start:
        raise DataError(f"{path} is not written in UTF-8. Save it again as CSV in UTF-8.")
    first = start.decode("utf-8-sig", "replace").strip("\r\n")
    for delimiter in _DELIMITERS:
        cells = _cells(first, delimiter)
        known = {_plain(name): name for name in COLUMNS}
        named = [known[_plain(cell)] for cell in cells if _plain(cell) in known]
        if len(named) >= 2:
            return Table(os.fspath(path), delimiter, _places(path, cells, named, known), len(cells), True)
    width = len(_cells(first, ","))
    if width != len(COLUMNS) and first:
        raise DataError(
            f"{path} has no header, and its first row has {width} columns, not AffectNet's {len(COLUMNS)}: nobody can "
            f"tell which is which. Write the names of the columns as its first line: {','.join(COLUMNS)}"
        )
    return Table(os.fspath(path), ",", {name: i for i, name in enumerate(COLUMNS)}, len(COLUMNS), False)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _places(path, cells: list[str], named: list[str], known: dict[str, str]) -> dict[str, int]:
    twice = [name for name, count in collections.Counter(named).items() if count > 1]
    missing = [name for name in COLUMNS if name not in named and name != LANDMARKS]
    if twice or missing:
        what = f"has no column {', '.join(missing)}" if missing else f"names {', '.join(twice)} twice"
        raise DataError(f"{path} {what}. Its header names: {', '.join(cells)[:300]}. Mend the header.")
    return {known[_plain(cell)]: i for i, cell in enumerate(cells) if _plain(cell) in known}


@dataclasses.dataclass
class Survey:
    """What one look at every row of a list tells before any picture is read.

    Attributes:
        spans: `[N, 3]` int64: first byte, byte past the last, line number of each row.
        codes: expression code -> number of rows.
        pictures: paths of some rows, spread over the list, each with its line number.
    """

    spans: np.ndarray
    codes: collections.Counter
    pictures: list[tuple[str, int]]


def survey(table: Table, digest) -> Survey:
    """Looks at every row; adds the content of the file to the digest.

    Raises:
        DataError: no row can be read, or valence and arousal stand in each other's place in a list without header.
    """
    spans = _line_spans(table, digest)
    step = max(1, len(spans) // _LOOKED_FOR)
    codes, problem = collections.Counter(), ""
    pictures: list[tuple[str, int]] = []
    values: dict[int, list[tuple[float, float]]] = {_HAPPY: [], _ANGER: []}
    with open(table.path, "rb") as file:
        for i, (start, stop, line) in enumerate(spans.tolist()):
            file.seek(start)
            try:
                row = table.row(file.read(min(stop - start, _MAX_ROW + 1)))
                if i % step == 0:
                    pictures.append((row[COLUMNS[0]], line))
                code = whole_number("expression", row["expression"])
                codes[code] += 1
                if code in values and not table.header:
                    values[code].append(
                        (number("valence", row["valence"]), number("arousal", row["arousal"]))
                    )
            except Skip as skip:
                problem = problem or f"line {line}: {skip.detail}"
    if problem and not codes:
        raise DataError(
            f"No row of {table.path} can be read ({problem}). AffectNet's columns are {', '.join(COLUMNS)}."
        )
    _require_plausible(table, values)
    return Survey(spans, codes, pictures)


def _require_plausible(table: Table, values: dict[int, list[tuple[float, float]]]) -> None:
    """Happy faces have a higher valence than angry ones, not a higher arousal: a header could not be checked."""
    happy, angry = (np.array(values[code]).reshape(-1, 2) for code in (_HAPPY, _ANGER))
    if min(len(happy), len(angry)) < _ENOUGH:
        return
    valence, arousal = happy.mean(axis=0) - angry.mean(axis=0)
    if valence < 0 < arousal:
        raise DataError(
            f"{table.path} has no header, and its last two columns seem to be arousal and valence, not valence and "
            f"arousal: in the first of them happy faces lie {-valence:.2f} below angry ones. Write the names of the "
            f"columns as its first line: {','.join(COLUMNS)}"
        )


def _line_spans(table: Table, digest) -> np.ndarray:
    """`[N, 3]` int64: first byte, byte past the last, 1-based line number; no header, no empty lines."""
    ends, position = [], 0
    with open(table.path, "rb") as file:
        mark = len(_MARK) if file.read(len(_MARK)) == _MARK else 0
        file.seek(0)
        while block := file.read(_BLOCK):
            digest.update(block)
            ends.append(np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + position)
            position += len(block)
    stops = np.concatenate([*ends, np.array([position])])
    starts = np.concatenate([[mark], stops[:-1] + 1])
    spans = np.stack([starts, stops, np.arange(1, len(stops) + 1)], axis=1)[int(table.header) :]
    return spans[spans[:, 1] - spans[:, 0] > 1]
