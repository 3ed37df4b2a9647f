"""AffectNet as distributed in 2021: face crops and four small NumPy files for each."""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from data_prep.affectnet.face import Face, number, whole_number
from data_prep.affectnet.layout_2017 import file_size
from data_prep.locate import find_entry, find_folders, only
from emojax.errors import DataError, Skip
from emojax.files import parse_npy, read_regular

_SET_FOLDERS = {"train": "train_set", "validation": "val_set"}
_ANNOTATIONS = ("exp", "val", "aro", "lnd")
_ANNOTATION_NAME = re.compile(r"(.+)_(?:exp|val|aro|lnd)\.npy$")
_MAX_BYTES = 1 << 16  # of an annotation: 136 float64 have 1,216


class Layout2021:
    """`train_set/` and `val_set/`, each with `images/` and `annotations/`."""

    name = "2021"

    def __init__(self, raw: pathlib.Path):
        self._sets = {split: find_entry(raw, name) for split, name in _SET_FOLDERS.items()}

    @classmethod
    def find(cls, raw: pathlib.Path) -> Layout2021 | None:
        """Looks for both sets in `raw`, below it, and beside it where `raw` is one of them."""
        found = find_folders(raw, _has_sets)
        if not found and raw.absolute().name.lower() in _SET_FOLDERS.values():
            found = [folder for folder in (raw.absolute().parent,) if _has_sets(folder)]
        folder = only(found, "folder with train_set and val_set")
        return cls(folder) if folder else None

    def plan(self) -> tuple[dict[str, list[tuple[str, str]]], str]:
        """(id, image file name or "") of each split in order of the ids, and a digest of all of them."""
        digest = hashlib.sha256()
        plan = {}
        for split, folder in self._sets.items():
            images: dict[str, str] = {}
            for name in sorted(os.listdir(os.path.join(folder, "images"))):
                _add_image(images, name, folder)
            annotated = {
                m[1]
                for name in os.listdir(os.path.join(folder, "annotations"))
                if (m := _ANNOTATION_NAME.match(name))
            }
            ids = sorted(annotated | set(images), key=_natural_order)
            plan[split] = [(identifier, images.get(identifier, "")) for identifier in ids]
            digest.update("\n".join(f"{a}/{b}" for a, b in plan[split]).encode("utf-8", "surrogateescape"))
        self.codes = None  # a file of each face says: nothing to count beforehand
        return plan, digest.hexdigest()

    def require_landmarks(self) -> None:
        """Every face has a file of landmarks or is counted."""

    def shard_items(self, split: str, rows: list[tuple[str, str]]) -> tuple[str, list[tuple[str, str]]]:
        return split, rows

    def read(self, items: tuple[str, list[tuple[str, str]]]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yields (where, the file contents by annotation, "source" and "image")."""
        split, rows = items
        folder = self._sets[split]
        for identifier, image in rows:
            stem = os.path.join(folder, "annotations", identifier)
            item: dict[str, Any] = {name: _content(f"{stem}_{name}.npy") for name in _ANNOTATIONS}
            item["source"] = f"{_SET_FOLDERS[split]}/images/{image or identifier + '.jpg'}"
            item["image"] = os.path.join(folder, "images", image or identifier + ".jpg")
            yield f"{_SET_FOLDERS[split]} {identifier}", item

    def signature(self, item: dict[str, Any]) -> bytes:
        contents = b"".join(item[name] if isinstance(item[name], bytes) else b"-" for name in _ANNOTATIONS)
        return contents + file_size(item["image"])

    def face(self, item: dict[str, Any]) -> Face:
        return Face(
            source=item["source"],
            image=item["image"],
            box=None,
            points=_array(item, "lnd", optional=True),
            expression=whole_number("_exp.npy", _array(item, "exp")),
            valence=number("_val.npy", _array(item, "val")),
            arousal=number("_aro.npy", _array(item, "aro")),
        )


def _has_sets(folder: pathlib.Path) -> bool:
    sets = [find_entry(folder, name) for name in _SET_FOLDERS.values()]
    return all(
        path is not None and os.path.isdir(os.path.join(path, sub))
        for path in sets
        for sub in ("images", "annotations")
    )


def _add_image(images: dict[str, str], name: str, folder: str) -> None:
    identifier = name.rpartition(".")[0]
    if identifier in images:
        raise DataError(
            f"{folder}/images has two pictures of one face, {images[identifier]} and {name}. Remove the wrong one."
        )
    images[identifier] = name


def _natural_order(identifier: str) -> tuple[int, str]:
    """Numbers by value, as AffectNet's ids are; anything else after them."""
    digits = re.match(r"\d{1,18}", identifier)
    return (int(digits[0]) if digits else 1 << 62, identifier)


def _content(path: str) -> bytes | str:
    """The bytes of an annotation file, or what is wrong with it."""
    try:
        return read_regular(path, _MAX_BYTES)
    except FileNotFoundError:
        return f"no annotation file {os.path.basename(path)}"
    except OSError as error:
        return str(error)


def _array(item: dict[str, Any], name: str, *, optional: bool = False) -> np.ndarray:
    """The array of an annotation file; Skip, or an empty array where it is optional, if it is none."""
    try:
        if isinstance(item[name], str):
            raise ValueError(item[name])
        return parse_npy(item[name])
    except ValueError as error:
        if optional:
            return np.empty(0)
        raise Skip("malformed_row", f"{item['source']}: _{name}.npy: {error}") from None
