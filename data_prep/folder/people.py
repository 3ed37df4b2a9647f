"""Prepares your own pictures of people in scenes: `python -m data_prep.folder.people --images DIR --labels CSV`."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import os
import pathlib
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

import emojax
from data_prep.claim import Part
from data_prep.door import INTERRUPTED, add_output_options, print_made, work_of
from data_prep.face_dataset import encode_face
from data_prep.folder.items import data_name, share, split_name
from data_prep.folder.layouts import read_box, read_rows
from data_prep.folder.splits import divide
from data_prep.pipeline import Record, ShardResult, plan_splits, sum_skipped, write_shards
from data_prep.split import read_columns, skipped_counts, write_split
from emojax import cli
from emojax.data.dataset import Dataset, Feature, save_dataset
from emojax.data.tfds_metadata import write_tfds_metadata
from emojax.errors import DataError, Skip
from emojax.graphs.statistics import people_statistics
from emojax.labels import VALENCE_AROUSAL_DOMINANCE, Labels
from emojax.vision.boxes import MAX_PEOPLE
from emojax.vision.images import encode_png, read_image
from emojax.vision.person_views import person_views

_PEOPLE_PER_SHARD = 1024
_VIEWS = ("body_box", "people_boxes", "people_count", "face_valid")


@dataclasses.dataclass(frozen=True)
class Person:
    """One row of the table.

    Attributes:
        source: picture and number of the person in it, stored as `source_id`.
        image: path of the picture.
        box: x, y, width, height of the body in pixels as stored.
        labels: one or more names.
        values: of the dimensions of the table, in [0, 1].
        others: boxes of the other people of the picture.
        split: train, validation, test, or empty.
        subject: who is never in two splits: the person, or the picture where nobody says who it is.
        label: empty: people have several, so none decides the split.
    """

    source: str
    image: str
    box: tuple[float, ...]
    labels: tuple[str, ...]
    values: tuple[float, ...] = ()
    others: tuple[tuple[float, ...], ...] = ()
    split: str = ""
    subject: str = ""
    label: str = ""


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the content of the records: side of the pictures, encoding, whether faces are looked for."""

    size: int = 224
    encoding: str = "jpeg"
    face_detector: str = "haar"

    @property
    def context_encoding(self) -> str:
        """Never JPEG: its blocks carry the person beyond the box that is hidden."""
        return "png" if self.encoding == "jpeg" else self.encoding


@dataclasses.dataclass(frozen=True)
class PeopleSource:
    """Converts people to records; see `data_prep.pipeline.Source`."""

    options: Options
    labels: Labels

    def read(self, items: Sequence[Person]) -> Iterator[tuple[str, Person]]:
        return ((person.source, person) for person in items)

    def signature(self, item: Person) -> bytes:
        try:
            size = os.stat(item.image).st_size
        except OSError:
            size = -1
        return f"{item}{size}".encode("utf-8", "surrogateescape")

    def convert(self, item: Person) -> Record:
        """Raises Skip."""
        if not item.labels:
            raise Skip("no_label", f"{item.source} has no label")
        options = self.options
        image = _read_image_once(item.image)
        box, others = _corners(item.box), [_corners(other) for other in item.others]
        views = person_views(image, box, others, options.size, find_face=options.face_detector == "haar")
        categories = np.array([name in item.labels for name in self.labels.classes], np.float32)
        truth = {"categories": categories}
        if self.labels.dimensions:
            truth["vad"] = np.float32(item.values)
        context = views["context"]
        features = {
            "context": encode_png(context) if options.encoding == "jpeg" else encode_face(context, "raw"),
            "body": encode_face(views["body"], options.encoding),
            "face": encode_face(views["face"], options.encoding),
            **{name: views[name] for name in _VIEWS},
            **truth,
            "source_id": item.source.encode("utf-8", "surrogateescape"),
        }
        columns = {**truth, "source_id": item.source, "image_id": item.image, "subject": item.subject}
        return Record(features, columns)


# People of one picture follow each other: it is decoded once for all of them.
_read_image_once = functools.lru_cache(maxsize=1)(read_image)


def _corners(box: Sequence[float]) -> tuple[float, ...]:
    x, y, width, height = box
    return x, y, x + width, y + height


def read_people(images: pathlib.Path, table: pathlib.Path) -> tuple[list[Person], tuple[str, ...]]:
    """The people of a table, and the dimensions that it has.

    Columns by name: `image` (relative to `images`), `box` (x y width height, pixels as stored), `label` (one name or
    several, ``a;b``); optional: `valence`, `arousal`, `dominance` in [0, 1], `split`, `subject`.

    Raises:
        DataError: names the table and the line.
    """
    people, dimensions = [], None
    for line, row in read_rows(table):
        if dimensions is None:
            dimensions = _columns(table, row)
        try:
            people.append(_person(images, row, dimensions, len(people)))
        except (ValueError, DataError) as error:
            raise DataError(f"{table}, line {line}: {error}") from None
    if not people:
        raise DataError(f"{table} has no rows.")
    together = defaultdict(list)
    for person in people:
        together[person.image].append(person.box)
    for i, person in enumerate(people):
        others = list(together[person.image])
        others.remove(person.box)
        people[i] = dataclasses.replace(person, others=tuple(others))
    return people, dimensions


def _columns(table: pathlib.Path, row) -> tuple[str, ...]:
    if missing := [name for name in ("image", "box", "label") if name not in row]:
        raise DataError(
            f"{table} has no column {missing[0]!r}. Its first line must name the columns image, box and label."
        )
    return tuple(name for name in VALENCE_AROUSAL_DOMINANCE if name in row)


def _person(images: pathlib.Path, row, dimensions: Sequence[str], number: int) -> Person:
    box = read_box(row["box"])
    if not row["image"] or box is None:
        raise ValueError(f"no {'box' if row['image'] else 'image'}")
    names = tuple(dict.fromkeys(name.strip() for name in (row["label"] or "").split(";") if name.strip()))
    values = tuple(_unit(row[name], name) for name in dimensions)
    return Person(
        source=f"{row['image']}#{number}",
        image=str(images / row["image"]),
        box=box,
        labels=names,
        values=values,
        split=split_name(row.get("split") or ""),
        subject=(row.get("subject") or "").strip() or row["image"],
    )


def _unit(text: str | None, name: str) -> float:
    value = float(text or "nan")
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {text!r}, not in [0, 1]; (x - 1) / 9 brings 1 to 10 there")
    return value


def prepare(
    people: Sequence[Person],
    labels: Labels,
    out: pathlib.Path,
    options: Options,
    *,
    name: str,
    validation_share: float = 0.2,
    num_shards: int | None = None,
    workers: int = 1,
    part: Part | None = None,
) -> tuple[Dataset | None, list[ShardResult]]:
    """Writes the shards and `dataset.json`; finished shards of an earlier run are kept.

    Raises:
        DataError: no person for a split, or none in training who has some label.
    """
    items = {split: tuple(own) for split, own in divide(people, validation_share).items()}
    digest = hashlib.sha256(repr([labels, items]).encode("utf-8", "surrogateescape")).hexdigest()
    shards = plan_splits(
        name,
        {split: len(own) for split, own in items.items()},
        lambda split, chosen: items[split][chosen.start : chosen.stop],
        num_shards=num_shards,
        items_per_shard=_PEOPLE_PER_SHARD,
    )
    parameters = {
        "dataset": name,
        "layout": "people",
        **dataclasses.asdict(options),
        "validation_share": validation_share,
        "shards": len(shards),
    }
    fixed = {"parameters": parameters, "inputs": digest, "title": f"preparing {name}"}
    results = write_shards(out, PeopleSource(options, labels), shards, workers=workers, part=part, **fixed)
    if part is not None:
        return None, results
    dataset = _describe(out, name, labels, options, parameters, results)
    save_dataset(dataset)
    write_tfds_metadata(dataset)
    return dataset, results


def _describe(out, name: str, labels: Labels, options: Options, parameters, results) -> Dataset:
    splits, statistics = {}, {}
    for split in dict.fromkeys(result.split for result in results):
        columns = read_columns(out, results, split)
        if not columns:
            raise DataError(f"The {split} split has no person. {dict(sum_skipped(results)[split]) or ''}")
        counts = dict(zip(labels.classes, columns["categories"].astype(int).sum(axis=0)))
        splits[split] = write_split(out, split, results, columns, counts)
        if split == "train":
            if absent := [label for label, count in counts.items() if not count]:
                raise DataError(
                    f"Nobody in the train split has the label {absent[0]!r}: it cannot be learned."
                )
            statistics = people_statistics(columns, labels)
    made = {"version": emojax.__version__, "statistics": "emojax.graphs.statistics:people_statistics"}
    features = record_features(options, labels)
    build = {**parameters, **made}
    return Dataset(str(out), name, labels, features, splits, statistics, build, skipped_counts(results))


def record_features(options: Options, labels: Labels) -> dict[str, Feature]:
    """The features of `dataset.json`. Pixels are RGB; `face_valid` is 1 or 0, and 0 comes with zeros."""
    picture = Feature("image", (options.size, options.size, 3), options.encoding)
    return {
        "context": dataclasses.replace(picture, encoding=options.context_encoding),
        "body": picture,
        "face": picture,
        "body_box": Feature("float", (4,)),
        "people_boxes": Feature("float", (MAX_PEOPLE, 4)),
        "people_count": Feature("int"),
        "face_valid": Feature("float"),
        "categories": Feature("float", (len(labels.classes),)),
        **({"vad": Feature("float", (len(labels.dimensions),))} if labels.dimensions else {}),
        "source_id": Feature("bytes"),
    }


_EPILOG = """columns of the table, by name:
  image (relative to --images), box (x y width height of the body, pixels as stored), label (one or several: joy;pride);
  optional: valence, arousal, dominance (each in [0, 1]), split, subject

then:
  python -m emojax.train --config configs/own_people.py --config.data_dir=data/people --workdir runs/people
"""


def _parser() -> cli.Parser:
    parser = cli.Parser(
        "python -m data_prep.folder.people",
        "Turns your own pictures of people in scenes, with a box and labels of each person, into TFRecord shards.",
        epilog=_EPILOG,
    )
    add, default = parser.add_argument, Options()
    add("--images", type=cli.path, required=True, metavar="DIR", help="folder of the pictures")
    add("--labels", type=cli.path, required=True, metavar="CSV", help="table of the people")
    add("--classes", type=cli.names, default=(), metavar="A,B,...", help="labels in this order [by name]")
    add("--name", default="", help="name of the data set in reports [that of the folder of the pictures]")
    add(
        "--face_detector",
        choices=("haar", "none"),
        default=default.face_detector,
        help="what looks for a face in each body box, for systems with a face stream [haar]",
    )
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
    people, dimensions = read_people(args.images, args.labels)
    labels = Labels(_classes_of(people, args.classes), dimensions)
    options = Options(args.size, args.encoding, args.face_detector)
    name = data_name(args.name, args.images)
    made = prepare(
        people, labels, args.out, options, name=name, validation_share=args.validation_share, **work_of(args)
    )
    print_made(
        args,
        made,
        then=f"Train on it: python -m emojax.train --config configs/own_people.py --config.data_dir={args.out} "
        f"--config.image_size={args.size} --workdir runs/{name}",
    )


def _classes_of(people: Sequence[Person], wanted: Sequence[str]) -> tuple[str, ...]:
    there = sorted({name for person in people for name in person.labels})
    if unknown := [name for name in there if wanted and name not in wanted]:
        raise DataError(f"The label {unknown[0]!r} is none of the classes {', '.join(wanted)}.")
    if len(there) < 2:
        raise DataError("The table has fewer than two labels: there is nothing to tell apart.")
    return tuple(wanted) or tuple(there)


if __name__ == "__main__":
    sys.exit(main())
