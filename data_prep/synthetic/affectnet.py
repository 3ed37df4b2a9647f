"""Draws a synthetic AffectNet in AffectNet's own raw layouts, so the real preparation code runs on it."""

from __future__ import annotations

import csv
import dataclasses
import json
import pathlib

import cv2
import numpy as np

from data_prep.affectnet_raw import COLUMNS, IMAGE_FOLDER
from data_prep.parallel import advance, parallel_map
from data_prep.synthetic.actions import express, sample_valence_arousal
from data_prep.synthetic.faces import draw_face
from data_prep.synthetic.geometry import Pose
from data_prep.synthetic.identity import sample_identity
from data_prep.synthetic.scene import draw_background, draw_occluder, light_head, photograph
from emojax.errors import ConfigError, DataError
from emojax.labels import AFFECTNET_CLASSES

# AffectNet's training counts (spec 1.2; contempt: 8-way paragraph), which the synthetic training set
# imitates.
_TRAIN_COUNTS = (74874, 134415, 25459, 14090, 6378, 3803, 24882, 3750)
_RAREST_SHARE = 0.035  # of the training set; AffectNet's own 1.3 % would leave a small set with a handful
_IMAGES_PER_PERSON = 8
_VALIDATION_PEOPLE = 1_000_000  # numbers of the people in the validation set start here: none is in training
_CHUNK = 64
_MARKER = "synthetic.json"


@dataclasses.dataclass(frozen=True)
class Sample:
    """One picture to draw. Everything else about it follows from `seed`, `split`, `index` and `person`."""

    split: str
    index: int
    label: int
    person: int

    @property
    def source(self) -> str:
        """Path of the image below the image folder; its folder is the person."""
        return f"p{self.person:07d}/{'tv'[self.split == 'validation']}{self.index:06d}.jpg"


@dataclasses.dataclass(frozen=True)
class Annotation:
    """What is known of one picture: box (x, y, width, height), landmarks [68, 2] in pixels, labels, age."""

    source: str
    box: tuple[int, int, int, int]
    landmarks: np.ndarray
    label: int
    valence: float
    arousal: float
    age: float


def class_counts(total: int, *, balanced: bool) -> list[int]:
    """Pictures for each of 8 classes: equal numbers, or AffectNet's proportions with a floor for the rare."""
    classes = len(AFFECTNET_CLASSES)
    if balanced:
        return [max(round(total / classes), 1)] * classes
    share = np.maximum(np.array(_TRAIN_COUNTS) / sum(_TRAIN_COUNTS), _RAREST_SHARE)
    counts = np.maximum(np.rint(share / share.sum() * total).astype(int), 1)
    counts[1] += max(total - int(counts.sum()), 1 - counts[1])  # the commonest class takes the rounding
    return [int(count) for count in counts]


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
    identity = sample_identity(np.random.default_rng((seed, 17, sample.person)))
    valence, arousal = sample_valence_arousal(sample.label, rng)
    actions = express(sample.label, valence, arousal, rng, identity.expressiveness)
    width, height = (int(side) for side in np.rint(size * rng.uniform(0.9, 1.25, 2)))
    pose = _sample_pose(width, height, rng)
    image = draw_background(height, width, rng)
    landmarks = draw_face(image, identity, actions, pose)
    if rng.random() < 0.16:
        draw_occluder(image, pose, rng)
    light_head(image, pose, rng)
    image = photograph(image, rng)
    box = _face_box(landmarks, width, height, rng)
    valence, arousal = round(valence, 6), round(arousal, 6)
    return image, Annotation(
        sample.source, box, landmarks, sample.label, valence, arousal, round(identity.age, 1)
    )


def _sample_pose(width: int, height: int, rng: np.random.Generator) -> Pose:
    limited = np.clip(rng.normal(size=3), -2, 2)
    scale = min(width, height) * rng.uniform(0.26, 0.36)
    x = width * 0.5 + (width * 0.5 - 1.15 * scale) * rng.uniform(-0.85, 0.85)
    y = height * 0.5 + (height * 0.5 - 1.30 * scale) * rng.uniform(-0.85, 0.85)
    return Pose(*(limited * (0.19, 0.09, 0.17)), scale=float(scale), x=float(x), y=float(y))


def _face_box(
    landmarks: np.ndarray, width: int, height: int, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """A square detector-like box (x, y, width, height) inside the picture, loosely round the landmarks."""
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    side = min(float(np.max(high - low)) * rng.uniform(1.08, 1.32), width - 1, height - 1)
    centre = 0.5 * (low + high) - (0, 0.07 * side) + rng.normal(0, 0.025, 2) * side
    corner = np.clip(centre - 0.5 * side, 0, np.array((width, height)) - side - 1)
    return int(corner[0]), int(corner[1]), int(side), int(side)


def _encode(image: np.ndarray, index: int) -> bytes:
    quality = 78 + index % 18
    return cv2.imencode(".jpg", image[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()


@dataclasses.dataclass(frozen=True)
class _Chunk:
    out: str
    layout: int
    size: int
    seed: int
    samples: tuple[Sample, ...]


def _write_chunk(chunk: _Chunk) -> list[Annotation]:
    """Draws and writes some pictures (worker); returns their annotations in order."""
    write = _write_2017 if chunk.layout == 2017 else _write_2021
    annotations = []
    for sample in chunk.samples:
        image, annotation = draw_sample(sample, chunk.size, chunk.seed)
        write(pathlib.Path(chunk.out), sample, image, annotation)
        annotations.append(annotation)
        advance()
    return annotations


def _write_2017(out: pathlib.Path, sample: Sample, image: np.ndarray, annotation: Annotation) -> None:
    path = out / IMAGE_FOLDER / annotation.source
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_encode(image, sample.index))


def layout_2021_name(source: str) -> str:
    """Name of an image in the 2021 layout, which has no folders: the person follows the number."""
    person, _, file_name = source.partition("/")
    return f"{file_name[1:].removesuffix('.jpg')}-{person}"


def _write_2021(out: pathlib.Path, sample: Sample, image: np.ndarray, annotation: Annotation) -> None:
    """Writes the face crop and its four annotation files: 0-d string arrays and the points, as AffectNet."""
    folder = out / {"train": "train_set", "validation": "val_set"}[sample.split]
    name = layout_2021_name(annotation.source)
    x, y, width, height = annotation.box
    side = 7 * image.shape[0] // 10
    crop = cv2.resize(image[y : y + height, x : x + width], (side, side), interpolation=cv2.INTER_LINEAR)
    points = (annotation.landmarks - (x, y) + 0.5) * (side / width) - 0.5
    for sub in ("images", "annotations"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    (folder / "images" / f"{name}.jpg").write_bytes(_encode(crop, sample.index))
    stem = folder / "annotations" / name
    np.save(f"{stem}_exp.npy", np.array(str(annotation.label)))
    np.save(f"{stem}_val.npy", np.array(str(annotation.valence)))
    np.save(f"{stem}_aro.npy", np.array(str(annotation.arousal)))
    np.save(f"{stem}_lnd.npy", np.round(points.reshape(-1), 2))


def annotation_row(annotation: Annotation) -> list:
    """The row of training.csv / validation.csv."""
    points = ";".join(f"{value:.2f}" for value in annotation.landmarks.reshape(-1))
    return [
        annotation.source,
        *annotation.box,
        points,
        annotation.label,
        annotation.valence,
        annotation.arousal,
    ]


def generate(
    out: pathlib.Path,
    *,
    train: int,
    validation: int,
    size: int,
    seed: int,
    layout: int,
    faults: bool,
    workers: int,
) -> dict[str, int]:
    """Draws the data set into `out`; returns the number of pictures per split.

    Does nothing when `out` already holds the same data set. Raises ConfigError for sizes out of range and
    DataError when `out` holds something else.
    """
    if not 48 <= size <= 800 or train < 16 or validation < 8:
        raise ConfigError(
            f"--size must be 48..800, --train >= 16, --val >= 8; got {size}, {train}, {validation}."
        )
    parameters = dict(train=train, validation=validation, size=size, seed=seed, layout=layout, faults=faults)
    samples = {
        split: plan_samples(split, n, seed) for split, n in (("train", train), ("validation", validation))
    }
    counts = {split: len(items) for split, items in samples.items()}
    if _claim(out, parameters):
        return counts
    everything = [sample for items in samples.values() for sample in items]
    starts = range(0, len(everything), _CHUNK)
    chunks = [_Chunk(str(out), layout, size, seed, tuple(everything[i : i + _CHUNK])) for i in starts]
    try:
        drawn = parallel_map(
            _write_chunk, chunks, workers=workers, total=len(everything), title="drawing faces"
        )
        annotations = [a for _, chunk in sorted(drawn, key=lambda item: item[0]) for a in chunk]
        _write_annotations(out, annotations, len(samples["train"]), layout)
        if faults:
            from data_prep.synthetic.faults import add_faults

            add_faults(out, annotations[0], layout)
        _mark(out, parameters, complete=True)
    except OSError as error:
        raise DataError(
            f"Cannot write the synthetic AffectNet to {out}: {error.strerror or error}."
        ) from error
    return counts


def _write_annotations(out: pathlib.Path, annotations: list[Annotation], train: int, layout: int) -> None:
    """Writes ages.csv (for --ages) and, in the 2017 layout, the two annotation files."""
    with open(out / "ages.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "age"))
        for i, annotation in enumerate(annotations):
            folder = "train_set" if i < train else "val_set"
            name = f"{folder}/images/{layout_2021_name(annotation.source)}.jpg"
            writer.writerow((annotation.source if layout == 2017 else name, annotation.age))
    if layout == 2021:
        return
    for name, rows in (("training.csv", annotations[:train]), ("validation.csv", annotations[train:])):
        with open(out / name, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(annotation_row(annotation) for annotation in rows)


def _claim(out: pathlib.Path, parameters: dict) -> bool:
    """True if `out` already holds this data set; else makes it ours. DataError if it holds something else."""
    marker = out / _MARKER
    if marker.exists():
        held = json.loads(marker.read_text())
        if held["parameters"] != parameters:
            raise DataError(
                f"{out} holds a synthetic AffectNet with other parameters ({held['parameters']}). "
                "Choose another --out, or delete that folder first."
            )
        if held["complete"]:
            return True
    elif out.exists() and any(out.iterdir()):
        raise DataError(f"{out} is not empty and not a synthetic AffectNet. Choose another --out.")
    out.mkdir(parents=True, exist_ok=True)
    _mark(out, parameters, complete=False)
    return False


def _mark(out: pathlib.Path, parameters: dict, *, complete: bool) -> None:
    (out / _MARKER).write_text(json.dumps({"parameters": parameters, "complete": complete}, indent=1))
