"""The 141 numbers of a pose, and what is read from OpenPose's files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from emojax.graphs.openpose import LEFT_HAND, RIGHT_HAND
from emojax.graphs.skeletons import BODY_25
from emojax.vision.poses import body_component, joints_in_box, pose_vector, read_openpose

JOINT = {name: i for i, name in enumerate(BODY_25.joints)}


def joints(**points) -> np.ndarray:
    """`[67, 3]` with the named body joints at (x, y), confidence 1; all others missing."""
    found = np.zeros((67, 3))
    for name, point in points.items():
        found[JOINT[name]] = (*point, 1.0)
    return found


def test_body_is_relative_to_the_nose_and_hands_to_their_wrists():
    pose = joints(Nose=(0.5, 0.1), Neck=(0.5, 0.25), RAnkle=(0.4, 0.9))
    pose[LEFT_HAND] = (0.7, 0.5, 0.9)
    pose[LEFT_HAND + 8] = (0.75, 0.55, 0.9)
    pose[RIGHT_HAND] = (0.2, 0.4, 0.9)
    pose[RIGHT_HAND + 20] = (0.1, 0.45, 0.9)
    vector = pose_vector(pose)
    assert vector.shape == (141,) and vector.dtype == np.float32
    points = vector[:134].reshape(67, 2)
    np.testing.assert_allclose(points[JOINT["Nose"]], (0, 0))
    np.testing.assert_allclose(points[JOINT["Neck"]], (0, 0.15), atol=1e-7)
    np.testing.assert_allclose(points[JOINT["RAnkle"]], (-0.1, 0.8), atol=1e-7)
    np.testing.assert_allclose(points[LEFT_HAND], (0, 0))
    np.testing.assert_allclose(points[LEFT_HAND + 8], (0.05, 0.05), atol=1e-7)
    np.testing.assert_allclose(points[RIGHT_HAND + 20], (-0.1, 0.05), atol=1e-7)
    # A joint that was not detected stays zero: nothing is subtracted from it.
    assert not points[JOINT["LKnee"]].any() and not points[LEFT_HAND + 1].any()


def test_without_a_nose_or_wrist_nothing_is_subtracted():
    pose = joints(Neck=(0.5, 0.25))
    pose[LEFT_HAND + 8] = (0.75, 0.55, 0.9)
    points = pose_vector(pose)[:134].reshape(67, 2)
    np.testing.assert_allclose(points[JOINT["Neck"]], (0.5, 0.25))
    np.testing.assert_allclose(points[LEFT_HAND + 8], (0.75, 0.55))


def test_joints_below_a_tenth_of_confidence_are_zero():
    pose = joints(Nose=(0.5, 0.1), Neck=(0.5, 0.25), RHip=(0.4, 0.5))
    pose[JOINT["Neck"], 2], pose[JOINT["RHip"], 2] = 0.0999, 0.10
    points = pose_vector(pose)[:134].reshape(67, 2)
    assert not points[JOINT["Neck"]].any()
    np.testing.assert_allclose(points[JOINT["RHip"]], (-0.1, 0.4), atol=1e-7)
    # The nose itself below the threshold is no reference.
    pose[JOINT["Nose"], 2] = 0.05
    np.testing.assert_allclose(pose_vector(pose)[2 * JOINT["RHip"] :][:2], (0.4, 0.5))


def test_the_seven_laban_values_of_a_known_figure():
    pose = joints(
        **{"Nose": (0.5, 0.1), "Neck": (0.5, 0.2), "MidHip": (0.5, 0.5)},
        **{"RShoulder": (0.4, 0.2), "LShoulder": (0.6, 0.2), "RWrist": (0.4, 0.5), "LWrist": (0.9, 0.6)},
        **{"RHip": (0.45, 0.5), "LHip": (0.55, 0.5), "RAnkle": (0.45, 0.9), "LAnkle": (0.55, 0.8)},
    )
    seen = pose[:, 2] > 0
    values = body_component(pose[:, :2], seen)
    centroid = pose[seen, :2].mean(axis=0)
    expected = [
        (0.4 + 0.3) / 2,  # feet to hips
        (0.3 + 0.5) / 2,  # hands to shoulders
        (np.hypot(0.1, 0.4) + np.hypot(0.4, 0.5)) / 2,  # hands to head
        np.hypot(centroid[0] - 0.5, centroid[1] - 0.5),  # centroid to pelvis
        np.hypot(0.1, 0.1),  # gait
        np.hypot(0.5, 0.1),  # hand to hand
        0.3,  # torso
    ]
    np.testing.assert_allclose(values, expected)
    np.testing.assert_allclose(pose_vector(pose)[134:], expected, rtol=1e-6)


def test_laban_values_use_the_sides_that_were_seen_and_are_zero_without():
    pose = joints(RAnkle=(0.4, 0.9), RHip=(0.4, 0.5), LHip=(0.6, 0.5), Nose=(0.5, 0.1))
    values = body_component(pose[:, :2], pose[:, 2] > 0)
    assert values[0] == pytest.approx(0.4)  # the right leg alone
    assert values[[1, 2, 4, 5, 6]].tolist() == [0] * 5
    assert values[3] > 0
    assert not body_component(np.zeros((67, 2)), np.zeros(67, bool)).any()


def test_the_centroid_is_of_the_body_not_of_the_hands():
    pose = joints(RHip=(0.4, 0.5), LHip=(0.6, 0.5))
    pose[LEFT_HAND:] = (0.9, 0.9, 1.0)
    assert body_component(pose[:, :2], pose[:, 2] > 0)[3] == pytest.approx(0)


def test_a_box_takes_the_person_with_the_highest_confidence_inside_it():
    strong_outside = joints(Nose=(500, 50), Neck=(500, 80), RHip=(480, 160), LHip=(520, 160))
    weak = joints(Nose=(20, 30), Neck=(20, 60), RHip=(300, 90))
    weak[:, 2] *= 0.6
    found = joints_in_box([strong_outside, weak], 10, 20, 100, 200)
    np.testing.assert_allclose(found[JOINT["Nose"]], (0.1, 0.05, 0.6))
    np.testing.assert_allclose(found[JOINT["Neck"]], (0.1, 0.2, 0.6))
    assert not found[JOINT["RHip"]].any()  # outside the box: OpenPose would not have seen it in the crop
    assert joints_in_box([strong_outside], 10, 20, 100, 200) is None
    assert joints_in_box([], 10, 20, 100, 200) is None


def test_openpose_files_are_read_body_left_hand_right_hand(tmp_path):
    person = {
        "pose_keypoints_2d": list(range(75)),
        "hand_left_keypoints_2d": [1000 + i for i in range(63)],
        "hand_right_keypoints_2d": [2000 + i for i in range(63)],
    }
    path = tmp_path / "a_keypoints.json"
    path.write_text(json.dumps({"version": 1.3, "people": [person, {"pose_keypoints_2d": [0.5] * 75}]}))
    first, second = read_openpose(path)
    assert first.shape == second.shape == (67, 3)
    assert first[1].tolist() == [3, 4, 5]
    assert first[LEFT_HAND].tolist() == [1000, 1001, 1002]
    assert first[RIGHT_HAND].tolist() == [2000, 2001, 2002]
    assert not second[LEFT_HAND:].any()  # hands were not looked for


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"people": 3}',
        '{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}',
        '{"people": [{"pose_keypoints_2d": ["a"]}]}',
        '{"people": [7], "x":',
    ],
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ValueError):
        read_openpose(tmp_path / "a.json")
