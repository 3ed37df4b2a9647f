"""Prepares your own pictures: `python -m data_prep.folder --images DIR --out DIR`."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from data_prep.claim import Part
from data_prep.door import INTERRUPTED, add_output_options, print_made, work_of
from data_prep.face_dataset import describe, encode_face
from data_prep.folder.items import Found, Item, data_name, share
from data_prep.folder.layouts import find_layout
from data_prep.folder.splits import divide
from data_prep.pipeline import Record, ShardResult, plan_splits, write_shards
from emojax import cli
from emojax.data.columns import PICTURE
from emojax.data.dataset import Dataset, Feature, save_dataset
from emojax.data.tfds_metadata import write_tfds_metadata
from emojax.errors import ConfigError, DataError, Skip
from emojax.labels import VALENCE_AROUSAL, Labels
from emojax.vision.detectors import make_detector, resolve
from emojax.vision.face_crop import FaceCrop
from emojax.vision.faces import DetectedFace
from emojax.vision.images import file_hash, read_image

NAME = "folder"
_ITEMS_PER_SHARD = 2048
_FER_SIDE = 48
MAX_CLASSES = 100


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the content of the records.

    Attributes:
        size: side of the crops in pixels.
        faces: `given` (the box of the table, else the whole picture) or `detect` (the largest face that is found).
        align: `none`, or `rotate_crop` (level the eyes that are given or found).
        box_margin: share of the box added on each of its sides.
        detector: see `emojax.vision.detectors.make_detector`.
        encoding: `jpeg` or `raw`.
    """

    size: int = 112
    faces: str = "given"
    align: str = "none"
    box_margin: float = 0.0
    detector: str = "haar"
    encoding: str = "jpeg"


@dataclasses.dataclass(frozen=True)
class FolderSource:
    """Converts items to records; see `data_prep.pipeline.Source`."""

    options: Options
    labels: Labels
    has_subjects: bool
    has_votes: bool = False

    def read(self, items: Sequence[Item]) -> Iterator[tuple[str, Item]]:
        return ((item.source, item) for item in items)

    def signature(self, item: Item) -> bytes:
        try:
            size = os.stat(item.image).st_size if item.image else len(item.pixels)
        except OSError:
            size = -1
        return f"{item}{size}".encode("utf-8", "surrogateescape")

    def convert(self, item: Item) -> Record:
        """Raises Skip; the cheap reasons come before the picture is read."""
        if item.unusable:
            raise Skip(*item.unusable)
        values: dict[str, Any] = {}
        if self.labels.classes:
            if not item.label:
                raise Skip("no_label", f"{item.source} has no label")
            values["label"] = self.labels.classes.index(item.label)
        if self.labels.dimensions:
            if item.valence is None or item.arousal is None:
                raise Skip("no_valence_arousal", f"{item.source} has no valence or no arousal")
            values |= {"valence": item.valence, "arousal": item.arousal}
        features = {
            "image": encode_face(self._face(item), self.options.encoding),
            **values,
            "source_id": item.source.encode("utf-8", "surrogateescape"),
        }
        # Who has no name counts as a person of his own.
        subject = {"subject": item.subject or item.source} if self.has_subjects else {}
        votes = {"votes": self._votes(item)} if self.has_votes else {}
        picture = {} if item.pixels else {PICTURE: file_hash(item.image)}
        return Record(features, {**values, **votes, **subject, **picture, "source_id": item.source})

    def _votes(self, item: Item) -> np.ndarray:
        """``[C]`` float32; one for its label where a picture has no votes."""
        given = dict(item.votes or ((item.label, 1),))
        return np.array([given.get(name, 0) for name in self.labels.classes], np.float32)

    def _face(self, item: Item) -> np.ndarray:
        """The crop, BGR."""
        options = self.options
        detects = options.faces == "detect"
        image = (
            _pixels(item)
            if item.pixels
            else read_image(item.image, upright=item.box is None and item.points is None)
        )
        whole = (0.0, 0.0, float(image.shape[1]), float(image.shape[0]))
        points = None if item.points is None else np.reshape(item.points, (-1, 2))
        face = DetectedFace(item.box or whole, points)
        if detects and item.box is None:
            found = _detector(options.detector)(image)
            if not found:
                raise Skip("no_face", f"{item.source} shows no face that is found")
            face = max(found, key=lambda one: one.box[2] * one.box[3])
        cropped = item.box is not None or detects
        crop = FaceCrop(options.size, options.align, margin=options.box_margin if cropped else 0.0)
        return cv2.cvtColor(crop(image, face), cv2.COLOR_RGB2BGR)


@functools.cache
def _detector(name: str):
    return make_detector(name)


def _pixels(item: Item) -> np.ndarray:
    try:
        grey = np.array(item.pixels.split(), np.uint8).reshape(_FER_SIDE, _FER_SIDE)
    except (ValueError, OverflowError):
        raise Skip("bad_pixels", f"{item.source} does not hold 48 x 48 grey values") from None
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)


def prepare(
    found: Found,
    out: pathlib.Path,
    options: Options,
    *,
    name: str,
    classes: Sequence[str] = (),
    validation_share: float = 0.2,
    num_shards: int | None = None,
    workers: int = 1,
    part: Part | None = None,
) -> tuple[Dataset | None, list[ShardResult]]:
    """Writes the shards and `dataset.json`; finished shards of an earlier run are kept.

    Args:
        found: the items of a layout.
        out: folder to write to.
        options: see `Options`.
        name: of the data set.
        classes: class names in the wanted order; those of the layout, else sorted by name.
        validation_share: see `splits.divide`.
        num_shards: of the training split, by default from its size.
        workers: processes.
        part: see `write_shards`.

    Raises:
        DataError: too few or too many classes, a label that is none of `classes`, no picture for a split.
    """
    labels = _labels_of(found, classes)
    splits = divide(found.items, validation_share)
    items = {split: tuple(own) for split, own in splits.items()}
    digest = hashlib.sha256(repr([labels, items]).encode("utf-8", "surrogateescape")).hexdigest()
    shards = plan_splits(
        name,
        {split: len(own) for split, own in items.items()},
        lambda split, chosen: items[split][chosen.start : chosen.stop],
        num_shards=num_shards,
        items_per_shard=_ITEMS_PER_SHARD,
    )
    parameters = {
        "dataset": name,
        **dataclasses.asdict(options),
        "layout": found.layout,
        "validation_share": validation_share,
        "shards": len(shards),
    }
    votes = bool(labels.classes) and any(item.votes for item in found.items)
    source = FolderSource(options, labels, any(item.subject for item in found.items), votes)
    fixed = {"parameters": parameters, "inputs": digest, "title": f"preparing {name}"}
    results = write_shards(out, source, shards, workers=workers, part=part, **fixed)
    if part is not None:
        return None, results
    dataset = describe(out, name, labels, record_features(options, labels), parameters, results)
    save_dataset(dataset)
    write_tfds_metadata(dataset)
    return dataset, results


def record_features(options: Options, labels: Labels) -> dict[str, Feature]:
    """The features of `dataset.json`."""
    return {
        "image": Feature("image", (options.size, options.size, 3), options.encoding),
        **({"label": Feature("int")} if labels.classes else {}),
        **{name: Feature("float") for name in labels.dimensions},
        "source_id": Feature("bytes"),
    }


def _labels_of(found: Found, wanted: Sequence[str]) -> Labels:
    given = {name for item in found.items for name in (item.label, *dict(item.votes)) if name}
    there = sorted(given)
    classes = tuple(wanted) or found.classes or tuple(there)
    if unknown := [name for name in there if name not in classes]:
        raise DataError(f"The label {unknown[0]!r} is none of the classes {', '.join(classes)}.")
    has_values = any(item.valence is not None and item.arousal is not None for item in found.items)
    if not there and not has_values:
        raise DataError(
            "No picture has a label, and none has valence and arousal: there is nothing to learn."
        )
    if there and not 2 <= len(classes) <= MAX_CLASSES:
        raise DataError(f"There are {len(classes)} classes; from 2 to {MAX_CLASSES} are possible.")
    return Labels(classes if there else (), VALENCE_AROUSAL if has_values else ())


_EPILOG = """examples:
  python -m data_prep.folder --images faces --out data/own
      faces/CLASS/*.jpg, or faces/train/CLASS/*.jpg and faces/validation/CLASS/*.jpg
  python -m data_prep.folder --images photos --labels labels.csv --faces detect --out data/own
      columns by name: image, label, valence, arousal, split, subject, box (x y width height); all but image optional;
      landmarks x_0, y_0 to x_67, y_67, or left_eye_x, left_eye_y, right_eye_x, right_eye_y;
      a label may be several, joy;surprise: the first is the class, all of them make the label graph
  python -m data_prep.folder --images RAF-DB/basic --out data/raf_db
      EmoLabel/list_patition_label.txt and Image/aligned
  python -m data_prep.folder --images fer2013.csv --votes fer2013new.csv --size 48 --out data/ferplus
      FER2013 with the votes of FERPlus; without --votes its own labels

then:
  python -m emojax.train --config configs/own.py --config.data_dir=data/own --workdir runs/own
"""


def _parser() -> cli.Parser:
    parser = cli.Parser(
        "python -m data_prep.folder",
        "Turns your own pictures of faces into TFRecord shards: class folders, a table of labels, RAF-DB, FER2013.",
        epilog=_EPILOG,
    )
    add, default = parser.add_argument, Options()
    add(
        "--images", type=cli.path, required=True, metavar="DIR", help="folder of the pictures, or fer2013.csv"
    )
    add(
        "--labels",
        type=cli.path,
        metavar="CSV",
        help="table of labels; without it the folders are the classes",
    )
    add("--votes", type=cli.path, metavar="CSV", help="fer2013new.csv of FERPlus")
    add(
        "--classes", type=cli.names, default=(), metavar="A,B,...", help="class names in this order [by name]"
    )
    add("--name", default="", help="name of the data set in reports [that of the folder of the pictures]")
    add(
        "--faces",
        choices=("given", "detect"),
        default=default.faces,
        help="given: the box of the table, else the whole picture; detect: the largest face that is found [given]",
    )
    add(
        "--align",
        choices=("none", "rotate_crop"),
        default="none",
        help="level the eyes, found with the faces or given in the table [none]",
    )
    add("--detector", default="auto", help="auto, blazeface, haar, or package.module:function [auto]")
    add("--box_margin", type=share, default=0.0, metavar="SHARE", help="widen each side of a box by this [0]")
    add(
        "--validation_share",
        type=share,
        default=0.2,
        metavar="SHARE",
        help="of the training pictures where none is for validation; people are never divided [0.2]",
    )
    add_output_options(parser, default_size=default.size)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv, interrupted=INTERRUPTED)


def _run(args: argparse.Namespace) -> None:
    if args.faces == "detect":
        _detector(args.detector)  # a mistake in its name is reported before any picture is read
    detector = resolve(args.detector) if args.faces == "detect" else "none"
    options = Options(args.size, args.faces, args.align, args.box_margin, detector, args.encoding)
    found = find_layout(args.images, args.labels, args.votes)
    if args.align != "none" and args.faces != "detect" and not any(item.points for item in found.items):
        raise ConfigError(
            "--align levels eyes: find them with --faces detect, or give landmarks or eyes as columns of --labels."
        )
    name = data_name(args.name, args.images)
    made = prepare(
        found,
        args.out,
        options,
        name=name,
        classes=args.classes,
        validation_share=args.validation_share,
        **work_of(args),
    )
    print_made(
        args,
        made,
        then=f"Train on it: python -m emojax.train --config configs/own.py --config.data_dir={args.out} "
        f"--config.image_size={args.size} --workdir runs/{name}",
    )
