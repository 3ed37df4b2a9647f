"""One clip of the synthetic BoLD: planned from its number alone, then drawn frame by frame."""

from __future__ import annotations

import dataclasses

import numpy as np

from data_prep.synthetic.actions import express, sample_valence_arousal
from data_prep.synthetic.bodies import pose_body
from data_prep.synthetic.bold.motion import MOTIONS, WALKING_SPEED
from data_prep.synthetic.dressing import Figure, draw_person, draw_shadow, place_joints
from data_prep.synthetic.emotic.people import sample_scene
from data_prep.synthetic.emotic.picture import person_of
from data_prep.synthetic.scenes.emotic import Camera, Scene, draw_scene, set_light
from emojax.graphs.skeletons import BODY_18, BODY_25

SPLITS = ("train", "val", "test")
FRAMES_PER_SECOND = 25.0
_TO_18 = [BODY_25.index(name) for name in BODY_18.joints]
_EXPRESSIONS = (0.2, 0.2, 0.13, 0.1, 0.09, 0.09, 0.1, 0.09)
_NEAREST, _FARTHEST = 4.2, 5.6
_JOINT_NOISE = 1.6  # pixels, of the pose estimator
_LOST_JOINT, _LOST_PERSON = 0.04, 0.03  # shares of joints, and of frames


@dataclasses.dataclass(frozen=True)
class Actor:
    """One person of a clip.

    Attributes:
        expression: AffectNet class 0..7 that the face comes to.
        valence, arousal: of that face, in [-1, 1].
        motion: key of `motion.MOTIONS`.
        pace: speed of the motion, about 1.
        mirrored: moves to the left, and with the other arm.
        x, z: where it begins, metres.
        identity: number of the person.
    """

    expression: int
    valence: float
    arousal: float
    motion: str
    pace: float
    mirrored: bool
    x: float
    z: float
    identity: int


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip to draw.

    Attributes:
        split: one of `SPLITS`.
        index: number in the split.
        seed: of everything else.
        frames: number of frames.
        scene, camera: where it plays.
        pan: pixels the camera moves to the right from first to last frame.
        actors: one to four people.
    """

    split: str
    index: int
    seed: int
    frames: int
    scene: Scene
    camera: Camera
    pan: float
    actors: tuple[Actor, ...]

    def rng(self, purpose: int) -> np.random.Generator:
        """Random numbers for one purpose, the same whenever asked."""
        return np.random.default_rng((self.seed, 41, SPLITS.index(self.split), self.index, purpose))


def plan_clip(split: str, index: int, seed: int, shortest: int, longest: int, size: tuple[int, int]) -> Clip:
    """Who and what is in a clip of `shortest` to `longest` frames of `size` (width, height)."""
    rng = np.random.default_rng((seed, 43, SPLITS.index(split), index))
    width, height = size
    camera = Camera(width, height, 0.34 * height, 1.35 * height)
    count = int(rng.choice((1, 2, 3, 4), p=(0.6, 0.28, 0.08, 0.04)))
    frames = int(rng.integers(shortest, longest + 1))
    columns = (np.arange(count) + 0.5) / count - 0.5
    actors = tuple(_actor(column, frames, camera, rng) for column in rng.permutation(columns))
    pan = float(rng.choice((0.0, 0.0, rng.uniform(-0.15, 0.15) * width)))
    return Clip(split, index, seed, frames, sample_scene(rng), camera, pan, actors)


def _actor(column: float, frames: int, camera: Camera, rng: np.random.Generator) -> Actor:
    expression = int(rng.choice(8, p=_EXPRESSIONS))
    valence, arousal = sample_valence_arousal(expression, rng)
    z = rng.uniform(_NEAREST, _FARTHEST)
    motion, mirrored = str(rng.choice(list(MOTIONS))), bool(rng.random() < 0.5)
    x = 0.8 * column * camera.width / camera.scale(z)
    if motion == "walk":  # begins on one side, so that most of the way is in the picture
        x -= (-1 if mirrored else 1) * 0.5 * WALKING_SPEED * frames / FRAMES_PER_SECOND
    pace = float(rng.uniform(0.85, 1.15))
    return Actor(
        expression, valence, arousal, motion, pace, mirrored, float(x), float(z), int(rng.integers(1 << 40))
    )


def draw_clip(clip: Clip):
    """Draws a clip, frame after frame.

    Yields:
        Picture ``[H, W, 3]`` uint8 RGB and joints ``[people, 18, 3]`` x, y, confidence: zeros where a joint is lost,
        hidden or outside; a person that is not tracked in a frame has nothing but zeros.
    """
    wide = dataclasses.replace(clip.camera, width=clip.camera.width + int(abs(clip.pan)) + 1)
    background, _ = draw_scene(clip.scene, wide, clip.rng(0))
    lost = clip.rng(1)
    for number in range(clip.frames):
        share = number / max(clip.frames - 1, 1)
        shift = int(abs(clip.pan) * (share if clip.pan > 0 else 1 - share))
        image = background[:, shift : shift + clip.camera.width].copy()
        joints = np.zeros((len(clip.actors), len(_TO_18), 3))
        for i in sorted(range(len(clip.actors)), key=lambda i: -clip.actors[i].z):
            figure = _figure(clip, i, number, share, shift)
            draw_shadow(image, figure)
            landmarks = draw_person(image, figure)
            joints[i, :, :2] = place_joints(figure, landmarks)[_TO_18]
        yield set_light(image, clip.scene.light), _tracked(joints, clip.camera, lost)


def _figure(clip: Clip, number: int, frame: int, share: float, shift: int) -> Figure:
    actor, camera = clip.actors[number], clip.camera
    moment = MOTIONS[actor.motion](frame / FRAMES_PER_SECOND, share, actor.pace)
    rng = clip.rng(100 + number)  # the same play in every frame
    identity, outfit, height = person_of(clip.seed, actor.identity)
    body = pose_body(moment.posture, ("loose", "loose"), mirrored=actor.mirrored, height=height, rng=rng)
    side = -1 if actor.mirrored else 1
    scale = camera.scale(actor.z)
    x = actor.x + side * moment.dx + moment.shiver
    middle = 0.5 * (camera.width + int(abs(clip.pan)) + 1) - shift
    yaw, pitch, roll = np.clip(rng.normal(size=3), -2, 2) * (0.15, 0.05, 0.06)
    return Figure(
        body=body,
        identity=identity,
        actions=_face(actor, identity.expressiveness, share, rng),
        outfit=outfit,
        origin=(middle + x * scale, camera.ground(actor.z) - moment.rise * scale),
        scale=scale,
        turn=(float(yaw) + moment.yaw, float(pitch) + moment.posture.head_drop, float(roll)),
    )


def _face(actor: Actor, expressiveness: float, share: float, rng: np.random.Generator):
    """From neutral to the expression in the first third of the clip."""
    strength = expressiveness * min(0.25 + 2.25 * share, 1.0)
    return express(actor.expression, actor.valence, actor.arousal, rng, strength)


def _tracked(joints: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """What a pose estimator reports: noise, lost joints, lost people, nothing outside the picture."""
    noisy = joints.copy()
    noisy[..., :2] += rng.normal(0, _JOINT_NOISE, noisy[..., :2].shape)
    noisy[..., 2] = rng.uniform(0.5, 0.95, noisy.shape[:2])
    inside = ((noisy[..., :2] >= 0) & (noisy[..., :2] < (camera.width, camera.height))).all(axis=-1)
    seen = inside & (rng.random(inside.shape) >= _LOST_JOINT) & (rng.random((len(joints), 1)) >= _LOST_PERSON)
    return np.where(seen[..., None], noisy, 0)
