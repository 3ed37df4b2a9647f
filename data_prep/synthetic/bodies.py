"""Bodies: postures as joints in metres, and how a dressed person with that posture is drawn.

Body units are metres: x to the image's right, y up, origin on the ground between the feet. A person faces the
camera, so the person's right side is at the image's left. Joints are in the order of BODY_25 with hands.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from emojax.graphs.openpose import LEFT_HAND, RIGHT_HAND
from emojax.graphs.skeletons import BODY_25

HEAD_UNIT = 0.10  # metres of a face unit: heads are drawn a third too large, so that faces can be read
_UPPER_ARM, _FOREARM = 0.30, 0.27
_HIP_HEIGHT, _TORSO, _SHOULDER, _HIP = 0.92, 0.48, 0.185, 0.095
_HAND = 0.15  # wrist to the tip of the middle finger


@dataclasses.dataclass(frozen=True)
class Posture:
    """A posture. Metres.

    Attributes:
        right, left: wrist of that side from its shoulder: outwards, upwards.
        bow: how much the neck sinks because the trunk bends forward.
        head_drop: how much the head sinks below its place over the neck.
        crouch: how much the hips sink.
        stance: half the distance between the ankles.
        seated: on the ground, knees up.
    """

    right: tuple[float, float] = (0.06, -0.56)
    left: tuple[float, float] = (0.06, -0.56)
    bow: float = 0.0
    head_drop: float = 0.0
    crouch: float = 0.0
    stance: float = 0.11
    seated: bool = False


POSTURES = {
    "relaxed": Posture(),
    "working": Posture(right=(-0.06, -0.28), left=(-0.06, -0.28), head_drop=0.02),
    "hands_on_hips": Posture(right=(0.01, -0.42), left=(0.01, -0.42), stance=0.17),
    "cheering": Posture(right=(0.17, 0.48), left=(0.17, 0.48), stance=0.19),
    "thinking": Posture(right=(-0.15, 0.05), left=(-0.24, -0.31)),
    "reaching": Posture(right=(0.46, 0.26), left=(-0.34, -0.04), stance=0.2),
    "arms_crossed": Posture(right=(-0.26, -0.25), left=(-0.25, -0.31), stance=0.13),
    "slumped": Posture(
        right=(-0.03, -0.54), left=(-0.03, -0.54), bow=0.13, head_drop=0.07, crouch=0.05, stance=0.09
    ),
    "clutching": Posture(
        right=(-0.15, -0.30), left=(-0.14, -0.34), bow=0.2, head_drop=0.05, crouch=0.11, stance=0.14
    ),
    "shielding": Posture(right=(-0.10, 0.15), left=(-0.09, 0.22), crouch=0.05, stance=0.15),
    "pointing": Posture(right=(0.56, 0.03), left=(0.05, -0.52), stance=0.16),
    "applauding": Posture(right=(-0.15, -0.11), left=(-0.15, -0.13)),
    "embracing": Posture(right=(0.42, -0.06), left=(-0.28, -0.10), stance=0.10),
    "collapsed": Posture(right=(0.05, -0.22), left=(0.05, -0.26), bow=0.1, head_drop=0.08, seated=True),
}

# Each finger (thumb first): direction from the middle finger's in radians, and length as a share of the hand.
_FINGER_ANGLES = np.array((-0.9, -0.22, 0.0, 0.2, 0.42))
_FINGER_LENGTHS = np.array((0.62, 0.92, 1.0, 0.94, 0.78))
# Shape of a hand: how far fingers are spread, and how far each is stretched (1) or folded in (0).
HANDS = {
    "loose": (0.8, (0.9, 0.85, 0.85, 0.85, 0.85)),
    "fist": (0.6, (0.45, 0.0, 0.0, 0.0, 0.0)),
    "spread": (1.6, (1.0, 1.0, 1.0, 1.0, 1.0)),
    "index": (0.6, (0.4, 1.0, 0.0, 0.0, 0.0)),
}
_KNUCKLE = 0.5  # where on the way to its tip a finger leaves the palm


@dataclasses.dataclass(frozen=True)
class Body:
    """Where the joints of a person are, in metres.

    Attributes:
        joints: `[67, 2]`; nose, eyes and ears are those of the face drawn later, here only guesses.
        head: `[2]` the origin of the face.
        seated: sits on the ground.
    """

    joints: np.ndarray
    head: np.ndarray
    seated: bool


def pose_body(
    posture: str | Posture, hands: tuple[str, str], *, mirrored: bool, height: float, rng: np.random.Generator
) -> Body:
    """Joints of a person in a posture, with a little play.

    Args:
        posture: a posture, or a key of `POSTURES`.
        hands: shape of the image-left and image-right hand, keys of `HANDS`.
        mirrored: left and right changed.
        height: of the person as a share of the average.
        rng: play.
    """
    spec = POSTURES[posture] if isinstance(posture, str) else posture
    play = rng.normal(0, 0.018, 12)
    hip_y = 0.15 if spec.seated else _HIP_HEIGHT - spec.crouch
    hip = np.array((play[0], hip_y))
    neck = hip + np.array((play[1] + 1.5 * play[0], _TORSO - spec.bow))
    joints = np.zeros((RIGHT_HAND + 21, 2))
    joints[BODY_25.index("MidHip")], joints[BODY_25.index("Neck")] = hip, neck
    for side, letter, wrist in ((-1, "R", spec.right), (1, "L", spec.left)):
        shoulder = neck + np.array((side * _SHOULDER, -0.02 - 0.25 * spec.bow))
        target = shoulder + np.array((side * (wrist[0] + play[2 + side]), wrist[1] + play[5 + side]))
        elbow, end = _two_links(shoulder, target, _UPPER_ARM, _FOREARM, side)
        for name, point in (("Shoulder", shoulder), ("Elbow", elbow), ("Wrist", end)):
            joints[BODY_25.index(letter + name)] = point
        _set_leg(joints, letter, side, hip, spec, play[8 + side])
        first = RIGHT_HAND if letter == "R" else LEFT_HAND
        shape = hands[(side + 1) // 2]
        joints[first : first + 21] = _hand(end, end - elbow, shape, side, rng)
    head = neck + np.array((0.5 * play[11], 0.055 + 1.24 * HEAD_UNIT - spec.head_drop))
    if mirrored:
        joints, head = _mirror(joints), head * (-1, 1)
    return Body(joints * height, head * height, spec.seated)


def _two_links(start: np.ndarray, target: np.ndarray, first: float, second: float, side: int):
    """Middle and end of a limb of two bones that reaches for `target`; it bends outwards and down."""
    reach = target - start
    distance = np.clip(np.hypot(*reach), abs(first - second) + 0.03, first + second - 0.004)
    along = reach / max(np.hypot(*reach), 1e-6)
    foot = (first**2 - second**2 + distance**2) / (2 * distance)
    rise = np.sqrt(max(first**2 - foot**2, 0.0))
    across = np.array((-along[1], along[0]))
    bends = [start + foot * along + sign * rise * across for sign in (-1, 1)]
    middle = max(bends, key=lambda point: side * point[0] - 0.35 * point[1])
    return middle, start + distance * along


def _set_leg(joints: np.ndarray, letter: str, side: int, hip: np.ndarray, spec: Posture, play: float) -> None:
    top = hip + np.array((side * _HIP, 0))
    if spec.seated:
        knee, ankle = np.array((side * 0.19 + hip[0], 0.46)), np.array((side * 0.13 + hip[0], 0.02))
    else:
        ankle = np.array((side * (spec.stance + play), 0.07))
        # Bent knees come towards the viewer: bones look shorter, and knees hardly leave the line.
        bone = 0.508 * np.hypot(*(ankle - top))
        knee = _two_links(top, ankle, bone, bone, side)[0]
    toe = ankle + np.array((side * 0.05, -0.07))
    points = {"Hip": top, "Knee": knee, "Ankle": ankle, "BigToe": toe}
    points["SmallToe"] = toe + np.array((side * 0.035, 0.012))
    points["Heel"] = ankle + np.array((-side * 0.005, -0.045))
    for name, point in points.items():
        joints[BODY_25.index(letter + name)] = point


def _hand(
    wrist: np.ndarray, forearm: np.ndarray, shape: str, side: int, rng: np.random.Generator
) -> np.ndarray:
    """The 21 joints of a hand that goes on in the direction of the forearm."""
    spread, stretch = HANDS[shape]
    along = forearm / max(np.hypot(*forearm), 1e-6)
    base = np.arctan2(along[1], along[0]) + rng.normal(0, 0.15)
    angles = base + side * spread * _FINGER_ANGLES
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (_HAND * _FINGER_LENGTHS)[:, None]
    # Along a finger: knuckle, two joints, tip. A folded finger comes back over the palm.
    open_finger = np.linspace(_KNUCKLE, 1.0, 4)
    folded = np.array((_KNUCKLE, 0.62, 0.56, 0.46))
    stretched = np.array(stretch)[:, None]
    shares = stretched * open_finger + (1 - stretched) * folded
    points = wrist + (shares[..., None] * directions[:, None]).reshape(20, 2)
    return np.concatenate([wrist[None], points])


def _mirror(joints: np.ndarray) -> np.ndarray:
    names = list(BODY_25.joints)
    swap = {"R": "L", "L": "R"}
    order = [names.index(swap[name[0]] + name[1:]) if name[0] in swap else i for i, name in enumerate(names)]
    order += [*range(RIGHT_HAND, RIGHT_HAND + 21), *range(LEFT_HAND, RIGHT_HAND)]
    return joints[order] * (-1, 1)
