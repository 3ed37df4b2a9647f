"""From AffectNet's rows to records: which rows are left out, and what a record holds (spec emotion_gcn 1.2-1.9)."""

from __future__ import annotations

import csv
import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from data_prep.affectnet.face import Face
from data_prep.affectnet.layout_2017 import Layout2017
from data_prep.affectnet.layout_2021 import Layout2021
from data_prep.face_dataset import encode_face
from data_prep.locate import near, slashes
from data_prep.pipeline import Record
from emojax.data.columns import PICTURE
from emojax.data.dataset import Feature
from emojax.errors import DataError, Skip
from emojax.files import require_regular
from emojax.vision.align import MASK_SIZE, NoFaceError, crop_face, eye_mouth_mask
from emojax.vision.images import file_hash, read_image

_NO_AGE = -1.0


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the content of the records (spec 1.2 for classes, 1.6 for align, crop_anchor, size)."""

    align: str = "rotate_crop"
    crop_anchor: str = "topleft"
    size: int = 227
    classes: int = 7
    encoding: str = "jpeg"
    masks: bool = False
    align_integer: bool = False

    @property
    def needs_landmarks(self) -> bool:
        return self.align != "none" or self.masks

    def parameters(self) -> dict[str, Any]:
        """Those that decide the content, by name; later additions are listed only where they change something."""
        return {k: v for k, v in dataclasses.asdict(self).items() if k != "align_integer" or v}


@dataclasses.dataclass(frozen=True)
class AffectNetSource:
    """Converts AffectNet's rows to records; see `data_prep.pipeline.Source`."""

    layout: Layout2017 | Layout2021
    options: Options
    ages: str | None

    def read(self, items: Any) -> Iterator[tuple[str, Any]]:
        return self.layout.read(items)

    def signature(self, item: Any) -> bytes:
        return self.layout.signature(item)

    def convert(self, item: Any) -> Record:
        """Raises Skip; the cheap reasons come before the image is read."""
        options = self.options
        face = self.layout.face(item)
        if not 0 <= face.expression <= 10:
            raise Skip(
                "unknown_expression",
                f"{face.source}: expression {face.expression} is none of the codes 0..10",
            )
        if face.expression >= options.classes:
            raise Skip("class_not_used", f"{face.source}: expression code {face.expression}")
        if not (abs(face.valence) <= 1 and abs(face.arousal) <= 1):
            raise Skip("va_out_of_range", f"{face.source}: valence {face.valence}, arousal {face.arousal}")
        landmarks = self._landmarks(face)
        image = _read_image(face.image)
        box = face.box or (0, 0, image.shape[1], image.shape[0])
        try:
            crop, points = crop_face(
                image,
                box,
                landmarks,
                align=options.align,
                anchor=options.crop_anchor,
                size=options.size,
                align_integer=options.align_integer,
            )
        except NoFaceError as error:
            raise Skip(error.reason, f"{face.source}: {error}") from None
        features = {
            "image": encode_face(crop, options.encoding),
            "label": face.expression,
            "valence": face.valence,
            "arousal": face.arousal,
            "landmarks": np.zeros(136, np.float32) if points is None else points.astype(np.float32),
            "age": read_ages(self.ages).get(face.source, _NO_AGE),
            "source_id": face.source.encode("utf-8", "surrogateescape"),
        }
        if not options.needs_landmarks:
            features["landmarks_valid"] = float(points is not None)
        if options.masks:
            features["face_mask"] = eye_mouth_mask(points, options.size).tobytes()
        columns = {name: features[name] for name in ("label", "valence", "arousal", "age")}
        picture = {PICTURE: file_hash(face.image)}
        return Record(features, {**columns, **picture, "source_id": face.source})

    def _landmarks(self, face: Face) -> np.ndarray | None:
        """None where there are none and they are not needed."""
        try:
            return face.landmarks()
        except Skip:
            if self.options.needs_landmarks:
                raise
            return None


def _read_image(path: str) -> np.ndarray:
    try:
        return read_image(path)
    except Skip as skip:
        if skip.reason != "missing_image":
            raise
        raise Skip(skip.reason, f"{skip.detail}; {near(path)}") from None


def record_features(options: Options) -> dict[str, Feature]:
    """The features of `dataset.json`."""
    features = {
        "image": Feature("image", (options.size, options.size, 3), options.encoding),
        "label": Feature("int"),
        "valence": Feature("float"),
        "arousal": Feature("float"),
        "landmarks": Feature("float", (136,)),
        "age": Feature("float"),
        "source_id": Feature("bytes"),
    }
    if not options.needs_landmarks:
        features["landmarks_valid"] = Feature("float")  # 0 where there were none: `landmarks` are zeros then
    if options.masks:
        features["face_mask"] = Feature("image", (MASK_SIZE, MASK_SIZE), "raw")
    return features


@functools.cache
def read_ages(path: str | None) -> dict[str, float]:
    """Image path -> age of a CSV file with the columns path and age; read once in each worker."""
    if path is None:
        return {}
    try:
        require_regular(path)
        with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            rows = list(csv.reader(file))
        start = 1 if rows and [cell.strip().lower() for cell in rows[0][1:2]] == ["age"] else 0
        return {slashes(row[0]): float(row[1]) for row in rows[start:] if row}
    except OSError as error:
        raise DataError(f"Cannot read the ages in {path}: {error.strerror or error}.") from None
    except (ValueError, IndexError, csv.Error) as error:
        raise DataError(
            f"{path} is no table of ages: every row must be an image path and a number ({error})."
        ) from None
