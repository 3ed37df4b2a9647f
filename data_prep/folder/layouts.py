"""Readers of the layouts in circulation: class folders, a table of labels, RAF-DB, FER2013 with or without FERPlus."""

from __future__ import annotations

import csv
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np

from data_prep.folder.items import Found, Item, is_split, split_name
from emojax.errors import DataError
from emojax.files import require_regular

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
RAF_DB_CLASSES = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")  # codes 1 to 7
FER_CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")  # codes 0 to 6
FERPLUS_CLASSES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
# Columns of landmarks: all 68, or the centres of the image-left and the image-right eye.
POINTS = (
    tuple(f"{axis}_{i}" for i in range(68) for axis in "xy"),
    ("left_eye_x", "left_eye_y", "right_eye_x", "right_eye_y"),
)
_NO_EMOTION = ("unknown", "NF")  # of FERPlus: nobody can tell; no face


def find_layout(
    images: pathlib.Path, labels: pathlib.Path | None = None, votes: pathlib.Path | None = None
) -> Found:
    """Recognises the layout of a folder.

    Args:
        images: folder of the pictures, or ``fer2013.csv``.
        labels: a table of labels; paths in it are relative to `images`.
        votes: FERPlus's ``fer2013new.csv``.

    Raises:
        DataError: nothing that is known, or a damaged table (names file and line).
    """
    if labels is not None:
        return _read_labels(images, labels)
    fer = images if images.suffix.lower() == ".csv" else images / "fer2013.csv"
    if fer.is_file():
        return _read_fer(fer, votes)
    if votes is not None:
        raise DataError(f"--votes goes with fer2013.csv, which {images} does not hold.")
    if not images.is_dir():
        raise DataError(f"There is no folder {images}.")
    for name in (
        "list_patition_label.txt",
        "list_partition_label.txt",
    ):  # RAF-DB's own spelling, and the corrected
        for table in (images / "EmoLabel" / name, images / name):
            if table.is_file():
                return _read_raf_db(images, table)
    return _read_class_folders(images)


def _read_class_folders(images: pathlib.Path) -> Found:
    """``CLASS/*.jpg``, or ``train/CLASS/*.jpg`` and ``validation/CLASS/*.jpg``, at any depth below."""
    folders = sorted(path for path in images.iterdir() if path.is_dir() and not path.name.startswith("."))
    by_split = bool(folders) and all(is_split(path.name) for path in folders)
    items = []
    for top in folders if by_split else [images]:
        split = split_name(top.name) if by_split else ""
        for folder in sorted(
            path for path in top.iterdir() if path.is_dir() and not path.name.startswith(".")
        ):
            for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES):
                source = path.relative_to(images).as_posix()
                items.append(Item(source, str(path), label=folder.name, split=split))
    if not items:
        raise DataError(
            f"{images} holds no folder with pictures. Put the pictures of each class into a folder with its name, or "
            "give --labels TABLE.csv with the columns image and label."
        )
    return Found("folders", items)


def _read_labels(images: pathlib.Path, table: pathlib.Path) -> Found:
    """A CSV file with a header; columns by name: image, label, valence, arousal, split, subject, box.

    Landmarks are columns, too, in pixels as stored: ``x_0``, ``y_0`` to ``x_67``, ``y_67``, or the eyes alone.
    A label may be several, ``a;b``: the first counts as the class, all of them occur together in the label graph.
    """
    items = []
    for line, row in read_rows(table):
        if not row.get("image"):
            raise DataError(
                f"{table} has no column 'image'." if line == 2 else f"{table}, line {line}: no image."
            )
        try:
            items.append(
                Item(
                    source=row["image"],
                    image=str(images / row["image"]),
                    **_several(row.get("label") or ""),
                    valence=_value(row.get("valence")),
                    arousal=_value(row.get("arousal")),
                    split=split_name(row.get("split") or ""),
                    subject=(row.get("subject") or "").strip(),
                    box=read_box(row.get("box")),
                    points=_points(row),
                )
            )
        except (ValueError, DataError) as error:
            raise DataError(f"{table}, line {line}: {error}") from None
    if not items:
        raise DataError(f"{table} has no rows.")
    return Found("labels", items)


def _read_raf_db(images: pathlib.Path, table: pathlib.Path) -> Found:
    """RAF-DB: lines ``train_00001.jpg 5``; pictures ``Image/aligned/train_00001_aligned.jpg`` or beside the list."""
    folders = [images / "Image" / "aligned", images / "aligned", images]
    folder = next((path for path in folders if path.is_dir()), images)
    items = []
    for line, text in enumerate(table.read_text().splitlines(), start=1):
        name, _, code = text.strip().partition(" ")
        if not name:
            continue
        if not (code.isdecimal() and 1 <= int(code) <= len(RAF_DB_CLASSES)):
            raise DataError(f"{table}, line {line}: {text!r} is no picture and a code from 1 to 7.")
        stem, dot, suffix = name.rpartition(".")
        path = folder / f"{stem}_aligned{dot}{suffix}"
        split = split_name(name.split("_")[0]) if is_split(name.split("_")[0]) else ""
        label = RAF_DB_CLASSES[int(code) - 1]
        items.append(Item(name, str(path if path.exists() else folder / name), label=label, split=split))
    return Found("raf_db", items, RAF_DB_CLASSES)


def _read_fer(table: pathlib.Path, votes: pathlib.Path | None) -> Found:
    """FER2013: columns emotion, pixels, Usage; with FERPlus the class of most votes."""
    wanted = None if votes is None else [row for _, row in read_rows(votes)]
    items = []
    for number, (line, row) in enumerate(read_rows(table)):
        code = (row.get("emotion") or "").strip()
        if "pixels" not in row or not (code.isdecimal() and int(code) < len(FER_CLASSES)):
            raise DataError(f"{table}, line {line}: no emotion from 0 to 6 with pixels.")
        item = {"label": FER_CLASSES[int(code)]}
        if wanted is not None:
            if number >= len(wanted):
                raise DataError(f"{votes} has {len(wanted):,} rows, fewer than {table}.")
            item = _majority(wanted[number])
        split = split_name(row.get("Usage") or "")
        items.append(Item(f"fer{number:07d}.png", pixels=row["pixels"], split=split, **item))
    return Found("fer2013", items, FER_CLASSES if votes is None else FERPLUS_CLASSES)


def _majority(row: Mapping[str, str]) -> dict:
    """The class of most votes of FERPlus; a tie, or most votes for no emotion, rules a picture out."""
    try:
        counts = {name: int(row[name]) for name in (*FERPLUS_CLASSES, *_NO_EMOTION)}
    except (KeyError, TypeError, ValueError):
        raise DataError(f"A row of the votes lacks a count: {dict(row)}.") from None
    most = [name for name, count in counts.items() if count == max(counts.values())]
    if len(most) > 1:
        return {"unusable": ("tied_votes", f"{' and '.join(most)} have {counts[most[0]]} votes each")}
    if most[0] in _NO_EMOTION:
        return {"unusable": ("no_emotion", f"most votes are for {most[0]}")}
    return {
        "label": most[0],
        "votes": tuple((name, counts[name]) for name in FERPLUS_CLASSES if counts[name]),
    }


def read_rows(table: pathlib.Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, row by column name) of a CSV file with a header."""
    csv.field_size_limit(1 << 20)
    try:
        require_regular(table)
        with table.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            for row in reader:
                if None in row:
                    raise DataError(
                        f"{table}, line {reader.line_num}: more cells than the header has columns."
                    )
                yield reader.line_num, row
    except OSError as error:
        raise DataError(f"Cannot read {table}: {error.strerror or error}.") from None
    except csv.Error as error:
        raise DataError(f"{table} is no CSV file: {error}.") from None


def _points(row: Mapping[str, str]) -> tuple[float, ...] | None:
    """The landmarks of a row, or its eyes; None where the first of them is empty."""
    for names in POINTS:
        if (row.get(names[0]) or "").strip():
            values = tuple(float(row.get(name) or "nan") for name in names)
            if not np.isfinite(values).all():
                raise ValueError(f"{names[0]} is given, but not all of {names[0]} to {names[-1]} are numbers")
            return values
    return None


def _several(text: str) -> dict:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(";") if name.strip()))
    votes = tuple((name, 1) for name in names) if len(names) > 1 else ()
    return {"label": names[0] if names else "", "votes": votes}


def _value(text: str | None) -> float | None:
    """A number in [-1, 1], or None for an empty cell."""
    if not (text or "").strip():
        return None
    value = float(text)
    if not abs(value) <= 1:
        raise ValueError(f"{text} is outside [-1, 1]; scale valence and arousal")
    return value


def read_box(text: str | None) -> tuple[float, ...] | None:
    """``x y width height``, separated by spaces, commas or semicolons."""
    if not (text or "").strip():
        return None
    values = tuple(float(part) for part in text.replace(",", " ").replace(";", " ").split())
    if len(values) != 4 or not np.isfinite(values).all() or min(values[2:]) <= 0:
        raise ValueError(f"the box {text!r} is not x, y, width, height")
    return values
