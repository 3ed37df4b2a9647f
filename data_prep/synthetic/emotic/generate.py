"""Draws a synthetic EMOTIC: people in places, in EMOTIC's own raw layout with side inputs.

Layout: `Annotations/Annotations.mat`, `emotic/<database>/images/*.jpg`, and the side inputs `openface`,
`openpose`, `depth`, `scenes` where `data_prep.emotic` looks for them by itself. How labels follow from what
is drawn: `emotic_rule`.
"""

from __future__ import annotations

import dataclasses
import pathlib

import cv2
import numpy as np

from data_prep.emotic.raw import FOLDERS
from data_prep.parallel import advance, parallel_map
from data_prep.synthetic.claim import claim, mark
from data_prep.synthetic.emotic.faults import faulty_images
from data_prep.synthetic.emotic.files import write_side_inputs
from data_prep.synthetic.emotic.mat import AnnotatedImage, AnnotatedPerson, write_annotations
from data_prep.synthetic.emotic.picture import SPLITS, Drawn, Picture, draw_picture, person_of, plan_picture
from data_prep.synthetic.emotic.rule import annotate, facts_of, sample_categories, valence_arousal_dominance
from emojax.errors import ConfigError, DataError

_CHUNK = 32
_QUALITY = 88


@dataclasses.dataclass(frozen=True)
class Settings:
    """What decides the content of the data set.

    Attributes:
        train, validation, test: pictures; each has one to four people, of whom most are annotated.
        seed: the same seed draws the same bytes.
        faults: add bad annotations and files to the training set.
    """

    train: int = 2000
    validation: int = 300
    test: int = 500
    seed: int = 0
    faults: bool = False

    def __post_init__(self):
        if min(self.train, self.validation, self.test) < 1:
            raise ConfigError(
                "A synthetic EMOTIC needs a picture in every split: --train, --val and --test are "
                f"{self.train}, {self.validation} and {self.test}."
            )


def picture_path(picture: Picture) -> tuple[str, str]:
    """Folder and file name of a picture; pictures take turns in the four databases."""
    database = FOLDERS[picture.index % len(FOLDERS)]
    return f"{database}/images", f"{picture.split}_{picture.index:06d}.jpg"


def describe_people(picture: Picture, people: list[Drawn]) -> tuple[AnnotatedPerson, ...]:
    """Boxes and annotations of the annotated people: one annotator in training, three to five in val and
    test."""
    described = []
    for number in picture.annotated:
        rng = picture.rng(200 + number)
        facts = facts_of(picture.scene, picture.people, number)
        categories = sample_categories(facts, rng)
        vad = valence_arousal_dominance(picture.scene, picture.people, number, rng)
        count = 1 if picture.split == "train" else int(rng.integers(3, 6))
        box = np.rint(people[number].box + rng.normal(0, 2.0, 4))
        age = person_of(picture.seed, picture.people[number].identity)[0].age
        described.append(
            AnnotatedPerson(
                box=box.tolist(),
                annotators=tuple(annotate(categories, vad, rng) for _ in range(count)),
                gender=str(rng.choice(("Male", "Female"))),
                age="Kid" if age < 13 else "Teenager" if age < 18 else "Adult",
            )
        )
    return tuple(described)


@dataclasses.dataclass(frozen=True)
class _Chunk:
    out: str
    seed: int
    numbers: tuple[tuple[str, int], ...]


def _write_chunk(chunk: _Chunk) -> list[AnnotatedImage]:
    """Draws and writes some pictures (worker); returns what the annotation file says about them, in order."""
    written = []
    for split, index in chunk.numbers:
        written.append(write_picture(pathlib.Path(chunk.out), plan_picture(split, index, chunk.seed)))
        advance()
    return written


def write_picture(out: pathlib.Path, picture: Picture) -> AnnotatedImage:
    """Draws a picture and writes it with its side inputs below `out`."""
    image, distance, people = draw_picture(picture)
    folder, filename = picture_path(picture)
    path = out / "emotic" / folder / filename
    path.parent.mkdir(parents=True, exist_ok=True)
    data = cv2.imencode(".jpg", image[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))[1]
    path.write_bytes(data.tobytes())
    described = describe_people(picture, people)
    stem = f"{folder}/{path.stem}"
    write_side_inputs(out, stem, picture, distance, people, [person.box for person in described])
    return AnnotatedImage(folder, filename, (picture.camera.width, picture.camera.height), described)


def generate(out: pathlib.Path, settings: Settings, workers: int) -> dict[str, int]:
    """Draws the data set into `out`; returns the number of pictures of train, val and test.

    Does nothing when `out` already holds the same data set. Raises DataError when it holds something else or
    cannot be written.
    """
    counts = dict(zip(SPLITS, (settings.train, settings.validation, settings.test)))
    content = {"dataset": "emotic", **dataclasses.asdict(settings)}
    try:
        if not claim(out, "EMOTIC", content):
            splits = _draw(out, settings, counts, workers)
            if settings.faults:
                splits["train"] += faulty_images(out, splits["train"][0])
            write_annotations(out / "Annotations" / "Annotations.mat", splits)
            mark(out, content, complete=True)
    except OSError as error:
        raise DataError(f"Cannot write a synthetic EMOTIC to {out}: {error.strerror or error}.") from error
    return counts


def _draw(
    out: pathlib.Path, settings: Settings, counts: dict[str, int], workers: int
) -> dict[str, list[AnnotatedImage]]:
    numbers = [(split, index) for split, count in counts.items() for index in range(count)]
    starts = range(0, len(numbers), _CHUNK)
    chunks = [_Chunk(str(out), settings.seed, tuple(numbers[i : i + _CHUNK])) for i in starts]
    drawn = parallel_map(_write_chunk, chunks, workers=workers, total=len(numbers), title="generating people")
    in_order = sorted(drawn, key=lambda numbered: numbered[0])
    splits: dict[str, list[AnnotatedImage]] = {split: [] for split in counts}
    for (split, _), image in zip(numbers, (image for _, chunk in in_order for image in chunk)):
        splits[split].append(image)
    return splits
