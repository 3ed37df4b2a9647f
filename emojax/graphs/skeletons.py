"""Skeletons as plain data: joint names and the bones between them, in OpenPose's order."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """Joints and undirected bones.

    Attributes:
        joints: names in index order.
        edges: pairs of joint indices, each bone once.
    """

    joints: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]

    def index(self, name: str) -> int:
        """Index of a joint; ValueError if there is none of that name."""
        return self.joints.index(name)

    def adjacency(self) -> np.ndarray:
        """``[V, V]`` float64 symmetric 0/1 with a zero diagonal."""
        matrix = np.zeros((len(self.joints), len(self.joints)))
        for a, b in self.edges:
            matrix[a, b] = matrix[b, a] = 1
        return matrix


# context_emotion spec 1.3.
BODY_25 = Skeleton(
    joints=(
        *("Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "MidHip"),
        *("RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar"),
        *("LBigToe", "LSmallToe", "LHeel", "RBigToe", "RSmallToe", "RHeel"),
    ),
    edges=(
        *((0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (10, 11)),
        *((8, 12), (12, 13), (13, 14), (0, 15), (15, 17), (0, 16), (16, 18)),
        *((14, 19), (19, 20), (14, 21), (11, 22), (22, 23), (11, 24)),
    ),
)

_FINGERS = ("Thumb", "Index", "Middle", "Ring", "Little")
HAND_21 = Skeleton(
    joints=("Root", *(f"{finger}{joint}" for finger in _FINGERS for joint in range(1, 5))),
    edges=tuple((0 if joint % 4 == 1 else joint - 1, joint) for joint in range(1, 21)),
)

LEFT_HAND = len(BODY_25.joints)
RIGHT_HAND = LEFT_HAND + len(HAND_21.joints)


def _shifted(edges: tuple[tuple[int, int], ...], offset: int) -> tuple[tuple[int, int], ...]:
    return tuple((a + offset, b + offset) for a, b in edges)


# The 67 nodes of the pose GCN: body, left hand, right hand (the order of OpenPose's JSON files), each hand
# joined to the body at its wrist (spec 10, G4b).
BODY_25_HANDS = Skeleton(
    joints=(
        *BODY_25.joints,
        *(f"LHand{joint}" for joint in HAND_21.joints),
        *(f"RHand{joint}" for joint in HAND_21.joints),
    ),
    edges=(
        *BODY_25.edges,
        *_shifted(HAND_21.edges, LEFT_HAND),
        *_shifted(HAND_21.edges, RIGHT_HAND),
        (BODY_25.index("LWrist"), LEFT_HAND),
        (BODY_25.index("RWrist"), RIGHT_HAND),
    ),
)
