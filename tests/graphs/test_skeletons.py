"""The skeletons are OpenPose's, joint for joint."""

import numpy as np
import pytest

from emojax.graphs.openpose import LEFT_HAND, RIGHT_HAND
from emojax.graphs.skeletons import BODY_25, BODY_25_HANDS, HAND_21


def test_body_25_joints_stand_at_the_numbers_of_the_spec():
    numbers = {"Nose": 0, "Neck": 1, "RWrist": 4, "LWrist": 7, "MidHip": 8, "RHip": 9, "RAnkle": 11}
    numbers |= {"LHip": 12, "LAnkle": 14, "REye": 15, "LEar": 18, "LBigToe": 19, "LHeel": 21, "RHeel": 24}
    assert {name: BODY_25.index(name) for name in numbers} == numbers
    assert len(BODY_25.joints) == 25
    assert len(set(BODY_25.edges)) == 24


def test_each_finger_is_a_chain_of_four_from_the_root():
    assert len(HAND_21.joints) == 21
    assert len(HAND_21.edges) == 20
    for finger in range(5):
        first = 1 + 4 * finger
        assert [a for a, b in HAND_21.edges if first <= b < first + 4] == [0, first, first + 1, first + 2]


def test_pose_graph_has_67_nodes_and_hangs_together():
    assert len(BODY_25_HANDS.joints) == 67 == len(set(BODY_25_HANDS.joints))
    assert (LEFT_HAND, RIGHT_HAND) == (25, 46)
    assert {(7, 25), (4, 46)} <= set(BODY_25_HANDS.edges)
    # A tree: one edge fewer than nodes, and every node is reached.
    assert len(BODY_25_HANDS.edges) == 66
    reached = np.linalg.matrix_power(BODY_25_HANDS.adjacency() + np.eye(67), 67)
    assert (reached > 0).all()


@pytest.mark.parametrize("skeleton", [BODY_25, HAND_21, BODY_25_HANDS])
def test_adjacency_is_symmetric_and_counts_each_bone_twice(skeleton):
    adjacency = skeleton.adjacency()
    np.testing.assert_array_equal(adjacency, adjacency.T)
    assert np.trace(adjacency) == 0
    assert adjacency.sum() == 2 * len(skeleton.edges)
