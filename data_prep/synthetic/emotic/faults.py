"""Deliberately bad annotations and files, as they occur in EMOTIC, to show how they are reported."""

from __future__ import annotations

import dataclasses
import pathlib

from data_prep.synthetic.affectnet.faults import damaged_pictures
from data_prep.synthetic.emotic.mat import AnnotatedImage, AnnotatedPerson
from data_prep.synthetic.emotic.rule import Annotation


def faulty_images(out: pathlib.Path, good: AnnotatedImage) -> list[AnnotatedImage]:
    """Annotations to append to the training set; their pictures are written below `out`, `good`'s exists."""
    folder = out / "emotic" / good.folder
    data = (folder / good.filename).read_bytes()
    pictures = damaged_pictures(data)
    for name, content in pictures.items():
        (folder / f"{name}.jpg").write_bytes(content)
    person = good.people[0]
    images = [_with(good, [person], filename=f"{name}.jpg") for name in ("missing", *pictures)]
    images.append(_with(good, [person], size=(good.size[1] * 2, good.size[0])))
    return [*images, _with(good, _faulty_people(person, *good.size))]


def _with(image: AnnotatedImage, people: list[AnnotatedPerson], **changes) -> AnnotatedImage:
    return dataclasses.replace(image, people=tuple(people), **changes)


def _faulty_people(person: AnnotatedPerson, width: int, height: int) -> list[AnnotatedPerson]:
    """The first two are mended, the others left out."""
    x1, y1, x2, y2 = person.box
    said = person.annotators[0]
    nan = float("nan")
    boxes = [
        (x2, y2, x1, y1),
        (x1 - width, y1 - height, x2, y2),
        (width + 50, y1, width + 90, y2),
        (x1, y1, x1, y2),
        (nan, y1, x2, y2),
    ]
    annotations = [
        Annotation((), said.vad),
        Annotation(("boredom", *said.categories), said.vad),
        Annotation(said.categories, (nan, nan, nan)),
        Annotation(said.categories, (0, 5, 11)),
    ]
    people = [dataclasses.replace(person, box=box) for box in boxes]
    return people + [dataclasses.replace(person, annotators=(each,)) for each in annotations]
