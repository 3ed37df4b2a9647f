"""Draws a synthetic BoLD: clips of moving people, in BoLD's own raw layout (see `data_prep.bold.raw`)."""

from __future__ import annotations

import csv
import dataclasses
import os
import pathlib

import cv2
import numpy as np

from data_prep.bold.raw import SPLITS as FILES
from data_prep.parallel import advance, parallel_map
from data_prep.synthetic.bold.clip import FRAMES_PER_SECOND, SPLITS, Clip, draw_clip, plan_clip
from data_prep.synthetic.bold.faults import add_faults
from data_prep.synthetic.bold.rule import confidences, valence_arousal_dominance
from data_prep.synthetic.claim import claim, mark
from data_prep.synthetic.emotic.picture import person_of
from emojax.errors import ConfigError, DataError

_CHUNK = 4


@dataclasses.dataclass(frozen=True)
class Settings:
    """What decides the content of the data set.

    Attributes:
        train, validation, test: clips; each has one to four tracked people.
        shortest, longest: frames of a clip.
        size: width and height of the frames in pixels.
        seed: the same seed draws the same frames.
        faults: add bad annotations and files to the training set.
    """

    train: int = 240
    validation: int = 60
    test: int = 60
    shortest: int = 20
    longest: int = 60
    size: tuple[int, int] = (320, 240)
    seed: int = 0
    faults: bool = False

    def __post_init__(self):
        if min(self.train, self.validation, self.test) < 1:
            raise ConfigError(
                "A synthetic BoLD needs a clip in every split: --train, --val and --test from 1."
            )
        if not 2 <= self.shortest <= self.longest <= 300:
            raise ConfigError(f"Clips have from 2 to 300 frames, not {self.shortest} to {self.longest}.")


@dataclasses.dataclass(frozen=True)
class _Chunk:
    out: str
    settings: Settings
    numbers: tuple[tuple[str, int], ...]


def clip_name(clip: Clip) -> str:
    """Name of a clip as BoLD has them: folder, film, scene."""
    return f"{SPLITS.index(clip.split):03d}/synthetic{clip.index // 10:05d}.mp4/{clip.index % 10:04d}.mp4"


def generate(out: pathlib.Path, settings: Settings, workers: int) -> dict[str, int]:
    """Draws the data set into `out`; returns the number of clips of train, val and test.

    Does nothing when `out` already holds the same data set. Raises DataError when it holds something else or cannot be
    written.
    """
    counts = dict(zip(SPLITS, (settings.train, settings.validation, settings.test)))
    content = {"dataset": "bold", **dataclasses.asdict(settings), "size": list(settings.size)}
    try:
        if not claim(out, "BoLD", content):
            rows = _draw(out, settings, counts, workers)
            if settings.faults:
                rows["train"] += add_faults(out, rows["train"])
            _write_annotations(out / "annotations", rows)
            mark(out, content, complete=True)
    except OSError as error:
        raise DataError(f"Cannot write a synthetic BoLD to {out}: {error.strerror or error}.") from error
    return counts


def _draw(
    out: pathlib.Path, settings: Settings, counts: dict[str, int], workers: int
) -> dict[str, list[list]]:
    numbers = [(split, index) for split, count in counts.items() for index in range(count)]
    starts = range(0, len(numbers), _CHUNK)
    chunks = [_Chunk(os.fspath(out), settings, tuple(numbers[i : i + _CHUNK])) for i in starts]
    drawn = parallel_map(
        _write_chunk, chunks, workers=workers, total=len(numbers), title="generating clips", unit=" clips"
    )
    rows: dict[str, list[list]] = {split: [] for split in counts}
    for _, chunk in sorted(drawn, key=lambda numbered: numbered[0]):
        for split, of_clip in chunk:
            rows[split] += of_clip
    return rows


def _write_chunk(chunk: _Chunk) -> list[tuple[str, list[list]]]:
    """Draws and writes some clips (worker); returns the rows of their annotation."""
    settings, written = chunk.settings, []
    for split, index in chunk.numbers:
        clip = plan_clip(split, index, settings.seed, settings.shortest, settings.longest, settings.size)
        write_clip(pathlib.Path(chunk.out), clip)
        written.append((split, annotate(clip)))
        advance()
    return written


def write_clip(out: pathlib.Path, clip: Clip) -> None:
    """Writes the video and the joints of a clip below `out`."""
    name = clip_name(clip)
    path = out / "videos" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    size = (clip.camera.width, clip.camera.height)
    video = cv2.VideoWriter(os.fspath(path), cv2.VideoWriter_fourcc(*"mp4v"), FRAMES_PER_SECOND, size)
    if not video.isOpened():
        raise DataError(f"OpenCV cannot write the video {path}.")
    rows = []
    for number, (image, joints) in enumerate(draw_clip(clip)):
        video.write(np.ascontiguousarray(image[..., ::-1]))
        # As BoLD numbers frames: from that of the clip in its film.
        frame = 1000 + number
        rows += [[frame, i, *of_one.ravel()] for i, of_one in enumerate(joints) if not number or of_one.any()]
    video.release()
    file = (out / "joints" / name).with_suffix(".npy")
    file.parent.mkdir(parents=True, exist_ok=True)
    np.save(file, np.array(rows))


def annotate(clip: Clip) -> list[list]:
    """Rows of the annotation file: one a person."""
    rows = []
    for i, actor in enumerate(clip.actors):
        rng = clip.rng(200 + i)
        categories = confidences(actor.expression, actor.motion, clip.scene.kind, rng)
        vad = valence_arousal_dominance(actor.valence, actor.arousal, actor.motion, clip.scene.kind, rng)
        age = person_of(clip.seed, actor.identity)[0].age
        about = [str(rng.choice(("Male", "Female"))), "Kid" if age < 13 else "Adult", "White", "0.9"]
        place = [clip_name(clip), i, 0, clip.frames - 1]
        rows.append([*place, *(f"{c:.2f}" for c in categories), *(f"{v:.2f}" for v in vad), *about])
    return rows


def _write_annotations(folder: pathlib.Path, rows: dict[str, list[list]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for split, name in zip(SPLITS, FILES.values()):
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows(row[:4] if split == "test" else row for row in rows[split])
