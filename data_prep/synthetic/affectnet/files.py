"""Writes pictures and annotations in the raw layouts of AffectNet, which `data_prep.affectnet.raw` reads."""

from __future__ import annotations

import csv
import dataclasses
import pathlib
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from data_prep.affectnet.layout_2017 import IMAGE_FOLDER
from data_prep.affectnet.table import COLUMNS

SET_FOLDERS = {"train": "train_set", "validation": "val_set"}


@dataclasses.dataclass(frozen=True)
class Annotation:
    """What is known of one picture.

    Attributes:
        split: `train` or `validation`.
        source: path below the image folder of the 2017 layout; its folder is the person.
        box: x, y, width, height of the face in pixels.
        landmarks: `[68, 2]` pixels.
        label: AffectNet's expression code.
        valence, arousal: in [-1, 1].
        age: of the drawn person, in years.
    """

    split: str
    source: str
    box: tuple[int, int, int, int]
    landmarks: np.ndarray
    label: int
    valence: float
    arousal: float
    age: float


def write_2017(out: pathlib.Path, image: np.ndarray, annotation: Annotation, quality: int) -> None:
    """Writes the whole picture (RGB); its row comes later with `write_lists`."""
    path = out / IMAGE_FOLDER / annotation.source
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_encode(image, quality))


def write_2021(out: pathlib.Path, image: np.ndarray, annotation: Annotation, quality: int) -> None:
    """Writes the face crop and its four annotation files: 0-d string arrays and the points, as AffectNet."""
    folder, name = out / SET_FOLDERS[annotation.split], name_2021(annotation.source)
    x, y, width, height = annotation.box
    side = 7 * image.shape[0] // 10
    crop = cv2.resize(image[y : y + height, x : x + width], (side, side), interpolation=cv2.INTER_LINEAR)
    points = (annotation.landmarks - (x, y) + 0.5) * (side / width) - 0.5
    for sub in ("images", "annotations"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    (folder / "images" / f"{name}.jpg").write_bytes(_encode(crop, quality))
    stem = folder / "annotations" / name
    np.save(f"{stem}_exp.npy", np.array(str(annotation.label)))
    np.save(f"{stem}_val.npy", np.array(str(annotation.valence)))
    np.save(f"{stem}_aro.npy", np.array(str(annotation.arousal)))
    np.save(f"{stem}_lnd.npy", np.round(points.reshape(-1), 2))


def name_2021(source: str) -> str:
    """Name of an image in the 2021 layout, which has no folders: the person follows the number."""
    person, _, file_name = source.partition("/")
    return f"{file_name[1:].removesuffix('.jpg')}-{person}"


def write_lists(out: pathlib.Path, annotations: Sequence[Annotation]) -> None:
    """Writes `training.csv` and `validation.csv` of the 2017 layout."""
    for split, name in (("train", "training.csv"), ("validation", "validation.csv")):
        rows = (annotation_row(annotation) for annotation in annotations if annotation.split == split)
        _write_csv(out / name, COLUMNS, rows)


def write_ages(out: pathlib.Path, annotations: Sequence[Annotation], layout: int) -> None:
    """Writes `ages.csv`, a table for the `--ages` option of the preparation."""

    def path(annotation: Annotation) -> str:
        if layout == 2017:
            return annotation.source
        return f"{SET_FOLDERS[annotation.split]}/images/{name_2021(annotation.source)}.jpg"

    _write_csv(out / "ages.csv", ("path", "age"), ((path(a), a.age) for a in annotations))


def annotation_row(annotation: Annotation) -> list:
    """The row of `training.csv` or `validation.csv`."""
    points = ";".join(f"{value:.2f}" for value in annotation.landmarks.reshape(-1))
    labels = (annotation.label, annotation.valence, annotation.arousal)
    return [annotation.source, *annotation.box, points, *labels]


def _write_csv(path: pathlib.Path, header: Sequence[str], rows: Iterable[Sequence]) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _encode(image: np.ndarray, quality: int) -> bytes:
    return cv2.imencode(".jpg", image[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()
