"""One picture of the synthetic EMOTIC: planned from its number alone, then drawn, with all that is true about
it."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from data_prep.synthetic.actions import express
from data_prep.synthetic.bodies import pose_body
from data_prep.synthetic.dressing import Figure, Outfit, draw_person, draw_shadow, place_joints, sample_outfit
from data_prep.synthetic.emotic.people import Facts, sample_camera, sample_people, sample_scene
from data_prep.synthetic.identity import Identity, sample_identity
from data_prep.synthetic.scene import photograph
from data_prep.synthetic.scenes.emotic import Camera, Scene, draw_scene, set_light

SPLITS = ("train", "val", "test")
_REACH = 0.4  # metres round the joints that a drawn person may cover
_BODY_MARGIN = 0.02
_MAX_BLUR = 0.8  # pixels: more would wipe out the small faces


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture to draw.

    Attributes:
        split: one of `SPLITS`.
        index: number in the split.
        seed: of everything else.
        scene, camera, people: what is in it and where the camera stands.
        annotated: numbers of the people with annotations, at least one.
    """

    split: str
    index: int
    seed: int
    scene: Scene
    camera: Camera
    people: tuple[Facts, ...]
    annotated: tuple[int, ...]

    def rng(self, purpose: int) -> np.random.Generator:
        """Random numbers for one purpose, the same whenever asked."""
        return np.random.default_rng((self.seed, 31, SPLITS.index(self.split), self.index, purpose))


@dataclasses.dataclass(frozen=True)
class Drawn:
    """One person of a drawn picture.

    Attributes:
        box: `[4]` float64, x1, y1, x2, y2 of what was drawn, whether something nearer hides it or not; it may
            reach over the edge of the picture.
        joints: `[67, 2]` pixels.
        hidden: `[67]` bool: outside the picture, or behind somebody nearer.
        landmarks: `[68, 2]` pixels of the face.
    """

    box: np.ndarray
    joints: np.ndarray
    hidden: np.ndarray
    landmarks: np.ndarray


def plan_picture(split: str, index: int, seed: int) -> Picture:
    """Who and what is in a picture."""
    rng = np.random.default_rng((seed, 29, SPLITS.index(split), index))
    scene, camera = sample_scene(rng), sample_camera(rng)
    people = sample_people(camera, rng)
    chosen = tuple(i for i in range(len(people)) if rng.random() < 0.8)
    return Picture(split, index, seed, scene, camera, people, chosen or (0,))


def draw_picture(picture: Picture) -> tuple[np.ndarray, np.ndarray, list[Drawn]]:
    """Draws a picture.

    Returns:
        Picture `[H, W, 3]` uint8 RGB, distance `[H, W]` float32 in metres, and the people in the order of
        `picture.people`.
    """
    image, distance = draw_scene(picture.scene, picture.camera, picture.rng(0))
    people: list[Drawn | None] = [None] * len(picture.people)
    for number in sorted(range(len(people)), key=lambda i: -picture.people[i].z):
        people[number] = _draw_one(image, distance, picture, number)
    for number, facts in enumerate(picture.people):
        hidden = _hidden(people[number].joints, distance, facts.z)
        people[number] = dataclasses.replace(people[number], hidden=hidden)
    image = set_light(image, picture.scene.light)
    return photograph(image, picture.rng(1), max_blur=_MAX_BLUR), distance, people


@functools.lru_cache(maxsize=16)
def person_of(seed: int, identity: int) -> tuple[Identity, Outfit, float]:
    """A person: face, clothes, height as a share of the average."""
    rng = np.random.default_rng((seed, 37, identity))
    face = sample_identity(rng)
    return face, sample_outfit(face, rng), float(np.clip(rng.normal(1, 0.045), 0.9, 1.1))


def _figure(picture: Picture, number: int) -> Figure:
    facts, camera = picture.people[number], picture.camera
    rng = picture.rng(100 + number)
    identity, outfit, height = person_of(picture.seed, facts.identity)
    hands = (facts.hand, facts.hand)
    body = pose_body(facts.posture, hands, mirrored=facts.mirrored, height=height, rng=rng)
    scale = camera.scale(facts.z)
    bowed = 0.12 if facts.posture in ("slumped", "collapsed", "clutching") else 0.0
    yaw, pitch, roll = np.clip(rng.normal(size=3), -2, 2) * (0.17, 0.06, 0.09)
    return Figure(
        body=body,
        identity=identity,
        actions=express(facts.expression, facts.valence, facts.arousal, rng, identity.expressiveness),
        outfit=outfit,
        origin=(0.5 * camera.width + facts.x * scale, camera.ground(facts.z)),
        scale=scale,
        turn=(float(yaw), float(pitch + bowed), float(roll)),
        prop="tablet" if facts.posture == "working" else "",
    )


def _draw_one(image: np.ndarray, distance: np.ndarray, picture: Picture, number: int) -> Drawn:
    """Draws a person, and notes in `distance` where. What changed in the picture is the person."""
    figure = _figure(picture, number)
    draw_shadow(image, figure)
    placed = figure.place(figure.body.joints)
    reach = _REACH * figure.scale
    limits = (image.shape[1], image.shape[0])
    low = np.clip(np.floor(placed.min(axis=0) - reach), 0, limits).astype(int)
    high = np.clip(np.ceil(placed.max(axis=0) + reach), 0, limits).astype(int)
    region = (slice(low[1], high[1]), slice(low[0], high[0]))
    before = image[region].copy()
    landmarks = draw_person(image, figure)
    changed = before != image[region]
    covered = changed[..., 0] | changed[..., 1] | changed[..., 2]
    distance[region][covered] = picture.people[number].z
    joints = place_joints(figure, landmarks)
    return Drawn(_box(covered, low, joints, figure.scale), joints, np.zeros(len(joints), bool), landmarks)


def _box(covered: np.ndarray, corner: np.ndarray, joints: np.ndarray, scale: float) -> np.ndarray:
    """Round what was drawn, or, of a person at the edge, round the joints as well, seen or not."""
    margin = _BODY_MARGIN * scale
    low, high = joints.min(axis=0) - margin, joints.max(axis=0) + margin
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    if len(rows):
        low = np.minimum(low, np.array((columns[0], rows[0])) + corner)
        high = np.maximum(high, np.array((columns[-1] + 1, rows[-1] + 1)) + corner)
    return np.concatenate([low, high])


def _hidden(joints: np.ndarray, distance: np.ndarray, z: float) -> np.ndarray:
    height, width = distance.shape
    x, y = np.floor(joints).astype(int).T
    outside = (x < 0) | (y < 0) | (x >= width) | (y >= height)
    nearest = distance[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return outside | (nearest < z - 0.02)
