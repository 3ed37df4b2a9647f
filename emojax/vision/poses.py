"""OpenPose's JSON files and the pose vector made from them (context_emotion spec 1.3 and 1.6)."""

from __future__ import annotations

import json
import os

import numpy as np

from emojax.graphs.openpose import LEFT_HAND, NUM_JOINTS, RIGHT_HAND
from emojax.graphs.skeletons import BODY_25

POSE_SIZE = 141
MIN_CONFIDENCE = 0.10
_PARTS = (
    ("pose_keypoints_2d", LEFT_HAND),
    ("hand_left_keypoints_2d", RIGHT_HAND - LEFT_HAND),
    ("hand_right_keypoints_2d", NUM_JOINTS - RIGHT_HAND),
)


def read_openpose(path: str | os.PathLike) -> list[np.ndarray]:
    """The people of a file that OpenPose wrote with `--write_json` (BODY_25, `--hand`).

    Returns:
        `[67, 3]` float64 of each person: x and y in pixels, and confidence; body, left hand, right hand.
        Hands that were not looked for are zeros.

    Raises:
        OSError: no such file.
        ValueError: the file is no such JSON, or holds another number of joints.
    """
    with open(path, encoding="utf-8") as file:
        content = json.load(file)
    if not isinstance(content, dict) or not isinstance(content.get("people"), list):
        raise ValueError("no list of people")
    return [_joints(person) for person in content["people"]]


def _joints(person: dict) -> np.ndarray:
    parts = []
    for name, count in _PARTS:
        values = np.array(
            (person.get(name) if isinstance(person, dict) else None) or np.zeros(3 * count), np.float64
        )
        if values.shape != (3 * count,) or not np.isfinite(values).all():
            raise ValueError(f"{name} is not {count} times x, y and confidence")
        parts.append(values.reshape(count, 3))
    return np.concatenate(parts)


def joints_in_box(
    people: list[np.ndarray], x: float, y: float, width: float, height: float
) -> np.ndarray | None:
    """The joints of the person a box shows, as OpenPose would have seen them in a crop of it.

    Args:
        people: `[67, 3]` each, pixels.
        x, y, width, height: the box, in the same pixels.

    Returns:
        `[67, 3]` of the person with the highest summed confidence inside the box (spec 10, G3b): x and y with
        (0, 0) at the box's top left and (1, 1) at its bottom right; joints outside the box are zeros. None if
        nobody has a joint in the box.
    """
    best, best_sum = None, 0.0
    for joints in people:
        scaled = (joints - (x, y, 0)) / (width, height, 1)
        inside = ((scaled[:, :2] >= 0) & (scaled[:, :2] <= 1)).all(axis=1) & (joints[:, 2] > 0)
        scaled = np.where(inside[:, None], scaled, 0.0)
        if scaled[:, 2].sum() > best_sum:
            best, best_sum = scaled, scaled[:, 2].sum()
    return best


def pose_vector(joints: np.ndarray) -> np.ndarray:
    """The 141 values of the pose stream.

    50 coordinates (x, y of each body joint) relative to the nose, 42 of the left and 42 of the right hand
    relative to the hand's wrist, then `body_component`. A joint below 0.10 confidence is (0, 0) and stays so;
    where the nose or a wrist is missing nothing is subtracted (spec 10, G3).

    Args:
        joints: `[67, 3]`: x, y in [0, 1] of the crop, confidence.

    Returns:
        `[141]` float32.
    """
    seen = joints[:, 2] >= MIN_CONFIDENCE
    points = np.where(seen[:, None], joints[:, :2], 0.0)
    relative = points.copy()
    for start, stop in ((0, LEFT_HAND), (LEFT_HAND, RIGHT_HAND), (RIGHT_HAND, NUM_JOINTS)):
        relative[start:stop] -= points[start]  # the nose, or the root of the hand: zero where it was not seen
    relative[~seen] = 0.0
    return np.concatenate([relative.reshape(-1), body_component(points, seen)]).astype(np.float32)


def body_component(points: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Seven distances of Laban's body component (spec 1.3, formulas of 1.6 with BODY_25 joints).

    Feet to hips, hands to shoulders, hands to head (nose), centroid of all body joints to pelvis, between the
    feet, between the hands, height of the torso (neck to mid-hip). Left and right are averaged over the sides
    that were seen; a distance without its joints is 0.

    Args:
        points: `[V, 2]` with BODY_25 first.
        seen: `[V]` bool.

    Returns:
        `[7]` float64, in units of the crop's sides.
    """
    at = {name: points[i] if seen[i] else np.full(2, np.nan) for i, name in enumerate(BODY_25.joints)}

    def mean_distance(*pairs) -> float:
        lengths = [float(np.hypot(*(a - b))) for a, b in pairs]
        known = [length for length in lengths if not np.isnan(length)]
        return sum(known) / len(known) if known else 0.0

    body = points[: len(BODY_25.joints)][seen[: len(BODY_25.joints)]]
    centroid = body.mean(axis=0) if len(body) else np.full(2, np.nan)
    hips = np.array([hip for hip in (at["RHip"], at["LHip"]) if not np.isnan(hip).any()])
    pelvis = hips.mean(axis=0) if len(hips) else np.full(2, np.nan)
    return np.array(
        [
            mean_distance((at["RAnkle"], at["RHip"]), (at["LAnkle"], at["LHip"])),
            mean_distance((at["RWrist"], at["RShoulder"]), (at["LWrist"], at["LShoulder"])),
            mean_distance((at["RWrist"], at["Nose"]), (at["LWrist"], at["Nose"])),
            mean_distance((centroid, pelvis)),
            mean_distance((at["RAnkle"], at["LAnkle"])),
            mean_distance((at["RWrist"], at["LWrist"])),
            mean_distance((at["Neck"], at["MidHip"])),
        ]
    )
