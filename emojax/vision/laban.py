"""Laban movement features of a skeleton sequence (context_emotion spec 1.6; thesis 000, section 5.1.4)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from emojax.graphs.skeletons import BODY_18

VISIBLE_FROM = 0.1  # confidence
NUM_FEATURES = 54

# Joints by side (right, left), in the order of BODY_18; joints without a side stand in both.
_RIGHT = dict(hip=8, knee=9, foot=10, shoulder=2, elbow=3, hand=4, ear=16, eye=14, neck=1, nose=0)
_LEFT = dict(hip=11, knee=12, foot=13, shoulder=5, elbow=6, hand=7, ear=17, eye=15, neck=1, nose=0)
_SIDES = (_RIGHT, _LEFT)

# Angle between the limbs a -> b and b -> c, each an (a, b, c) of one side.
_ANGLES = (
    *(("foot", "knee", "hip"), ("hip", "neck", "shoulder"), ("shoulder", "elbow", "hand")),
    *(("shoulder", "neck", "nose"), ("neck", "nose", "ear"), ("nose", "ear", "eye")),
    *(("hip", "neck", "nose"), ("knee", "hip", "neck")),
)
_MOVING = ("shoulder", "elbow", "hand", "hip", "knee", "foot")
_BOXES = {
    "volume": tuple(range(18)),
    "volume_upper": (0, 1, 2, 3, 4, 5, 6, 7, 14, 15, 16, 17),
    "volume_lower": (8, 9, 10, 11, 12, 13),
    "volume_left": (5, 6, 7, 11, 12, 13),
    "volume_right": (2, 3, 4, 8, 9, 10),
}
_STATISTICS = ("max", "min", "mean", "std")

FEATURE_NAMES = (
    *("feet_hip", "hands_shoulder", "hands", "hands_head", "centroid_pelvis", "gait"),
    *(f"angle_{'_'.join(a)}" for a in _ANGLES),
    *(f"speed_{j}" for j in _MOVING),
    *(f"angular_velocity_{'_'.join(a)}" for a in _ANGLES),
    *(f"acceleration_{j}" for j in _MOVING),
    *(f"angular_acceleration_{'_'.join(a)}" for a in _ANGLES),
    *(f"jerk_{j}" for j in _MOVING),
    *_BOXES,
    "torso_height",
)
DESCRIPTOR_NAMES = tuple(f"{s}_{name}" for s in _STATISTICS for name in FEATURE_NAMES)


def laban_features(joints: np.ndarray, *, lag: int = 1) -> np.ndarray:
    """Features of every frame, ``[T, 54]`` float32 in the order of `FEATURE_NAMES`; NaN where joints are missing.

    Args:
        joints: ``[T, 18, 3]`` x, y in pixels and confidence, in the order of `BODY_18`. A joint below a confidence of
            0.1, or with a coordinate that is not finite, is missing.
        lag: frames between the two ends of a derivative (tau of eq. 5.14).

    Lengths are in units of the mean length of all visible limbs of the sequence. Where one side of the body is
    missing, the other counts alone.
    """
    points = _normalised(np.asarray(joints, np.float64))
    pelvis = (points[:, _RIGHT["hip"]] + points[:, _LEFT["hip"]]) / 2
    angles = [[_angle(points, *(side[j] for j in names)) for side in _SIDES] for names in _ANGLES]
    derivatives = [points]
    for _ in range(3):
        derivatives.append(_difference(derivatives[-1], lag))
    turns = [np.array(angles)]
    for _ in range(2):
        turns.append(np.array([[_difference(a, lag) for a in sides] for sides in turns[-1]]))
    columns = [
        _mean_of_sides(lambda s: _distance(points, s["foot"], s["hip"])),
        _mean_of_sides(lambda s: _distance(points, s["hand"], s["shoulder"])),
        _distance(points, _RIGHT["hand"], _LEFT["hand"]),
        _mean_of_sides(lambda s: _distance(points, s["hand"], s["nose"])),
        np.linalg.norm(_nan(np.nanmean, points, axis=1) - pelvis, axis=-1),
        _distance(points, _RIGHT["foot"], _LEFT["foot"]),
        *_nan(np.nanmean, turns[0], axis=1),
        *_norms(derivatives[1]),
        *_nan(np.nanmean, turns[1], axis=1),
        *_norms(derivatives[2]),
        *_nan(np.nanmean, turns[2], axis=1),
        *_norms(derivatives[3]),
        *(_box_area(points[:, list(members)]) for members in _BOXES.values()),
        np.linalg.norm(points[:, _RIGHT["neck"]] - pelvis, axis=-1),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def laban_descriptor(features: np.ndarray) -> np.ndarray:
    """Maximum, minimum, mean and standard deviation of each feature over a clip: ``[T, 54] -> [216]`` float32.

    Missing frames are left out; a feature that no frame has is 0. The order is that of `DESCRIPTOR_NAMES`.
    """
    parts = [_nan(getattr(np, f"nan{name}"), features.astype(np.float64), axis=0) for name in _STATISTICS]
    return np.nan_to_num(np.concatenate(parts), nan=0.0).astype(np.float32)


def _normalised(joints: np.ndarray) -> np.ndarray:
    """Coordinates ``[T, 18, 2]`` in mean limb lengths, NaN where missing (eq. 5.13)."""
    missing = ~(joints[..., 2] >= VISIBLE_FROM) | ~np.isfinite(joints).all(axis=-1)
    points = np.where(missing[..., None], np.nan, joints[..., :2])
    limbs = [np.linalg.norm(points[:, a] - points[:, b], axis=-1) for a, b in BODY_18.edges]
    length = _nan(np.nanmean, np.array(limbs))
    return points / length if length > 0 else np.full_like(points, np.nan)


def _difference(values: np.ndarray, lag: int) -> np.ndarray:
    """Forward difference over time, NaN in the last frames."""
    result = np.full_like(values, np.nan)
    if len(values) > lag:
        result[:-lag] = (values[lag:] - values[:-lag]) / lag
    return result


def _distance(points: np.ndarray, a: int, b: int) -> np.ndarray:
    return np.linalg.norm(points[:, a] - points[:, b], axis=-1)


def _angle(points: np.ndarray, a: int, b: int, c: int) -> np.ndarray:
    """Angle in radians between the limbs a - b and b - c (eq. 5.15); NaN where a limb has no length."""
    first, second = points[:, a] - points[:, b], points[:, b] - points[:, c]
    lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    cosine = np.divide(
        (first * second).sum(axis=-1), lengths, out=np.full(len(points), np.nan), where=lengths > 0
    )
    return np.arccos(np.clip(cosine, -1, 1))


def _norms(vectors: np.ndarray) -> list[np.ndarray]:
    return [
        _mean_of_sides(lambda side, joint=joint: np.linalg.norm(vectors[:, side[joint]], axis=-1))
        for joint in _MOVING
    ]


def _mean_of_sides(of_side) -> np.ndarray:
    return _nan(np.nanmean, np.stack([of_side(side) for side in _SIDES]), axis=0)


def _box_area(points: np.ndarray) -> np.ndarray:
    extent = _nan(np.nanmax, points, axis=1) - _nan(np.nanmin, points, axis=1)
    return extent.prod(axis=-1)


def _nan(function, values: np.ndarray, axis: int | Sequence[int] | None = None) -> np.ndarray:
    """A NaN-aware NumPy function that is silent where there is nothing but NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return function(values, axis=axis)
