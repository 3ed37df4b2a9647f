"""Draws a synthetic Aff-Wild2 in Aff-Wild2's own raw layout, so the real preparation code runs on it."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from data_prep.parallel import advance, parallel_map
from data_prep.synthetic.affwild2.faults import add_faults
from data_prep.synthetic.affwild2.files import (
    FrameLabels,
    expression_path,
    face_folder,
    va_path,
    write_expressions,
    write_face,
    write_va,
)
from data_prep.synthetic.claim import claim, mark
from data_prep.synthetic.clips import Moment, play
from data_prep.synthetic.faces import draw_face
from data_prep.synthetic.identity import Identity, sample_identity
from data_prep.synthetic.proportions import imbalanced_counts
from data_prep.synthetic.scene import draw_background, draw_occluder, light_head, photograph
from emojax.datasets import AFFWILD2
from emojax.errors import ConfigError, DataError
from emojax.labels import AFFECTNET_CLASSES

SPLITS = ("train", "validation")
_CLASSES = AFFECTNET_CLASSES[:7]
_RAREST_SHARE = 0.035  # of a split; Aff-Wild2's own 0.5 % would leave a small set without a clip
_EXPRESSION_FRAMES = 12  # a clip shows one expression for each so many frames
_VALIDATION_PEOPLE = 1_000_000  # people of the validation set are numbered from here: none is in training
_OCCLUDED_SHARE = 0.12
_OTHER_VA_SPLIT_SHARE = 0.2
_HALF_LABELLED_SHARE = 0.05  # videos with one kind of label, beside the others
_SECOND_SUBJECT = 6  # every so many clips the same video shows another person


@dataclasses.dataclass(frozen=True)
class Settings:
    """What decides the content of the data set.

    Attributes:
        train: training clips with both kinds of label; a few more have one kind.
        validation: validation clips.
        frames: of a clip.
        size: side of a face in pixels.
        seed: the same seed draws the same bytes.
        faults: add bad rows, files and videos.
    """

    train: int = 240
    validation: int = 60
    frames: int = 24
    size: int = 112
    seed: int = 0
    faults: bool = False

    def __post_init__(self):
        if not 32 <= self.size <= 800 or min(self.train, self.validation) < 8 or self.frames < 16:
            raise ConfigError(
                "A synthetic Aff-Wild2 needs --size 32..800, --train and --val >= 8 clips and --frames >= 16, "
                f"not {self.size}, {self.train}, {self.validation} and {self.frames}."
            )


@dataclasses.dataclass(frozen=True)
class Clip:
    """One subject of one video to draw. Everything else about it follows from these and the seed.

    Attributes:
        name: of its files; `_left` marks the second subject of a video.
        split: of its expressions, `va_split` of its valence and arousal; empty without such a file.
        person: number of the subject.
        scene: number of the video.
        labels: expressions in the order they are shown.
    """

    name: str
    split: str
    va_split: str
    person: int
    scene: int
    labels: tuple[int, ...]


def class_counts(split: str, total: int) -> list[int]:
    """How often each class is shown: Aff-Wild2's proportions with a floor for the rare."""
    known = AFFWILD2.known_counts(_CLASSES)[split]
    return imbalanced_counts(known.values(), total, _RAREST_SHARE)


def plan_clips(split: str, num_clips: int, num_frames: int, seed: int) -> list[Clip]:
    """The clips of a split: expressions shuffled, every subject another person of the split's own crowd."""
    validation = split == "validation"
    rng = np.random.default_rng((seed, 31, validation))
    shown = num_frames // _EXPRESSION_FRAMES
    half = max(round(num_clips * _HALF_LABELLED_SHARE), 1)
    labels = np.repeat(np.arange(len(_CLASSES)), class_counts(split, num_clips * shown))
    rng.shuffle(labels)
    # Those with one kind of label repeat the first ones' expressions.
    labels = np.concatenate([labels, np.resize(labels, 2 * half * shown)]).reshape(-1, shown)
    clips = []
    for i, row in enumerate(labels):
        second = i % _SECOND_SUBJECT == _SECOND_SUBJECT - 1
        scene = i - second + (_VALIDATION_PEOPLE if validation else 0)
        other = rng.random() < _OTHER_VA_SPLIT_SHARE
        clips.append(
            Clip(
                name=f"{'val' if validation else 'video'}{i - second + 1}{'_left' if second else ''}",
                split="" if i >= num_clips + half else split,
                va_split="" if num_clips <= i < num_clips + half else SPLITS[other ^ validation],
                person=i + (_VALIDATION_PEOPLE if validation else 0),
                scene=scene,
                labels=tuple(int(label) for label in row),
            )
        )
    return clips


def clip_moments(clip: Clip, num_frames: int, seed: int) -> list[Moment]:
    """What the subject of a clip does, frame by frame."""
    rng = np.random.default_rng((seed, 33, clip.person))
    return play(clip.labels, num_frames, rng, _person(clip, seed).expressiveness)


def annotate(clip: Clip, moments: Sequence[Moment], seed: int) -> tuple[list[FrameLabels], list[bool]]:
    """Labels of every frame, and whether the face detector found a face in it."""
    rng = np.random.default_rng((seed, 37, clip.person))
    expression, va, face = (_with_gap(len(moments), share, rng) for share in (0.2, 0.2, 0.5))
    labels = [
        FrameLabels(
            moment.label if moment.decided and said else None,
            (moment.valence, moment.arousal) if known else None,
        )
        for moment, said, known in zip(moments, expression, va)
    ]
    return labels, face


def _with_gap(num_frames: int, share: float, rng: np.random.Generator) -> list[bool]:
    """True for every frame but, in a share of the clips, a short run of them."""
    start, length = int(rng.integers(num_frames)), int(rng.integers(1, max(num_frames // 12, 1) + 1))
    gap = range(start, start + length) if rng.random() < share else range(0)
    return [frame not in gap for frame in range(num_frames)]


def draw_moment(clip: Clip, moment: Moment, size: int, seed: int) -> np.ndarray:
    """The cropped and aligned face `[size, size, 3]` uint8 RGB: eyes near fixed places, as in Aff-Wild2."""
    rng = np.random.default_rng((seed, 41, clip.person))  # place, light and camera stay those of the clip
    image = draw_background(size, size, np.random.default_rng((seed, 43, clip.scene)))
    pose = moment.place(0.39 * size, 0.5 * size, 0.5 * size)
    draw_face(image, _person(clip, seed), moment.actions, pose)
    if rng.random() < _OCCLUDED_SHARE:
        draw_occluder(image, pose, rng)
    light_head(image, pose, rng)
    return photograph(image, rng)


def _person(clip: Clip, seed: int) -> Identity:
    return sample_identity(np.random.default_rng((seed, 29, clip.person)))


@dataclasses.dataclass(frozen=True)
class _Task:
    out: str
    settings: Settings
    clip: Clip


def _write_clip(task: _Task) -> None:
    """Draws and writes one clip with its annotations (worker)."""
    out, clip, settings = pathlib.Path(task.out), task.clip, task.settings
    moments = clip_moments(clip, settings.frames, settings.seed)
    labels, faces = annotate(clip, moments, settings.seed)
    folder = face_folder(out, clip.name)
    folder.mkdir(parents=True, exist_ok=True)
    for number, (moment, found) in enumerate(zip(moments, faces), 1):
        if found:
            write_face(folder, number, draw_moment(clip, moment, settings.size, settings.seed))
        advance()
    if clip.split:
        write_expressions(expression_path(out, clip.split, clip.name), labels)
    if clip.va_split:
        write_va(va_path(out, clip.va_split, clip.name), labels)


def generate(out: pathlib.Path, settings: Settings, workers: int) -> dict[str, int]:
    """Draws the data set into `out`; returns the number of clips of each split that have both labels.

    Does nothing when `out` already holds the same data set. Raises DataError when it holds something else or
    cannot be written.
    """
    counts = {"train": settings.train, "validation": settings.validation}
    clips = [c for split, n in counts.items() for c in plan_clips(split, n, settings.frames, settings.seed)]
    content = {"dataset": "affwild2", **dataclasses.asdict(settings)}
    try:
        if not claim(out, "Aff-Wild2", content):
            tasks = [_Task(str(out), settings, clip) for clip in clips]
            total = len(clips) * settings.frames
            list(parallel_map(_write_clip, tasks, workers=workers, total=total, title="generating clips"))
            if settings.faults:
                add_faults(out, clips[0].name, next(c.name for c in clips if c.split == "validation"))
            mark(out, content, complete=True)
    except OSError as error:
        raise DataError(f"Cannot write a synthetic Aff-Wild2 to {out}: {error.strerror or error}.") from error
    return counts
