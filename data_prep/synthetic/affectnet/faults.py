"""Deliberately bad rows and files, of the kinds downloads contain, to show how they are reported."""

from __future__ import annotations

import csv
import dataclasses
import pathlib

import numpy as np

from data_prep.affectnet.layout_2017 import IMAGE_FOLDER
from data_prep.synthetic.affectnet.files import Annotation, annotation_row, name_2021


def add_faults(out: pathlib.Path, good: Annotation, layout: int) -> None:
    """Appends bad rows to the training set in `out`; `good` is a correct annotation whose picture exists."""
    (_add_2017 if layout == 2017 else _add_2021)(out, good)


def _unused(good: Annotation) -> list[Annotation]:
    """Rows AffectNet marks none, uncertain and non-face (codes 8-10): they have no valence and arousal."""
    return [dataclasses.replace(good, label=code, valence=-2.0, arousal=-2.0) for code in (8, 9, 10)]


def damaged_pictures(data: bytes) -> dict[str, bytes]:
    """A JPEG cut short, a file that is none, and an empty one."""
    return {"truncated": data[: len(data) * 2 // 3], "unreadable": b"this is no picture\n" * 40, "empty": b""}


def _add_2017(out: pathlib.Path, good: Annotation) -> None:
    folder = out / IMAGE_FOLDER / "faults"
    folder.mkdir(exist_ok=True)
    pictures = damaged_pictures((out / IMAGE_FOLDER / good.source).read_bytes())
    for name, data in pictures.items():
        (folder / f"{name}.jpg").write_bytes(data)
    bad = [dataclasses.replace(good, source=f"faults/{name}.jpg") for name in ("missing", *pictures)]
    bad += [
        dataclasses.replace(good, valence=1.7),
        dataclasses.replace(good, landmarks=good.landmarks[:60]),
        dataclasses.replace(good, box=(10, 10, 0, 0)),
        dataclasses.replace(good, label=17),
    ]
    rows = [annotation_row(annotation) for annotation in (*_unused(good), *bad)]
    rows.append([good.source, "12", "14"])
    rows.append([*annotation_row(good)[:6], "happy?", "0.1", "0.2"])
    with open(out / "training.csv", "a", newline="") as file:
        csv.writer(file).writerows(rows)


def _add_2021(out: pathlib.Path, good: Annotation) -> None:
    folder = out / "train_set"
    data = (folder / "images" / f"{name_2021(good.source)}.jpg").read_bytes()
    lnd = np.load(folder / "annotations" / f"{name_2021(good.source)}_lnd.npy")

    def add(name: str, picture: bytes | None = data, **changed) -> None:
        values = {
            "exp": str(good.label),
            "val": str(good.valence),
            "aro": str(good.arousal),
            "lnd": lnd,
        } | changed
        if picture is not None:
            (folder / "images" / f"{name}.jpg").write_bytes(picture)
        for key, value in values.items():
            if value is not None:
                np.save(folder / "annotations" / f"{name}_{key}.npy", np.asarray(value))

    for annotation in _unused(good):
        add(f"9{annotation.label:05d}", exp=str(annotation.label), val="-2.0", aro="-2.0")
    add("900021", picture=None)
    for number, picture in enumerate(damaged_pictures(data).values()):
        add(f"90003{number}", picture=picture)
    add("900041", val="1.7")
    add("900042", lnd=lnd[:120])
    add("900043", exp="17")
    add("900044", exp=None)
    add("900045", exp="happy?")
