"""Reads EMOTIC as it is distributed: `Annotations.mat` beside four folders of images (context_emotion spec
1.3)."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from data_prep.locate import find_entry, find_file, find_folders, holdings, levels, only
from emojax.errors import DataError

# Name of a split here -> name of its struct array in Annotations.mat.
SPLITS = {"train": "train", "validation": "val", "test": "test"}
FOLDERS = ("mscoco", "ade20k", "framesdb", "emodb_small")
DIMENSIONS = ("valence", "arousal", "dominance")
_UNKNOWN_SIZE = (0.0, 0.0)
_FILES = ("Annotations.mat", "CVPR17_Annotations.mat")  # of 2019, of 2017
_LOOKED_FOR = 64


@dataclasses.dataclass(frozen=True)
class Person:
    """One annotated person, as found in the file: nothing is checked yet.

    Attributes:
        folder, filename: of the image, e.g. `mscoco/images` and `COCO_val2014_000000562243.jpg`.
        number: of the person in the image, from 0.
        size: width and height of the image according to the file, (0, 0) where it says nothing.
        box: body box x1, y1, x2, y2 in pixels; any other number of values is a fault of the file.
        others: body boxes of the other people of the image, those that have four values.
        categories: names; those of the only annotator (train) or combined from all (val, test).
        vad: valence, arousal, dominance on the scale 1..10, likewise; NaN where one is missing.
        annotations: JSON text of what each annotator said, and gender and age; see `_annotations`.
    """

    folder: str
    filename: str
    number: int
    size: tuple[float, float]
    box: tuple[float, ...]
    others: tuple[tuple[float, ...], ...]
    categories: tuple[str, ...]
    vad: tuple[float, float, float]
    annotations: str

    @property
    def image(self) -> str:
        """Path of the image below the folder of images."""
        return f"{self.folder}/{self.filename}"

    @property
    def source(self) -> str:
        """What identifies the person, stored as `source_id`: the image and the person's number in it."""
        return f"{self.image}#{self.number}"

    @property
    def stem(self) -> str:
        """Path of the image without its extension: side inputs are named after it."""
        return f"{self.folder}/{pathlib.PurePosixPath(self.filename).stem}"


@dataclasses.dataclass(frozen=True)
class RawEmotic:
    """Where the parts of an unpacked EMOTIC are."""

    annotations: pathlib.Path
    images: pathlib.Path


def find_emotic(raw: pathlib.Path) -> RawEmotic:
    """Finds the annotation file and the image folders, of the release of 2017 or 2019.

    `raw` may be one folder too high, or the folder of the annotations or of the images alone.

    Raises:
        DataError: one of them is missing (lists what was looked for), or there are several.
    """
    if not raw.is_dir():
        raise DataError(f"There is no folder {raw}. Give the folder of the unpacked EMOTIC as --raw.")
    above = raw.absolute().parent
    files = _annotation_files(raw, 2)
    roots = find_folders(raw, _has_images)
    if files and not roots:
        roots = [folder for folder in find_folders(above, _has_images, depth=1) if _names_emotic(folder)]
    if roots and not files:
        files = _annotation_files(above, 1)
    if len(files) > 1:
        raise DataError(
            f"There are several annotation files: {', '.join(map(str, files[:3]))}. Move away those of the releases "
            "you do not want."
        )
    if not files or not roots:
        missing = "Annotations.mat" if not files else "image folder"
        raise DataError(
            f"{raw} is no EMOTIC: there is no {missing}; it holds {holdings(raw)}. Looked for Annotations.mat or "
            f"CVPR17_Annotations.mat and for the folders {', '.join(FOLDERS)} (e.g. in emotic/ or cvpr_emotic/). "
            "Without EMOTIC, generate a synthetic one: python -m data_prep.synthetic emotic --out DIR"
        )
    ranks = [_rank(root, files[0]) for root in roots]
    fitting = [root for root, rank in zip(roots, ranks) if rank == min(ranks)]
    return RawEmotic(files[0], only(fitting, "folder of EMOTIC's images"))


def _rank(root: pathlib.Path, annotations: pathlib.Path) -> int:
    """Folders of side inputs have the same folders in them as that of the images: the name tells them apart."""
    name = root.name.lower()
    if "emotic" in name:
        return int(name.startswith("cvpr") != annotations.name.lower().startswith("cvpr"))
    return 2 if name == "images" else 3


def _annotation_files(raw: pathlib.Path, depth: int) -> list[pathlib.Path]:
    paths = [find_entry(folder, name) for level in levels(raw, depth) for folder in level for name in _FILES]
    return [pathlib.Path(path) for path in paths if path and pathlib.Path(path).is_file()]


def _has_images(folder: pathlib.Path) -> bool:
    return any((folder / name).is_dir() for name in FOLDERS)


def _names_emotic(folder: pathlib.Path) -> bool:
    """A folder beside the one that was given counts only under EMOTIC's own name."""
    return "emotic" in folder.name.lower()


def read_emotic(raw: pathlib.Path) -> tuple[RawEmotic, dict[str, list[Person]]]:
    """Where EMOTIC is, and all people of all splits; before any work, some of their pictures are looked for.

    Raises:
        DataError: as `find_emotic` and `read_annotations`, or none of the pictures is there.
    """
    found = find_emotic(raw)
    people = read_annotations(found.annotations)
    everybody = [person for split in people.values() for person in split]
    some = everybody[:: max(1, len(everybody) // _LOOKED_FOR)]
    if not any(find_file(found.images, person.image) for person in some):
        raise DataError(
            f"None of {len(some)} pictures of {found.annotations} is in {found.images}, e.g. {some[0].image}; it holds "
            f"{holdings(found.images)}. Unpack the pictures of the same release there."
        )
    return found, people


def image_path(images: str, person: Person) -> str:
    """The picture of a person; names may differ in upper and lower case. There need not be such a file."""
    return find_file(images, person.image) or f"{images}/{person.image}"


def read_annotations(path: pathlib.Path) -> dict[str, list[Person]]:
    """All people of all splits, in file order.

    Raises:
        DataError: the file is no such MATLAB file, or lacks a split.
    """
    content = _load(path)
    missing = [name for name in SPLITS.values() if name not in content]
    if missing:
        raise DataError(
            f"{path} has no struct array {missing[0]!r}: EMOTIC's file holds train, val and test. "
            "Download it again."
        )
    people = {split: list(_people(content[name])) for split, name in SPLITS.items()}
    for split, found in people.items():
        if not found:
            raise DataError(
                f"{path} has no people in {SPLITS[split]!r}: the file is incomplete. Download it again."
            )
    return people


def _load(path: pathlib.Path) -> dict[str, Any]:
    from scipy.io import loadmat  # slow to import, and only the parent process reads the file

    try:
        return loadmat(path, variable_names=list(SPLITS.values()))
    except NotImplementedError as error:
        raise DataError(
            f"{path} is a MATLAB 7.3 file. EMOTIC comes as version 5: save it again with `save(..., '-v7')`."
        ) from error
    except Exception as error:  # a damaged file makes SciPy's reader fail in many ways
        raise DataError(
            f"{path} cannot be read as a MATLAB file ({type(error).__name__}: {error}). Download it again."
        ) from error


def _people(images: Any) -> Iterator[Person]:
    for image in _structs(images):
        people = _structs(_field(image, "person"))
        boxes = [tuple(_numbers(_field(person, "body_bbox"))) for person in people]
        folder = "".join(_texts(_field(image, "folder"))).strip("/")
        filename = "".join(_texts(_field(image, "filename")))
        size = _image_size(image)
        for number, person in enumerate(people):
            others = boxes[:number] + boxes[number + 1 :]
            yield Person(
                folder=folder,
                filename=filename,
                number=number,
                size=size,
                box=boxes[number],
                others=tuple(box for box in others if len(box) == 4 and all(map(math.isfinite, box))),
                categories=_categories(person),
                vad=_vad(person),
                annotations=_annotations(person),
            )


def _image_size(image: np.void) -> tuple[float, float]:
    """Width and height; the file stores `n_col` and `n_row`."""
    sizes = [_structs(_field(image, "image_size"))]
    values = [_numbers(_field(sizes[0][0], name)) if sizes[0] else [] for name in ("n_col", "n_row")]
    known = all(len(value) == 1 and math.isfinite(value[0]) and value[0] > 0 for value in values)
    return (values[0][0], values[1][0]) if known else _UNKNOWN_SIZE


def _categories(person: np.void) -> tuple[str, ...]:
    """Combined categories where there are several annotators, else those of the one."""
    if "combined_categories" in person.dtype.names:
        return tuple(_texts(person["combined_categories"]))
    return tuple(name for each in _annotator_categories(person) for name in each)


def _vad(person: np.void) -> tuple[float, float, float]:
    combined = "combined_continuous" in person.dtype.names
    values = _continuous(_field(person, "combined_continuous" if combined else "annotations_continuous"))
    return values[0] if len(values) == 1 else (math.nan,) * 3


def _annotator_categories(person: np.void) -> list[list[str]]:
    annotators = _structs(_field(person, "annotations_categories"))
    return [_texts(_field(annotator, "categories")) for annotator in annotators]


def _continuous(value: Any) -> list[tuple[float, float, float]]:
    """Valence, arousal and dominance of each struct of an array."""
    rows = []
    for struct in _structs(value):
        numbers = [_numbers(_field(struct, name)) for name in DIMENSIONS]
        rows.append(tuple(number[0] if len(number) == 1 else math.nan for number in numbers))
    return rows


def _annotations(person: np.void) -> str:
    """JSON object: `categories` (list of names for each annotator), `continuous` ([valence, arousal,
    dominance] or null for each annotator, not always the same people), `gender`, `age`."""
    continuous = _continuous(_field(person, "annotations_continuous"))
    return json.dumps(
        {
            "categories": _annotator_categories(person),
            "continuous": [[None if math.isnan(x) else x for x in row] for row in continuous],
            "gender": "".join(_texts(_field(person, "gender"))),
            "age": "".join(_texts(_field(person, "age"))),
        }
    )


# MATLAB has no scalars: everything is an array, a struct array may have one element or none, a cell array of
# one string may have been squeezed to the string. The functions below take a value in any of these forms.


def _field(struct: np.void, name: str) -> Any:
    """A field of a struct, or nothing if it has none of that name."""
    return struct[name] if name in (struct.dtype.names or ()) else None


def _structs(value: Any) -> list[np.void]:
    """The elements of a struct array or of a cell array of structs."""
    if isinstance(value, np.void):
        return [value]
    if not isinstance(value, np.ndarray):
        return []
    if value.dtype.names:
        return list(value.reshape(-1))
    return (
        [struct for item in value.reshape(-1) for struct in _structs(item)] if value.dtype == object else []
    )


def _texts(value: Any) -> list[str]:
    """The strings of a char array or of a cell array."""
    if isinstance(value, str):
        return [value.strip()] if value.strip() else []
    if isinstance(value, np.ndarray) and value.dtype.kind in "UO":
        return [text for item in value.reshape(-1) for text in _texts(item)]
    return []


def _numbers(value: Any) -> list[float]:
    """The numbers of a numeric array or of a cell array, in MATLAB's order for a row or column."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [number for item in value.reshape(-1) for number in _numbers(item)]
    if isinstance(value, np.ndarray | np.number | int | float) and np.asarray(value).dtype.kind in "iufb":
        return [float(number) for number in np.asarray(value).reshape(-1)]
    return []
