"""Reads AffectNet as it was distributed: the layout of 2017 (CSV files) and that of 2021 (NumPy files)."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import os
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from data_prep.pipeline import Skip
from emojax.errors import DataError

SPLITS = ("train", "validation")
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
IMAGE_FOLDER = "Manually_Annotated_Images"
LIST_FOLDER = "Manually_Annotated_file_lists"
_CSV_NAMES = {"train": "training.csv", "validation": "validation.csv"}
_SET_FOLDERS = {"train": "train_set", "validation": "val_set"}
_ANNOTATIONS = ("exp", "val", "aro", "lnd")
_BLOCK = 1 << 24


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
        except ValueError:
            points = np.empty(0)
        if points.size != 136 or not np.isfinite(points).all():
            raise Skip("bad_landmarks", f"{self.source} has no 68 finite landmark points")
        return points.reshape(68, 2)


def find_layout(raw: pathlib.Path) -> Layout2017 | Layout2021:
    """Recognises the layout of a folder; DataError lists what was looked for."""
    if not raw.is_dir():
        raise DataError(f"There is no folder {raw}. Give the folder of the unpacked AffectNet as --raw.")
    layout = Layout2017.find(raw) or Layout2021.find(raw)
    if layout is None:
        raise DataError(
            f"{raw} is no AffectNet. Looked for the layout of 2017 (training.csv and validation.csv in that "
            f"folder or in {LIST_FOLDER}/, images in {IMAGE_FOLDER}/) and that of 2021 (train_set/ and "
            "val_set/, each with images/ and annotations/). Without AffectNet, draw a synthetic one: "
            "python -m data_prep.synthetic affectnet --out DIR"
        )
    return layout


class Layout2017:
    """`training.csv` and `validation.csv` beside a folder of full images."""

    name = "2017"

    def __init__(self, lists: pathlib.Path, images: pathlib.Path):
        self._lists, self._images = os.fspath(lists), os.fspath(images)

    @classmethod
    def find(cls, raw: pathlib.Path) -> Layout2017 | None:
        folders = (raw, raw / LIST_FOLDER, raw / "Manually_Annotated")
        lists = [
            folder for folder in folders if all((folder / name).is_file() for name in _CSV_NAMES.values())
        ]
        if not lists:
            return None
        images = (
            raw / IMAGE_FOLDER,
            raw / "Manually_Annotated" / IMAGE_FOLDER,
            raw / "Manually_Annotated",
            raw,
        )
        return cls(lists[0], next(folder for folder in images if folder.is_dir()))

    def plan(self) -> tuple[dict[str, np.ndarray], str]:
        """Rows of each split `[N, 3]` (first byte, byte past the last, line number), a digest of both files.

        Only line ends are looked for: the files have hundreds of megabytes, so the workers parse them.
        """
        digest = hashlib.sha256()
        rows = {split: _line_spans(pathlib.Path(self._lists, _CSV_NAMES[split]), digest) for split in SPLITS}
        return rows, digest.hexdigest()

    def shard_items(self, split: str, rows: np.ndarray) -> tuple[str, int, int, int]:
        """What a worker needs to read these rows: the split, a slice of its CSV file, its first line."""
        return split, int(rows[0, 0]), int(rows[-1, 1]), int(rows[0, 2])

    def read(self, items: tuple[str, int, int, int]) -> Iterator[tuple[str, list[str]]]:
        """Yields (where, columns) of each row."""
        split, start, stop, line = items
        path = pathlib.Path(self._lists, _CSV_NAMES[split])
        with open(path, "rb") as file:
            file.seek(start)
            content = file.read(stop - start)
        for number, row in enumerate(content.decode("utf-8", "surrogateescape").split("\n"), line):
            if row.strip():
                yield f"{path.name} line {number}", _csv_columns(row)

    def signature(self, columns: list[str]) -> bytes:
        return _file_size(os.path.join(self._images, columns[0]))

    def face(self, columns: list[str]) -> Face:
        if len(columns) != len(COLUMNS):
            raise Skip("malformed_row", f"{len(columns)} columns instead of {len(COLUMNS)}")
        try:
            return Face(
                source=columns[0],
                image=os.path.join(self._images, columns[0]),
                box=tuple(float(value) for value in columns[1:5]),
                points=columns[5].split(";"),
                expression=int(columns[6]),
                valence=float(columns[7]),
                arousal=float(columns[8]),
            )
        except ValueError as error:
            raise Skip("malformed_row", f"{columns[0]}: {error}") from None


class Layout2021:
    """`train_set/` and `val_set/` with face crops and four small NumPy files for each."""

    name = "2021"

    def __init__(self, raw: pathlib.Path):
        self._raw = os.fspath(raw)

    @classmethod
    def find(cls, raw: pathlib.Path) -> Layout2021 | None:
        folders = [raw / name / sub for name in _SET_FOLDERS.values() for sub in ("images", "annotations")]
        return cls(raw) if all(folder.is_dir() for folder in folders) else None

    def plan(self) -> tuple[dict[str, list[tuple[str, str]]], str]:
        """(id, image file name or "") of each split in order of the ids, and a digest of all of them."""
        digest = hashlib.sha256()
        plan = {}
        for split in SPLITS:
            folder = pathlib.Path(self._raw, _SET_FOLDERS[split])
            images = {name.rpartition(".")[0]: name for name in sorted(os.listdir(folder / "images"))}
            annotated = {
                m[1] for name in os.listdir(folder / "annotations") if (m := _ANNOTATION_NAME.match(name))
            }
            ids = sorted(annotated | set(images), key=_natural_order)
            plan[split] = [(identifier, images.get(identifier, "")) for identifier in ids]
            digest.update("\n".join(f"{a}/{b}" for a, b in plan[split]).encode("utf-8", "surrogateescape"))
        return plan, digest.hexdigest()

    def shard_items(self, split: str, rows: list[tuple[str, str]]) -> tuple[str, list[tuple[str, str]]]:
        return split, rows

    def read(self, items: tuple[str, list[tuple[str, str]]]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yields (where, the file contents by annotation, "source" and "image")."""
        split, rows = items
        for identifier, image in rows:
            stem = os.path.join(self._raw, _SET_FOLDERS[split], "annotations", identifier)
            item: dict[str, Any] = {name: _content(f"{stem}_{name}.npy") for name in _ANNOTATIONS}
            item["source"] = f"{_SET_FOLDERS[split]}/images/{image or identifier + '.jpg'}"
            item["image"] = os.path.join(self._raw, item["source"])
            yield f"{_SET_FOLDERS[split]} {identifier}", item

    def signature(self, item: dict[str, Any]) -> bytes:
        return b"".join(item[name] or b"-" for name in _ANNOTATIONS) + _file_size(item["image"])

    def face(self, item: dict[str, Any]) -> Face:
        source = item["source"]
        try:
            return Face(
                source=source,
                image=item["image"],
                box=None,
                points=_array(item, "lnd"),
                expression=int(str(_array(item, "exp"))),
                valence=float(str(_array(item, "val"))),
                arousal=float(str(_array(item, "aro"))),
            )
        except ValueError as error:
            raise Skip("malformed_row", f"{source}: {error}") from None


_ANNOTATION_NAME = re.compile(r"(.+)_(?:exp|val|aro|lnd)\.npy$")


def _natural_order(identifier: str) -> tuple[int, str]:
    """Numbers by value, as AffectNet's ids are; anything else after them."""
    digits = re.match(r"\d{1,18}", identifier)
    return (int(digits[0]) if digits else 1 << 62, identifier)


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _array(item: dict[str, Any], name: str) -> np.ndarray:
    """The array of an annotation file; ValueError if it is missing or no array."""
    if item[name] is None:
        raise ValueError(f"no annotation file _{name}.npy")
    try:
        return np.load(io.BytesIO(item[name]), allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"_{name}.npy is damaged ({error})") from None


def _csv_columns(row: str) -> list[str]:
    try:
        return next(csv.reader([row.rstrip("\r")]))
    except csv.Error:
        return [row]


def _file_size(path: str) -> bytes:
    try:
        return b"%d\n" % os.stat(path).st_size
    except (OSError, ValueError):
        return b"-\n"


def _line_spans(path: pathlib.Path, digest) -> np.ndarray:
    """`[N, 3]` int64: first byte, byte past the last, 1-based line number; no header, no empty lines."""
    ends, position = [], 0
    with open(path, "rb") as file:
        first = file.readline()
        file.seek(0)
        while block := file.read(_BLOCK):
            digest.update(block)
            ends.append(np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + position)
            position += len(block)
    stops = np.concatenate([*ends, np.array([position])])
    starts = np.concatenate([[0], stops[:-1] + 1])
    spans = np.stack([starts, stops, np.arange(1, len(stops) + 1)], axis=1)
    if first.removeprefix(b"\xef\xbb\xbf").startswith(COLUMNS[0].encode()):
        spans = spans[1:]  # some copies of validation.csv come without the header
    return spans[spans[:, 1] - spans[:, 0] > 1]
