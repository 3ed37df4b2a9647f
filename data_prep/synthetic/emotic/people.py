"""Who is in a picture and what goes on between them: facts first, from which drawing and labels follow.

Ground coordinates are metres: x to the right of the camera's axis, z away from the camera.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from data_prep.synthetic.actions import sample_valence_arousal
from data_prep.synthetic.scenes.emotic import KINDS, LIGHTS, STATES, Camera, Scene

NEAREST, FARTHEST = 4.2, 6.8  # metres from the camera
_NEAR = 3.5  # metres within which people have to do with each other
_ALONE = 2.6  # nobody within this distance
_EMBRACE = 0.75

# Order of the 8 classes: emojax.labels.AFFECTNET_CLASSES.
_EXPRESSION_WEIGHTS = (0.27, 0.27, 0.11, 0.09, 0.06, 0.07, 0.07, 0.06)
_POSTURE_WEIGHTS = {
    "relaxed": 0.17,
    "working": 0.17,
    "hands_on_hips": 0.12,
    "cheering": 0.11,
    "thinking": 0.09,
    "reaching": 0.09,
    "arms_crossed": 0.08,
    "slumped": 0.07,
    "clutching": 0.06,
    "shielding": 0.04,
}
_HAND_WEIGHTS = {"loose": 0.6, "fist": 0.2, "spread": 0.2}
_KIND_WEIGHTS = (0.13, 0.11, 0.12, 0.10, 0.07, 0.08, 0.10, 0.08, 0.12, 0.09)  # in the order of KINDS
_SITUATION_WEIGHTS = {
    "single": 0.22,
    "strangers": 0.24,
    "embrace": 0.14,
    "applause": 0.13,
    "accusation": 0.13,
    "distress": 0.14,
}


@dataclasses.dataclass(frozen=True)
class Facts:
    """One person.

    Attributes:
        expression: AffectNet class 0..7 of the face.
        valence, arousal: of the face, in [-1, 1].
        posture: key of `bodies.POSTURES`.
        hand: key of `bodies.HANDS`, for both hands.
        mirrored: the posture's right and left are changed: a pointing or embracing arm goes to the image's
            right.
        x, z: place on the ground.
        identity: number of the person.
    """

    expression: int
    valence: float
    arousal: float
    posture: str
    hand: str
    mirrored: bool
    x: float
    z: float
    identity: int


def sample_scene(rng: np.random.Generator) -> Scene:
    """Draws a place; its four properties have nothing to do with each other."""
    return Scene(
        kind=str(rng.choice(list(KINDS), p=_KIND_WEIGHTS)),
        special=bool(rng.random() < 0.3),
        state=str(rng.choice(STATES, p=(0.56, 0.24, 0.20))),
        light=str(rng.choice(LIGHTS, p=(0.72, 0.28))),
    )


def sample_camera(rng: np.random.Generator) -> Camera:
    """Draws an image size and a horizon."""
    width, height = (int(side) for side in np.rint((720, 540) * rng.uniform(0.92, 1.08, 2)))
    return Camera(width, height, height * rng.uniform(0.32, 0.37), 1.35 * height)


def sample_people(camera: Camera, rng: np.random.Generator) -> tuple[Facts, ...]:
    """Draws one to four people in a situation. Faces and hands have nothing to do with the situation."""
    situation = str(rng.choice(list(_SITUATION_WEIGHTS), p=list(_SITUATION_WEIGHTS.values())))
    z = rng.uniform(NEAREST, FARTHEST - 0.4)
    reach = 0.36 * camera.width / camera.scale(z)
    if situation == "single":
        return (_person(rng.uniform(-reach, reach), z, rng),)
    if situation == "strangers":
        return _strangers(camera, rng)
    if situation == "embrace":
        return _embracing(z, 0.7 * reach, rng)
    acting = {"applause": "applauding", "accusation": "pointing", "distress": "collapsed"}[situation]
    return _facing(acting, z, reach, rng)


def _strangers(camera: Camera, rng: np.random.Generator) -> tuple[Facts, ...]:
    """Two to four people side by side in the picture, at any distance from the camera."""
    count = int(rng.integers(2, 5))
    columns = (np.arange(count) + 0.5 + rng.uniform(-0.2, 0.2, count)) / count - 0.5
    people = []
    for column in rng.permutation(columns):
        z = rng.uniform(NEAREST, FARTHEST)
        people.append(_person(0.86 * column * camera.width / camera.scale(z), z, rng))
    return tuple(people)


def _embracing(z: float, reach: float, rng: np.random.Generator) -> tuple[Facts, ...]:
    """Two people with an arm round each other."""
    x, gap = rng.uniform(-reach, reach), rng.uniform(0.46, 0.56)
    left = _person(x - 0.5 * gap, z, rng, posture="embracing", mirrored=True)
    right = _person(x + 0.5 * gap, z + rng.uniform(-0.08, 0.08), rng, posture="embracing", mirrored=False)
    return left, right


def _facing(acting: str, z: float, reach: float, rng: np.random.Generator) -> tuple[Facts, ...]:
    """Somebody with any posture, and one or two beside who all do the same; of those in distress there is
    one."""
    middle = rng.uniform(-0.4, 0.4) * reach
    people = [_person(middle, z, rng)]
    sides = rng.permutation((-1, 1))[: 1 if acting == "collapsed" else rng.integers(1, 3)]
    for side in sides:
        x = middle + side * rng.uniform(0.85, 1.25)
        hand = "index" if acting == "pointing" else None
        # Who stands at the right points to the left, which is the posture as it is.
        other = _person(
            x, z + rng.uniform(-0.3, 0.3), rng, posture=acting, mirrored=bool(side < 0), hand=hand
        )
        people.append(other)
    if acting == "collapsed" and rng.random() < 0.4:
        people.append(_person(middle - sides[0] * rng.uniform(0.9, 1.3), z + rng.uniform(-0.3, 0.3), rng))
    return tuple(people)


def _person(
    x: float,
    z: float,
    rng: np.random.Generator,
    *,
    posture: str | None = None,
    mirrored: bool | None = None,
    hand: str | None = None,
) -> Facts:
    expression = int(rng.choice(8, p=_EXPRESSION_WEIGHTS))
    valence, arousal = sample_valence_arousal(expression, rng)
    usual = str(rng.choice(list(_POSTURE_WEIGHTS), p=list(_POSTURE_WEIGHTS.values())))
    shape = str(rng.choice(list(_HAND_WEIGHTS), p=list(_HAND_WEIGHTS.values())))
    return Facts(
        expression=expression,
        valence=valence,
        arousal=arousal,
        posture=posture or usual,
        hand=hand or shape,
        mirrored=bool(rng.random() < 0.5) if mirrored is None else mirrored,
        x=float(x),
        z=float(np.clip(z, NEAREST, FARTHEST)),
        identity=int(rng.integers(1 << 40)),
    )


def relations(people: tuple[Facts, ...], agent: int) -> frozenset[str]:
    """What the others mean to one person, shown by their postures and places alone.

    - `embraced`: somebody within 0.75 m, both with an arm out for the other;
    - `applauded`, `accused`: somebody within 3.5 m applauds, or points this way (and the person does not as
      well);
    - `witness`: somebody within 3.5 m has collapsed, and the person has not;
    - `alone`: nobody within 2.6 m; people farther off, often only in depth, change nothing.
    """
    me = people[agent]
    found = set()
    distances = [
        (math.hypot(other.x - me.x, other.z - me.z), other) for i, other in enumerate(people) if i != agent
    ]
    for distance, other in distances:
        towards_me = other.mirrored == (me.x > other.x)
        if distance < _EMBRACE and me.posture == other.posture == "embracing" and towards_me:
            found.add("embraced")
        if distance < _NEAR and other.posture == "applauding" != me.posture:
            found.add("applauded")
        if distance < _NEAR and other.posture == "pointing" != me.posture and towards_me:
            found.add("accused")
        if distance < _NEAR and other.posture == "collapsed" != me.posture:
            found.add("witness")
    if all(distance > _ALONE for distance, _ in distances):
        found.add("alone")
    return frozenset(found)
