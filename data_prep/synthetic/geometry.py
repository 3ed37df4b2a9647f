"""Shape of a face as curves in face units, its pose, and the 68 landmarks that lie on those curves.

Face units: x to the right, y down, origin on the nose bridge; 1 is half the width of an average face. Every
curve is `[N, 2]` float64. Landmarks are in the 68-point order of AffectNet (jaw 0-16, brows 17-26, nose
27-35, eyes 36-47, outer lips 48-59, inner lips 60-67).
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from data_prep.synthetic.actions import Actions
from data_prep.synthetic.identity import Identity
from data_prep.synthetic.paint import ellipse

_ACROSS = np.linspace(-1.0, 1.0, 21)


@dataclasses.dataclass(frozen=True)
class Pose:
    """Where the head is: angles in radians, `scale` in pixels a face unit, (x, y) pixel of the origin."""

    yaw: float
    pitch: float
    roll: float
    scale: float
    x: float
    y: float

    @functools.cached_property
    def _projection(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Pixels = points @ turned + depth * forward + origin; silhouettes use `flat` for `turned`."""
        c, s = np.cos(self.roll), np.sin(self.roll)
        flat = self.scale * np.array([(c, s), (-s, c)])
        turned = np.array([(np.cos(self.yaw),), (np.cos(self.pitch),)]) * flat
        forward = np.array((np.sin(self.yaw), np.sin(self.pitch))) @ flat
        return turned, forward, np.array((self.x, self.y)), flat

    def place(self, points: np.ndarray, depth=None) -> np.ndarray:
        """Pixels `[N, 2]` of face points; `depth` (towards the viewer) is the face's surface if not given."""
        turned, forward, origin, _ = self._projection
        depth = surface_depth(points) if depth is None else depth
        return points @ turned + np.multiply.outer(depth, forward) + origin

    def outline(self, points: np.ndarray, depth=0.0) -> np.ndarray:
        """Pixels of silhouette points: a turning head keeps its width; what sticks out (`depth`) moves."""
        _, forward, origin, flat = self._projection
        return points @ flat + np.multiply.outer(depth, forward) + origin


_EGG = np.array((1.12, 1.75)) ** -2.0


def surface_depth(points: np.ndarray) -> np.ndarray:
    """Depth `[N]` of an egg-shaped head at `points` `[N, 2]`."""
    return 0.92 * np.sqrt(np.maximum(1.0 - (points * points) @ _EGG, 0.04))


@functools.cache
def _catmull_rom(steps: int) -> np.ndarray:
    t = np.arange(steps)[:, None] / steps
    weights = [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3]
    return 0.5 * np.concatenate(weights, axis=1)


def spline(points, *, closed: bool = False, steps: int = 6) -> np.ndarray:
    """Catmull-Rom curve through `points` `[N, 2 or 3]`, with `steps` samples between two of them."""
    points = np.asarray(points, np.float64)
    if closed:
        padded = np.concatenate([points[-1:], points, points[:2]])
    else:
        padded = np.concatenate([points[:1], points, points[-1:]])
    count = len(padded) - 3
    weights = _catmull_rom(steps)
    curve = sum(weights[:, i, None] * padded[i : i + count, None] for i in range(4)).reshape(
        -1, points.shape[1]
    )
    return curve if closed else np.concatenate([curve, points[-1:]])


@dataclasses.dataclass(frozen=True)
class Eye:
    """One eye: `upper` and `lower` lid from image-left to image-right, the lid's fold, the iris."""

    centre: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    fold: np.ndarray
    iris: np.ndarray


@dataclasses.dataclass(frozen=True)
class Mouth:
    """Lip curves from image-left to image-right, and the opening (face units) between the inner ones."""

    upper_outer: np.ndarray
    upper_inner: np.ndarray
    lower_inner: np.ndarray
    lower_outer: np.ndarray
    opening: float


@dataclasses.dataclass(frozen=True)
class FaceShape:
    """All curves of a face in face units; `head` is `[N, 3]` with depth, `left` means image-left."""

    head: np.ndarray
    left_eye: Eye
    right_eye: Eye
    left_brow: np.ndarray
    right_brow: np.ndarray
    nose_bridge: np.ndarray
    nose_base: np.ndarray
    mouth: Mouth


def face_shape(identity: Identity, actions: Actions) -> FaceShape:
    return FaceShape(
        head=_head(identity, actions),
        left_eye=_eye(identity, actions, -1),
        right_eye=_eye(identity, actions, 1),
        left_brow=_brow(identity, actions, -1),
        right_brow=_brow(identity, actions, 1),
        nose_bridge=_nose_bridge(identity, actions),
        nose_base=_nose_base(identity, actions),
        mouth=_mouth(identity, actions),
    )


def _head(identity: Identity, actions: Actions) -> np.ndarray:
    width, top, drop = identity.width, identity.forehead, 0.27 * actions.jaw - 0.03 * actions.chin
    half = [
        (0.52 * width, -0.93 * top, 0.0),
        (0.88 * width, -0.66 * top, 0.0),
        (1.00 * width, -0.30, 0.0),
        (0.99 * width, 0.15, 0.05),
        (0.92 * width, 0.52 + 0.2 * drop, 0.12),
        (identity.jaw, 0.86 + 0.6 * drop, 0.25),
        (0.55 * identity.jaw, identity.chin - 0.10 + drop, 0.45),
    ]
    mirrored = [(-x, y, z) for x, y, z in reversed(half)]
    return spline([(0, -top, 0.0), *half, (0, identity.chin + drop, 0.5), *mirrored], closed=True)


def _eye(identity: Identity, actions: Actions, side: int) -> Eye:
    upper = max(0.094 * identity.eye_open * (1 + 0.66 * actions.upper_lid), 0.02)
    lower = max(0.062 * (1 - 0.62 * actions.squint - 0.25 * actions.cheek), 0.004)
    centre = np.array([side * identity.eye_spacing, identity.eye_height])
    t = _ACROSS
    tilt = -side * t * identity.eye_tilt
    x = t * identity.eye_width
    upper_lid = np.stack([x, tilt - upper * (1 - np.abs(t) ** 2.2) ** 0.75], axis=1) + centre
    lower_lid = np.stack([x, tilt + lower * (1 - t**2) ** 0.8], axis=1) + centre
    fold = upper_lid + np.stack([0 * t, -0.045 - 0.02 * (1 - t**2)], axis=1)
    middle = np.add(centre, (0.06 * actions.gaze_x, -0.018 + 0.04 * actions.gaze_y))
    iris = ellipse(middle, identity.iris_size, identity.iris_size, 20)
    return Eye(centre, upper_lid, lower_lid, fold, iris)


def between_lids(points: np.ndarray, eye: Eye) -> np.ndarray:
    """`points` pushed into the open part of the eye, so that lids cover iris and pupil."""
    x = np.clip(points[:, 0], eye.upper[0, 0], eye.upper[-1, 0])
    top = np.interp(x, eye.upper[:, 0], eye.upper[:, 1])
    bottom = np.interp(x, eye.lower[:, 0], eye.lower[:, 1])
    return np.stack([x, np.clip(points[:, 1], top, np.maximum(top, bottom))], axis=1)


def _brow(identity: Identity, actions: Actions, side: int) -> np.ndarray:
    """Five points from the outer to the inner end."""
    inward = np.linspace(0, 1, 5)
    x = side * (identity.eye_spacing + 0.27 - 0.47 * inward)
    x = x - side * 0.055 * actions.brow_lower * inward
    arch = 4 * inward * (1 - inward)
    y = identity.eye_height - identity.brow_height + 0.05 * (1 - inward) ** 2 - identity.brow_arch * arch
    y = y - 0.13 * actions.outer_brow * (1 - inward) ** 0.8
    y = y - 0.15 * actions.inner_brow * inward**1.2
    y = y + (0.15 * inward + 0.03) * (actions.brow_lower + identity.resting_brow)
    y = y + 0.05 * actions.nose_wrinkle * inward
    return np.stack([x, y], axis=1)


def _nose_bridge(identity: Identity, actions: Actions) -> np.ndarray:
    top, tip = identity.eye_height, identity.eye_height + identity.nose_length - 0.045 * actions.nose_wrinkle
    return np.stack([np.zeros(4), np.linspace(top, tip - 0.05, 4)], axis=1)


def _nose_base(identity: Identity, actions: Actions) -> np.ndarray:
    width = identity.nose_width * (1 + 0.18 * actions.nose_wrinkle + 0.08 * max(actions.corner, 0))
    t = np.linspace(-1, 1, 5)
    lift = 0.05 * actions.nose_wrinkle * np.abs(t)
    y = identity.eye_height + identity.nose_length - 0.02 * np.abs(t) - lift + 0.02 * (1 - t**2)
    return np.stack([t * width, y - 0.025 * actions.nose_wrinkle], axis=1)


def _mouth(identity: Identity, actions: Actions) -> Mouth:
    t = _ACROSS
    rounded, wide = max(-actions.stretch, 0.0), max(actions.stretch, 0.0)
    half_width = identity.mouth_width * (1 + 0.30 * wide - 0.38 * rounded) + 0.07 * max(actions.corner, 0.0)
    pull = actions.corner + identity.resting_corner + np.maximum(actions.smirk * np.sign(t), 0.0)
    lift = 0.17 * pull * np.abs(t) ** 2 - 0.055 * actions.corner
    chin = 0.05 * actions.chin * (1 - t**2)
    line = identity.mouth_height - lift - chin - 0.02 * actions.jaw
    opening = max(0.11 * actions.part + 0.42 * actions.jaw, 0.0)
    square = max(actions.square, 0.0)
    profile = np.maximum(1 - np.abs(t) ** (2.0 + 5.0 * square), 0.0) ** (
        0.5 + 0.25 * max(actions.corner, 0.0)
    )
    upper_inner = line - 0.22 * opening * profile - 0.085 * actions.lip_raise * (1 - t**2) ** 0.6
    lower_inner = np.maximum(line + 0.78 * opening * profile, upper_inner)
    thickness = np.clip(1 - 0.6 * actions.press - 0.25 * wide + 0.15 * rounded, 0.3, 1.3)
    bow = (1 - t**2) ** 0.6 * (1 - 0.28 * np.exp(-((t / 0.2) ** 2)))
    upper_outer = upper_inner - identity.lip_upper * thickness * bow
    lower_outer = lower_inner + identity.lip_lower * thickness * (1 - t**2) ** 0.5
    x = half_width * t
    curves = [np.stack([x, y], axis=1) for y in (upper_outer, upper_inner, lower_inner, lower_outer)]
    return Mouth(*curves, opening=float(np.max(lower_inner - upper_inner)))


def landmarks(shape: FaceShape, pose: Pose) -> np.ndarray:
    """The 68 landmarks `[68, 2]` float64 in pixels."""
    parts = [
        _jaw_line(shape, pose),
        pose.place(shape.left_brow),
        pose.place(shape.right_brow[::-1]),
        pose.place(shape.nose_bridge, surface_depth(shape.nose_bridge) + np.linspace(0, 0.22, 4)),
        pose.place(shape.nose_base, nose_base_depth(shape.nose_base)),
        pose.place(_eye_points(shape.left_eye)),
        pose.place(_eye_points(shape.right_eye)),
        pose.place(_lip_points(shape.mouth)),
    ]
    return np.concatenate(parts)


def _jaw_line(shape: FaceShape, pose: Pose) -> np.ndarray:
    """17 points evenly along the outline from the image-left ear round the chin to the image-right ear."""
    below = shape.head[shape.head[:, 1] > -0.16]
    below = below[np.argsort(np.arctan2(below[:, 0], below[:, 1]))]
    placed = pose.outline(below[:, :2], below[:, 2])
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(placed, axis=0), axis=1))])
    at = np.linspace(0, along[-1], 17)
    return np.stack([np.interp(at, along, placed[:, 0]), np.interp(at, along, placed[:, 1])], axis=1)


def _eye_points(eye: Eye) -> np.ndarray:
    return np.stack([eye.upper[0], eye.upper[7], eye.upper[13], eye.upper[20], eye.lower[13], eye.lower[7]])


def nose_base_depth(points: np.ndarray) -> np.ndarray:
    """Depth `[5]` of the points under the nose: the middle sticks out."""
    return np.add(surface_depth(points), (0, 0.1, 0.16, 0.1, 0))


def _lip_points(mouth: Mouth) -> np.ndarray:
    outer = [mouth.upper_outer[[0, 3, 7, 10, 13, 17, 20]], mouth.lower_outer[[17, 13, 10, 7, 3]]]
    inner = [mouth.upper_inner[[1, 7, 10, 13, 19]], mouth.lower_inner[[13, 10, 7]]]
    return np.concatenate(outer + inner)
