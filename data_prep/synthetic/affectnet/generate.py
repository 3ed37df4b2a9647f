"""Draws a synthetic AffectNet in AffectNet's own raw layouts, so the real preparation code runs on it."""

from __future__ import annotations

import dataclasses
import functools
import pathlib

import numpy as np

from data_prep.parallel import advance, parallel_map
from data_prep.synthetic.actions import express, sample_valence_arousal
from data_prep.synthetic.affectnet.faults import add_faults
from data_prep.synthetic.affectnet.files import Annotation, write_2017, write_2021, write_ages, write_lists
from data_prep.synthetic.claim import claim, mark
from data_prep.synthetic.faces import draw_face
from data_prep.synthetic.geometry import Pose
from data_prep.synthetic.identity import Identity, sample_identity
from data_prep.synthetic.proportions import imbalanced_counts
from data_prep.synthetic.scene import draw_background, draw_occluder, light_head, photograph
from emojax.datasets import AFFECTNET
from emojax.errors import ConfigError, DataError
from emojax.labels import AFFECTNET_CLASSES

_RAREST_SHARE = 0.035  # of the training set; AffectNet's own 1.3 % would leave a small set with a handful
_IMAGES_PER_PERSON = 8
_VALIDATION_PEOPLE = 1_000_000  # people of the validation set are numbered from here: none is in training
_OCCLUDED_SHARE = 0.16
_CHUNK = 64


@dataclasses.dataclass(frozen=True)
class Settings:
    """What decides the content of the data set.

    Attributes:
        train: training pictures, imbalanced.
        validation: validation pictures, balanced, rounded to a multiple of the 8 classes.
        size: side of a picture in pixels, roughly: sides vary.
        seed: the same seed draws the same bytes.
        layout: 2017 (whole pictures and CSV files) or 2021 (face crops and NumPy files).
        faults: add bad rows and files.
    """

    train: int = 6000
    validation: int = 800
    size: int = 150
    seed: int = 0
    layout: int = 2017
    faults: bool = False

    def __post_init__(self):
        if not 48 <= self.size <= 800 or self.train < 16 or self.validation < 8:
            raise ConfigError(
                f"A synthetic AffectNet needs --size 48..800, --train >= 16 and --val >= 8, "
                f"not {self.size}, {self.train} and {self.validation}."
            )


@dataclasses.dataclass(frozen=True)
class Sample:
    """One picture to draw. Everything else about it follows from these and the seed."""

    split: str
    index: int
    label: int
    person: int

    @property
    def source(self) -> str:
        return f"p{self.person:07d}/{self.split[0]}{self.index:06d}.jpg"


def class_counts(total: int, *, balanced: bool) -> list[int]:
    """Pictures for each of 8 classes: equal numbers, or AffectNet's proportions with a floor for the rare."""
    if balanced:
        return [max(round(total / len(AFFECTNET_CLASSES)), 1)] * len(AFFECTNET_CLASSES)
    published = AFFECTNET.known_counts(AFFECTNET_CLASSES)["train"]
    return imbalanced_counts(published.values(), total, _RAREST_SHARE)


def plan_samples(split: str, total: int, seed: int) -> list[Sample]:
    """The pictures of a split, in file order: labels shuffled, people drawn from the split's own crowd."""
    validation = split == "validation"
    rng = np.random.default_rng((seed, 11, validation))
    labels = np.repeat(np.arange(len(AFFECTNET_CLASSES)), class_counts(total, balanced=validation))
    rng.shuffle(labels)
    people = rng.integers(0, max(len(labels) // _IMAGES_PER_PERSON, 4), len(labels))
    first = _VALIDATION_PEOPLE if validation else 0
    return [Sample(split, i, int(label), int(first + p)) for i, (label, p) in enumerate(zip(labels, people))]


def draw_sample(sample: Sample, size: int, seed: int) -> tuple[np.ndarray, Annotation]:
    """Draws one picture, `[H, W, 3]` uint8 RGB with sides around `size` pixels, and its annotation."""
    rng = np.random.default_rng((seed, 13, sample.split == "validation", sample.index))
    identity = _person(sample.person, seed)
    valence, arousal = sample_valence_arousal(sample.label, rng)
    actions = express(sample.label, valence, arousal, rng, identity.expressiveness)
    width, height = (int(side) for side in np.rint(size * rng.uniform(0.9, 1.25, 2)))
    pose = _sample_pose(width, height, rng)
    image = draw_background(height, width, rng)
    landmarks = draw_face(image, identity, actions, pose)
    if rng.random() < _OCCLUDED_SHARE:
        draw_occluder(image, pose, rng)
    light_head(image, pose, rng)
    image = photograph(image, rng)
    return image, Annotation(
        split=sample.split,
        source=sample.source,
        box=_face_box(landmarks, width, height, rng),
        landmarks=landmarks,
        label=sample.label,
        valence=round(valence, 6),
        arousal=round(arousal, 6),
        age=round(identity.age, 1),
    )


@functools.lru_cache(4096)
def _person(number: int, seed: int) -> Identity:
    return sample_identity(np.random.default_rng((seed, 17, number)))


def _sample_pose(width: int, height: int, rng: np.random.Generator) -> Pose:
    limited = np.clip(rng.normal(size=3), -2, 2)
    scale = min(width, height) * rng.uniform(0.26, 0.36)
    x = width * 0.5 + (width * 0.5 - 1.15 * scale) * rng.uniform(-0.85, 0.85)
    y = height * 0.5 + (height * 0.5 - 1.30 * scale) * rng.uniform(-0.85, 0.85)
    return Pose(*(limited * (0.19, 0.09, 0.17)), scale=float(scale), x=float(x), y=float(y))


def _face_box(landmarks: np.ndarray, width: int, height: int, rng: np.random.Generator) -> tuple:
    """A square, detector-like box (x, y, width, height) inside the picture, loosely round the landmarks."""
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    side = min(float(np.max(high - low)) * rng.uniform(1.08, 1.32), width - 1, height - 1)
    centre = 0.5 * (low + high) - (0, 0.07 * side) + rng.normal(0, 0.025, 2) * side
    corner = np.clip(centre - 0.5 * side, 0, np.array((width, height)) - side - 1)
    return int(corner[0]), int(corner[1]), int(side), int(side)


@dataclasses.dataclass(frozen=True)
class _Chunk:
    out: str
    settings: Settings
    samples: tuple[Sample, ...]


def _write_chunk(chunk: _Chunk) -> list[Annotation]:
    """Draws and writes some pictures (worker); returns their annotations in order."""
    settings = chunk.settings
    write = write_2017 if settings.layout == 2017 else write_2021
    annotations = []
    for sample in chunk.samples:
        image, annotation = draw_sample(sample, settings.size, settings.seed)
        write(pathlib.Path(chunk.out), image, annotation, quality=78 + sample.index % 18)
        annotations.append(annotation)
        advance()
    return annotations


def generate(out: pathlib.Path, settings: Settings, workers: int) -> dict[str, int]:
    """Draws the data set into `out`; returns the number of pictures per split.

    Does nothing when `out` already holds the same data set. Raises DataError when it holds something else or
    cannot be written.
    """
    train = plan_samples("train", settings.train, settings.seed)
    validation = plan_samples("validation", settings.validation, settings.seed)
    samples = [*train, *validation]
    content = dataclasses.asdict(settings)
    try:
        if not claim(out, "AffectNet", content):
            annotations = _draw(out, settings, samples, workers)
            write_ages(out, annotations, settings.layout)
            if settings.layout == 2017:
                write_lists(out, annotations)
            if settings.faults:
                add_faults(out, annotations[0], settings.layout)
            mark(out, content, complete=True)
    except OSError as error:
        raise DataError(f"Cannot write a synthetic AffectNet to {out}: {error.strerror or error}.") from error
    return {"train": len(train), "validation": len(validation)}


def _draw(out: pathlib.Path, settings: Settings, samples: list[Sample], workers: int) -> list[Annotation]:
    starts = range(0, len(samples), _CHUNK)
    chunks = [_Chunk(str(out), settings, tuple(samples[i : i + _CHUNK])) for i in starts]
    drawn = parallel_map(_write_chunk, chunks, workers=workers, total=len(samples), title="generating faces")
    in_order = sorted(drawn, key=lambda numbered: numbered[0])
    return [annotation for _, chunk in in_order for annotation in chunk]
