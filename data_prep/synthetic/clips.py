"""A person over time: expression, valence, arousal and pose that change smoothly from frame to frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from data_prep.synthetic.actions import Actions, express, sample_valence_arousal
from data_prep.synthetic.geometry import Pose

_CHANGE = 5  # frames from one expression to the next
_UNDECIDED = 0.2  # so near the middle of a change nobody can say which expression it is
_POSE_SPREAD = (0.16, 0.08, 0.06, 0.05, 0.07, 0.07)  # yaw, pitch, roll, log scale, x and y in face units
_ACTION_NAMES = tuple(field.name for field in dataclasses.fields(Actions))


@dataclasses.dataclass(frozen=True)
class Moment:
    """What a person does at one moment.

    Attributes:
        label: index of AFFECTNET_CLASSES; in the middle of a change the nearer of both.
        decided: False in the middle of a change.
        valence, arousal: in [-1, 1].
        actions: of the face.
        pose: `[6]` yaw, pitch, roll (radians), logarithm of the scale, x and y (face units).
    """

    label: int
    decided: bool
    valence: float
    arousal: float
    actions: Actions
    pose: np.ndarray

    def place(self, scale: float, x: float, y: float) -> Pose:
        """The pose in pixels, for a head that rests at (x, y) with `scale` pixels a face unit."""
        yaw, pitch, roll, grow, right, down = self.pose
        return Pose(yaw, pitch, roll, scale * np.exp(grow), x + scale * right, y + scale * down)


def play(
    labels: Sequence[int], num_frames: int, rng: np.random.Generator, expressiveness: float = 1.0
) -> list[Moment]:
    """A clip in which a person shows these expressions one after the other, for about equal times.

    Within an expression valence and arousal wander from one value of its class to another; between two
    expressions everything changes over a few frames.
    """
    bounds = np.linspace(0, num_frames, len(labels) + 1)
    times, keys = [], []
    for number, label in enumerate(labels):
        seed = int(
            rng.integers(1 << 32)
        )  # the play of the muscles belongs to the expression, not to the frame
        start = bounds[number] + (_CHANGE / 2 if number else 0)
        stop = bounds[number + 1] - (_CHANGE / 2 if number + 1 < len(labels) else 1)
        for time in (start, stop):
            times.append(time)
            keys.append(_key(label, rng, seed, expressiveness))
    return [_between(times, keys, frame) for frame in range(num_frames)]


def _key(label: int, rng: np.random.Generator, seed: int, expressiveness: float) -> Moment:
    valence, arousal = sample_valence_arousal(label, rng)
    actions = express(label, valence, arousal, np.random.default_rng(seed), expressiveness)
    pose = np.clip(rng.normal(size=6), -2, 2) * _POSE_SPREAD
    return Moment(label, True, valence, arousal, actions, pose)


def _between(times: Sequence[float], keys: Sequence[Moment], time: float) -> Moment:
    """Everything eased from the key before to the key after."""
    after = min(int(np.searchsorted(times, time, side="right")), len(keys) - 1)
    a, b = keys[after - 1], keys[after]
    share = np.clip((time - times[after - 1]) / max(times[after] - times[after - 1], 1e-9), 0, 1)
    weight = float(share * share * (3 - 2 * share))

    def mix(first, second):
        return (1 - weight) * first + weight * second

    return Moment(
        label=(a if weight < 0.5 else b).label,
        decided=a.label == b.label or abs(weight - 0.5) > _UNDECIDED,
        valence=float(mix(a.valence, b.valence)),
        arousal=float(mix(a.arousal, b.arousal)),
        actions=Actions(
            **{n: float(mix(getattr(a.actions, n), getattr(b.actions, n))) for n in _ACTION_NAMES}
        ),
        pose=mix(a.pose, b.pose),
    )
