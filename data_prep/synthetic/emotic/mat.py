"""Writes `Annotations.mat` as EMOTIC is distributed: nested struct arrays, cell arrays of names (spec
1.3)."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data_prep.emotic.raw import DIMENSIONS
from data_prep.synthetic.emotic.rule import Annotation


@dataclasses.dataclass(frozen=True)
class AnnotatedPerson:
    """What the file says about one person; `annotators` are one in training, several in val and test."""

    box: Sequence[float]
    annotators: tuple[Annotation, ...]
    gender: str
    age: str


@dataclasses.dataclass(frozen=True)
class AnnotatedImage:
    """What the file says about one image; `size` is width and height."""

    folder: str
    filename: str
    size: tuple[int, int]
    people: tuple[AnnotatedPerson, ...]


def write_annotations(path: pathlib.Path, splits: Mapping[str, Sequence[AnnotatedImage]]) -> None:
    """Writes the file; `splits` maps train, val and test to their images."""
    from scipy.io import savemat

    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        split: struct_array([_image(image, split != "train") for image in images])
        for split, images in splits.items()
    }
    savemat(path, content, do_compression=True)


def struct_array(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """`[1, N]` MATLAB struct array of dictionaries with the same keys."""
    array = np.empty((1, len(rows)), [(name, object) for name in rows[0]])
    for i, row in enumerate(rows):
        for name, value in row.items():
            array[name][0, i] = value
    return array


def cell_array(items: Sequence[Any]) -> np.ndarray:
    """`[1, N]` MATLAB cell array."""
    cells = np.empty((1, len(items)), object)
    for i, item in enumerate(items):
        cells[0, i] = item
    return cells


def _image(image: AnnotatedImage, combined: bool) -> dict[str, Any]:
    info = struct_array([{"image_id": 0.0, "annotations_id": 0.0}])
    return {
        "filename": image.filename,
        "folder": image.folder,
        "image_size": struct_array([{"n_col": float(image.size[0]), "n_row": float(image.size[1])}]),
        "original_database": struct_array([{"name": image.folder.partition("/")[0], "info": info}]),
        "person": struct_array([_person(person, combined) for person in image.people]),
    }


def _person(person: AnnotatedPerson, combined: bool) -> dict[str, Any]:
    said = person.annotators
    content = {
        "body_bbox": np.array([person.box], np.float64),
        "annotations_categories": struct_array([{"categories": _names(each.categories)} for each in said]),
    }
    if combined:
        union = {name for each in said for name in each.categories}
        content["combined_categories"] = _names(sorted(union))
    content["annotations_continuous"] = struct_array([_dimensions(each.vad) for each in said])
    if combined:
        content["combined_continuous"] = struct_array([_dimensions(np.mean([a.vad for a in said], axis=0))])
    return content | {"gender": person.gender, "age": person.age}


def _names(categories: Sequence[str]) -> np.ndarray:
    """EMOTIC spells its categories with capitals: Doubt/Confusion."""
    return cell_array(["/".join(word.capitalize() for word in name.split("/")) for name in categories])


def _dimensions(vad: Sequence[float]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(DIMENSIONS, vad)}
