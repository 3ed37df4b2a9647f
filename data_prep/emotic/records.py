"""From the people of EMOTIC to the records of its shards (context_emotion spec 1.2-1.3, 10)."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from data_prep.emotic.raw import Person, image_path
from data_prep.emotic.side import (
    NUM_ATTRIBUTES,
    NUM_SCENES,
    SideInputs,
    Status,
    depth_map,
    face_crop,
    pose_joints,
    scene_scores,
    signature,
)
from data_prep.emotic.statistics import SIDE_INPUTS, category_bits
from data_prep.pipeline import Record
from emojax.data.dataset import Feature
from emojax.errors import Skip
from emojax.graphs.openpose import NUM_JOINTS
from emojax.labels import EMOTIC_LABELS
from emojax.vision.boxes import MAX_PEOPLE, context_box, crop, people_boxes, resize, usable_box
from emojax.vision.images import encode_jpeg, encode_png, orientation, read_image
from emojax.vision.poses import POSE_SIZE, pose_vector

VAD_SCALES = ("tenth", "unit")
_SAME_ASPECT = 0.02
_ALIASES = {"disconnect": "disconnection"}  # BoLD's spelling, found in copies of the list


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the content of the records. Sources: spec 1.3 (size), 10 G2 (vad_scale)."""

    size: int = 224
    encoding: str = "jpeg"
    vad_scale: str = "tenth"

    @property
    def context_encoding(self) -> str:
        """Never JPEG: its blocks of 16 px carry the agent beyond the body box, past what masking hides."""
        return "png" if self.encoding == "jpeg" else self.encoding


@dataclasses.dataclass(frozen=True)
class EmoticSource:
    """Converts EMOTIC's people to records; see `data_prep.pipeline.Source`."""

    images: str
    sides: SideInputs
    options: Options

    def read(self, items: Sequence[Person]) -> Iterator[tuple[str, Person]]:
        for person in items:
            yield person.source, person

    def signature(self, item: Person) -> bytes:
        return signature([image_path(self.images, item), *self.sides.paths(item)])

    def convert(self, item: Person) -> Record:
        """Raises Skip; the cheap reasons come before the image is read."""
        bits = _checked_labels(item)
        path = image_path(self.images, item)
        image = _read_image_once(path)
        height, width = image.shape[:2]
        box = usable_box(box_in_image(item, path, width, height), width, height)
        size = self.options.size
        people, count = people_boxes(box, item.others, width, height)
        features = {
            "context": _encode(resize(image, size), self.options.context_encoding),
            "body_box": context_box(box, width, height, size),
            "body": _encode(crop(image, box, size), self.options.encoding),
            "people_boxes": people,
            "people_count": count,
            "categories": _multi_hot(bits),
            "vad": np.float32(scale_vad(np.array(item.vad), self.options.vad_scale)),
            "vad_raw": np.float32(item.vad),
            "annotations": item.annotations.encode(),
            "source_id": item.source.encode("utf-8", "surrogateescape"),
        }
        columns = {name: features[name] for name in ("categories", "vad", "vad_raw")}
        columns |= {"source_id": item.source, "image_id": item.image}
        self._add_side_inputs(item, image, box, features, columns)
        return Record(features, columns)

    def _add_side_inputs(self, item: Person, image: np.ndarray, box, features: dict, columns: dict) -> None:
        size = self.options.size
        face, columns["face_status"] = face_crop(self.sides, item, image, box, size)
        joints, columns["pose_status"] = pose_joints(self.sides, item, box)
        scenes, attributes, *found = scene_scores(self.sides, item)
        columns["scene_status"], columns["attribute_status"] = found
        depth, columns["depth_status"] = depth_map(self.sides, item, size)
        features |= {
            "face": _encode(face, self.options.encoding),
            "pose": pose_vector(joints),
            "joints": joints.astype(np.float32),
            "scene_scores": scenes,
            "attribute_scores": attributes,
            "depth": _encode(depth, "png"),
        }
        for name in SIDE_INPUTS:
            status = columns[f"{name}_status"] = int(columns[f"{name}_status"])
            features[f"{name}_valid"] = float(status == Status.VALID)
        share = depth.astype(np.float64) / 255
        columns |= {"_depth_mean": float(share.mean()), "_depth_square": float((share * share).mean())}


def _encode(image: np.ndarray, encoding: str) -> bytes:
    """A BGR image, or a grey one as PNG, as `Feature.encoding` names it."""
    if encoding == "jpeg":
        return encode_jpeg(image)
    if encoding == "png":
        return encode_png(image)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).tobytes()


# People of one image follow each other: each worker decodes the image once for all of them.
_read_image_once = functools.lru_cache(maxsize=1)(read_image)


def _checked_labels(person: Person) -> int:
    """The categories as bits, or Skip: `no_categories`, `unknown_category`, `nan_vad`, `vad_out_of_range`."""
    if not person.categories:
        raise Skip("no_categories", "the person has no category")
    names = ["".join(name.split()).lower() for name in person.categories]
    try:
        bits = category_bits(_ALIASES.get(name, name) for name in names)
    except ValueError:
        odd = sorted({name for name in names if _ALIASES.get(name, name) not in EMOTIC_LABELS.classes})
        raise Skip("unknown_category", f"{', '.join(odd)} is none of EMOTIC's 26 categories") from None
    if any(math.isnan(value) for value in person.vad):
        raise Skip("nan_vad", f"valence, arousal, dominance are {list(person.vad)}")
    if not all(1 <= value <= 10 for value in person.vad):
        raise Skip("vad_out_of_range", f"valence, arousal, dominance are {list(person.vad)}, not in 1..10")
    return bits


def box_in_image(person: Person, path: str, width: int, height: int) -> tuple[float, ...]:
    """The body box in pixels of the image as it is stored.

    The image may be a larger or smaller copy of the annotated one. Where the annotated size has width and height
    exchanged, as in lists of 2017, the box holds as it stands if it lies in the image and the file names no rotation.

    Args:
        person: with box and annotated size.
        path: of the image file.
        width: of the image, px.
        height: of the image, px.

    Raises:
        Skip: `image_size_differs`: other proportions, or a box that was drawn on a turned picture.
    """
    if (width, height) == person.size or not all(person.size):
        return person.box
    across, down = width / person.size[0], height / person.size[1]
    if abs(across / down - 1) <= _SAME_ASPECT:
        return tuple(value * (across, down)[i % 2] for i, value in enumerate(person.box))
    sizes = f"the image has {width} x {height} pixels, not the {person.size[0]:.0f} x {person.size[1]:.0f} annotated"
    if (height, width) != person.size:
        raise Skip("image_size_differs", sizes)
    if not _lies_in(person.box, width, height) or orientation(path) != 1:
        raise Skip("image_size_differs", f"{sizes}, and the box was drawn on the turned picture")
    return person.box


def _lies_in(box: Sequence[float], width: int, height: int) -> bool:
    """Whether no corner is outside by more than a pixel; a box that is none at all is refused by `usable_box`."""
    return all(not value > (width, height)[i % 2] + 1 for i, value in enumerate(box))


def _multi_hot(bits: int) -> np.ndarray:
    return np.array([bits >> i & 1 for i in range(len(EMOTIC_LABELS.classes))], np.float32)


def scale_vad(vad: np.ndarray, scale: str) -> np.ndarray:
    """Valence, arousal, dominance from 1..10 to [0, 1]: x / 10 (`tenth`) or (x - 1) / 9 (`unit`), spec 10
    G2."""
    return vad / 10 if scale == "tenth" else (vad - 1) / 9


def record_features(options: Options) -> dict[str, Feature]:
    """The features of `dataset.json`. Pixels are RGB; `*_valid` is 1 or 0, and 0 comes with zeros."""
    picture = Feature("image", (options.size, options.size, 3), options.encoding)
    return {
        "context": dataclasses.replace(picture, encoding=options.context_encoding),
        "body_box": Feature("float", (4,)),
        "body": picture,
        "face": picture,
        "face_valid": Feature("float"),
        "pose": Feature("float", (POSE_SIZE,)),
        "joints": Feature("float", (NUM_JOINTS, 3)),
        "pose_valid": Feature("float"),
        "scene_scores": Feature("float", (NUM_SCENES,)),
        "scene_valid": Feature("float"),
        "attribute_scores": Feature("float", (NUM_ATTRIBUTES,)),
        "attribute_valid": Feature("float"),
        # Always PNG: depth maps of people who have none take 100 bytes, whatever --encoding says.
        "depth": Feature("image", (options.size, options.size), "png"),
        "depth_valid": Feature("float"),
        "people_boxes": Feature("float", (MAX_PEOPLE, 4)),
        "people_count": Feature("int"),
        "categories": Feature("float", (len(EMOTIC_LABELS.classes),)),
        "vad": Feature("float", (3,)),
        "vad_raw": Feature("float", (3,)),
        "annotations": Feature("bytes"),
        "source_id": Feature("bytes"),
    }
