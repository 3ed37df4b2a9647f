"""Draws a synthetic film and writes it with its annotations in the raw layout that `data_prep.affwild.raw` reads."""

from __future__ import annotations

import csv
import dataclasses
import os
import pathlib
from collections.abc import Sequence

import cv2
import numpy as np

from data_prep.affwild.joystick import FRAMES_PER_SECOND, SCALE
from data_prep.parallel import advance
from data_prep.synthetic.affwild.play import CATEGORY_OF, MEMORY, Person, perform
from data_prep.synthetic.faces import draw_face
from data_prep.synthetic.scene import draw_background, light_head, photograph
from emojax.errors import DataError
from emojax.labels import AFFWILD_CLASSES

_MARGIN = 0.12  # of the face's landmarks, around them, in what the detector finds
_LOST_SHARE = 0.08  # frames in which no face is found, in short runs
_REACTION = 0.12  # seconds; what the annotator's hand adds to the delay wanders
_TREMBLE = 8.0  # of the joystick's 1000


@dataclasses.dataclass(frozen=True)
class Film:
    """A film to draw.

    Attributes:
        name: of its file.
        split: of `data_prep.affwild.raw.SPLITS`.
        people: numbers of those in it, from left to right: one or two.
        num_frames: at 30 frames a second.
        rate: frames a second of the file.
    """

    name: str
    split: str
    people: tuple[int, ...]
    num_frames: int
    rate: float = FRAMES_PER_SECOND


def performers(film: Film, seed: int, memory: int = MEMORY) -> list[Person]:
    """The people of a film; of two the left one has a track of its own name (affwild_gan spec 1.2, step 6)."""
    names = [film.name] if len(film.people) == 1 else [f"{film.name}_left", film.name]
    return [perform(name, n, film.num_frames, seed, memory) for name, n in zip(names, film.people)]


def write_film(out: pathlib.Path, film: Film, size: int, seed: int, memory: int) -> None:
    """Writes video, boxes, joystick files and categories of a film below `out`."""
    people = performers(film, seed, memory)
    boxes = _write_video(out / "videos" / f"{film.name}.avi", film, people, size, seed)
    rng = np.random.default_rng((seed, 47, film.people[0]))
    _write_boxes(out / "boxes" / f"{film.name}.csv", boxes, rng)
    for person in people:
        for kind, values in (("valence", person.valence), ("arousal", person.arousal)):
            _write_joystick(out / "annotations" / f"{person.name}_{kind}.txt", values, rng)
        _write_categories(out / "categories" / f"{person.name}.csv", person)


def _write_video(
    path: pathlib.Path, film: Film, people: Sequence[Person], size: int, seed: int
) -> list[list[tuple[float, ...]]]:
    """The boxes of each frame at 30 frames a second, from left to right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width = size * len(people)
    video = cv2.VideoWriter(os.fspath(path), cv2.VideoWriter_fourcc(*"MJPG"), film.rate, (width, size))
    if not video.isOpened():
        raise DataError(f"OpenCV cannot write the video {path}.")
    background = draw_background(size, width, np.random.default_rng((seed, 43, film.people[0])))
    boxes: list[list[tuple[float, ...]]] = []
    for number in range(round(film.num_frames * film.rate / FRAMES_PER_SECOND)):
        moment = min(round(number * FRAMES_PER_SECOND / film.rate), film.num_frames - 1)
        image, found = draw_frame(background, people, moment, size, seed)
        video.write(np.ascontiguousarray(image[..., ::-1]))
        advance()
        boxes += [found] * (moment + 1 - len(boxes))
    video.release()
    return boxes


def draw_frame(
    background: np.ndarray, people: Sequence[Person], moment: int, size: int, seed: int
) -> tuple[np.ndarray, list[tuple[float, ...]]]:
    """A frame ``[H, W, 3]`` uint8 RGB, and the box x1, y1, x2, y2 of each face."""
    image, boxes = background.copy(), []
    for i, person in enumerate(people):
        at = person.moments[moment]
        pose = at.place(0.3 * size, (i + 0.5) * size, 0.5 * size)
        points = draw_face(image, person.identity, at.actions, pose, shoulders=False)
        # Light and camera are those of the film, whatever the frame.
        light_head(image, pose, np.random.default_rng((seed, 41, i)))
        (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
        dx, dy = _MARGIN * (x2 - x1), _MARGIN * (y2 - y1)
        boxes.append((x1 - dx, y1 - 2 * dy, x2 + dx, y2 + dy))
    return photograph(image, np.random.default_rng((seed, 53, moment))), boxes


def _write_boxes(
    path: pathlib.Path, boxes: Sequence[Sequence[tuple[float, ...]]], rng: np.random.Generator
) -> None:
    """What a detector would find: not every face, and here and there something that is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lost = [_lost(len(boxes), rng) for _ in boxes[0]]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", "x1", "y1", "x2", "y2", "score"])
        for i, of_frame in enumerate(boxes):
            for gone, box in zip(lost, of_frame):
                if not gone[i]:
                    writer.writerow([i + 1, *(f"{x:.1f}" for x in box), f"{rng.uniform(0.6, 1):.2f}"])


def _lost(num_frames: int, rng: np.random.Generator) -> np.ndarray:
    gone = np.zeros(num_frames, bool)
    while gone.mean() < _LOST_SHARE * rng.uniform(0.2, 1):
        start = int(rng.integers(num_frames))
        gone[start : start + int(rng.integers(2, 8))] = True
    return gone


def _write_joystick(path: pathlib.Path, values: np.ndarray, rng: np.random.Generator) -> None:
    """Irregular times, whole numbers, a hand that is late and trembles (spec 1.4)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seconds = np.cumsum(rng.uniform(0.008, 0.05, round(len(values) / FRAMES_PER_SECOND / 0.029) + 2))
    seen = np.interp(
        seconds - _REACTION * rng.uniform(0.7, 1.3), np.arange(1, len(values) + 1) / FRAMES_PER_SECOND, values
    )
    written = np.clip(np.round(SCALE * seen + rng.normal(0, _TREMBLE, len(seen))), -SCALE, SCALE).astype(int)
    path.write_text("".join(f"{s:.3f} {v}\n" for s, v in zip(seconds, written)))


def _write_categories(path: pathlib.Path, person: Person) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        f"{i},{AFFWILD_CLASSES[CATEGORY_OF[moment.label]]}\n"
        for i, moment in enumerate(person.moments, 1)
        if moment.decided
    ]
    path.write_text("".join(["frame,category\n", *rows]))
