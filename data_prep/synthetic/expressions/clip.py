"""One short video of a face that goes from neutral to an expression: felt or posed, with the head turning.

Felt and posed differ in three known ways. Time: in the second half of a clip a felt expression still grows while a
posed one, which came fast, already fades; the strengths are the same, so one frame does not tell them apart. Eyes: the
muscles around the eyes (cheeks, lower lids) take part in a felt expression and mostly not in a posed one, but people
differ so much that this alone does not decide. Head: it takes part in a felt expression, lowered in sadness, thrown
back in surprise, tilted in contempt, and hardly in a posed one; a face turned to the front does not show it.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from data_prep.synthetic.actions import Actions, express, sample_valence_arousal
from data_prep.synthetic.faces import draw_face
from data_prep.synthetic.geometry import Pose
from data_prep.synthetic.identity import sample_identity
from data_prep.synthetic.scene import draw_background
from emojax.labels import AFFECTNET_CLASSES

MAX_TURN = np.deg2rad(45.0)
_AROUND_THE_EYES = ("cheek", "squint")
_EYES_FELT, _EYES_POSED, _EYES_SPREAD = 1.0, 0.5, 0.25
# Pitch and roll of the head in radians, at the full strength of a felt expression.
_HEAD = {
    "anger": (0.18, 0.0),
    "contempt": (-0.12, 0.2),
    "disgust": (0.0, -0.2),
    "fear": (-0.1, -0.14),
    "happiness": (0.06, 0.14),
    "sadness": (0.2, -0.1),
    "surprise": (-0.2, 0.0),
}
_HEAD_POSED, _HEAD_SPREAD = 0.1, 0.04
_NAMES = {"happiness": "happy", "sadness": "sad"}  # of AFFECTNET_CLASSES, where another
# Share of the clip -> strength. Both have every strength from 0.35 to 1 between 0.5 and 0.8.
_FELT = ((0.0, 0.2, 0.5, 0.8, 1.0), (0.0, 0.05, 0.35, 1.0, 0.9))
_POSED = ((0.0, 0.3, 0.4, 0.5, 0.8, 1.0), (0.0, 0.05, 0.9, 1.0, 0.35, 0.1))
_TO_THE_APEX = ((0.0, 0.2, 1.0), (0.0, 0.1, 1.0))
_LEAK = (
    (0.0, 0.1, 0.2, 0.35, 1.0),
    (0.0, 0.3, 0.4, 0.0, 0.0),
)  # of the induced emotion, before the posed one


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip to draw.

    Attributes:
        person: number of the subject.
        emotion: name of the expression.
        kind: ``felt``, ``posed``, or ``apex``: from neutral to the apex, where it ends.
        induced: emotion that a posing subject was made to feel; empty for none.
        frames: number of frames.
        size: width and height of a frame.
        turn: largest yaw in radians.
        seed: of everything.
    """

    person: int
    emotion: str
    kind: str
    frames: int
    size: tuple[int, int]
    induced: str = ""
    turn: float = MAX_TURN
    seed: int = 0

    def rng(self, purpose: int) -> np.random.Generator:
        """Random numbers for one purpose, the same whenever asked."""
        name = sum(ord(c) << (5 * i) for i, c in enumerate(self.emotion[:6]))
        return np.random.default_rng((self.seed, 61, self.person, name, len(self.kind), purpose))


def strengths(kind: str, frames: int, shift: float = 0.0) -> np.ndarray:
    """Strength of the expression ``[frames]`` in [0, 1]; `shift` moves it by a share of the clip."""
    times, values = {"felt": _FELT, "posed": _POSED, "apex": _TO_THE_APEX}[kind]
    return np.interp(np.arange(frames) / max(frames - 1, 1) - shift, times, values)


def draw_clip(clip: Clip):
    """Draws a clip, frame after frame.

    Yields:
        Picture ``[H, W, 3]`` uint8 RGB, the 68 landmarks ``[68, 2]`` of the drawn curves in pixels, and the `Pose`.
    """
    identity = sample_identity(np.random.default_rng((clip.seed, 63, clip.person)))
    rng, (width, height) = clip.rng(0), clip.size
    full = _actions(clip.emotion, identity.expressiveness, rng)
    eyes = rng.normal(_EYES_POSED if clip.kind == "posed" else _EYES_FELT, _EYES_SPREAD)
    full = dataclasses.replace(full, **{n: getattr(full, n) * max(eyes, 0.0) for n in _AROUND_THE_EYES})
    leak = _actions(clip.induced, identity.expressiveness, rng) if clip.induced else None
    background = draw_background(height, width, np.random.default_rng((clip.seed, 65, clip.person)))
    poses, course = _poses(clip, rng), _course(clip, rng)
    lean = np.array(_HEAD[clip.emotion]) * (_HEAD_POSED if clip.kind == "posed" else 1.0)
    for share, strength, pose in zip(np.linspace(0, 1, clip.frames), course, poses):
        pitch, roll = (pose.pitch, pose.roll) + strength * lean
        pose = dataclasses.replace(pose, pitch=pitch, roll=roll)
        image = background.copy()
        actions = _scaled(full, strength)
        if leak is not None:
            actions = _sum(actions, _scaled(leak, float(np.interp(share, *_LEAK))))
        landmarks = draw_face(image, identity, actions, pose)
        yield image, landmarks, pose


def _course(clip: Clip, rng: np.random.Generator) -> np.ndarray:
    course = strengths(clip.kind, clip.frames, float(rng.uniform(-0.03, 0.03)))
    return course * rng.uniform(0.9, 1.05)


def _poses(clip: Clip, rng: np.random.Generator) -> list[Pose]:
    """A head that turns slowly from one side towards another and nods a little."""
    width, height = clip.size
    first, last = np.clip(rng.uniform(-1, 1) + rng.normal(0, 0.12, 2), -1, 1) * clip.turn
    pitch, roll = rng.normal(0, _HEAD_SPREAD, 2)
    scale, x, y = height * rng.uniform(0.24, 0.28), width * rng.uniform(0.46, 0.54), height * 0.5
    return [Pose(float(yaw), pitch, roll, scale, x, y) for yaw in np.linspace(first, last, clip.frames)]


def _actions(emotion: str, expressiveness: float, rng: np.random.Generator) -> Actions:
    label = AFFECTNET_CLASSES.index(_NAMES.get(emotion, emotion))
    valence, arousal = sample_valence_arousal(label, rng)
    return express(label, valence, arousal, np.random.default_rng(rng.integers(1 << 32)), expressiveness)


def _scaled(actions: Actions, strength: float) -> Actions:
    """The actions at a share of their strength; the gaze stays where it is."""
    values = dataclasses.asdict(actions)
    return Actions(**{n: v if n.startswith("gaze") else strength * v for n, v in values.items()})


def _sum(one: Actions, other: Actions) -> Actions:
    values, more = dataclasses.asdict(one), dataclasses.asdict(other)
    return Actions(**{n: v if n.startswith("gaze") else v + more[n] for n, v in values.items()})
