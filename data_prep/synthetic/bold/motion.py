"""Motions: how posture, place and head of a person change over time."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from data_prep.synthetic.bodies import POSTURES, Posture

WALKING_SPEED = 0.9  # metres a second
_NUMBERS = tuple(f.name for f in dataclasses.fields(Posture) if f.name != "seated")


@dataclasses.dataclass(frozen=True)
class Moment:
    """A person at one time.

    Attributes:
        posture: of the body.
        dx: metres to the image's right of where the person began.
        rise: metres above the ground.
        yaw: turn of the head, radians, added to the person's own.
        shiver: metres by which the whole body is displaced sideways.
    """

    posture: Posture
    dx: float = 0.0
    rise: float = 0.0
    yaw: float = 0.0
    shiver: float = 0.0


def between(first: Posture, second: Posture, share: float) -> Posture:
    """The posture a share of the way from one to another."""
    mixed = {n: _mix(getattr(first, n), getattr(second, n), share) for n in _NUMBERS}
    return dataclasses.replace(first, **mixed)


def _mix(a, b, share: float):
    value = (1 - share) * np.asarray(a) + share * np.asarray(b)
    return tuple(value.tolist()) if value.ndim else float(value)


def _ease(share: float) -> float:
    return float(0.5 - 0.5 * math.cos(math.pi * min(max(share, 0), 1)))


_RELAXED = POSTURES["relaxed"]


def _still(seconds: float, share: float, pace: float) -> Moment:
    return Moment(_RELAXED)


def _walk(seconds: float, share: float, pace: float) -> Moment:
    swing = math.sin(2 * math.pi * pace * seconds)
    stance = 0.04 + 0.2 * abs(swing)
    posture = dataclasses.replace(
        _RELAXED, right=(0.08 + 0.1 * swing, -0.5), left=(0.08 - 0.1 * swing, -0.5), stance=stance
    )
    return Moment(posture, dx=WALKING_SPEED * seconds, rise=0.03 * (1 - abs(swing)))


def _wave(seconds: float, share: float, pace: float) -> Moment:
    swing = math.sin(2 * math.pi * 1.6 * pace * seconds)
    return Moment(dataclasses.replace(_RELAXED, right=(0.22 + 0.16 * swing, 0.38)))


def _jump(seconds: float, share: float, pace: float) -> Moment:
    phase = (1.1 * pace * seconds) % 1
    rise = 0.28 * max(math.sin(math.pi * (phase - 0.3) / 0.7), 0) if phase > 0.3 else 0.0
    crouch = 0.14 * math.sin(math.pi * phase / 0.3) if phase < 0.3 else 0.0
    arms = (0.2, 0.1 + 0.35 * (rise > 0))
    return Moment(dataclasses.replace(POSTURES["cheering"], crouch=crouch, right=arms, left=arms), rise=rise)


def _tremble(seconds: float, share: float, pace: float) -> Moment:
    return Moment(_RELAXED, shiver=0.018 * math.sin(2 * math.pi * 6.3 * seconds))


def _shake_head(seconds: float, share: float, pace: float) -> Moment:
    return Moment(_RELAXED, yaw=0.55 * math.sin(2 * math.pi * 1.4 * pace * seconds))


def _applaud(seconds: float, share: float, pace: float) -> Moment:
    gap = 0.11 * (1 + math.sin(2 * math.pi * 2.2 * pace * seconds))
    arm = (-0.16 + gap, -0.12)
    return Moment(dataclasses.replace(_RELAXED, right=arm, left=arm))


def _slump(seconds: float, share: float, pace: float) -> Moment:
    return Moment(between(POSTURES["hands_on_hips"], POSTURES["slumped"], _ease(share)))


def _rise(seconds: float, share: float, pace: float) -> Moment:
    """`_slump` backwards: the same postures in the other order, which only the order of frames tells."""
    return _slump(seconds, 1 - share, pace)


def _reach(seconds: float, share: float, pace: float) -> Moment:
    return Moment(between(_RELAXED, POSTURES["reaching"], _ease(share)))


def _withdraw(seconds: float, share: float, pace: float) -> Moment:
    """`_reach` backwards."""
    return _reach(seconds, 1 - share, pace)


# (seconds since the start, share of the clip, pace of the person about 1) -> moment.
MOTIONS: dict[str, Callable[[float, float, float], Moment]] = {
    "still": _still,
    "walk": _walk,
    "wave": _wave,
    "jump": _jump,
    "tremble": _tremble,
    "shake_head": _shake_head,
    "applaud": _applaud,
    "slump": _slump,
    "rise": _rise,
    "reach": _reach,
    "withdraw": _withdraw,
}
