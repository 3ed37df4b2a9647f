"""Skeletons as plain data: joint names and the bones between them, in OpenPose's order."""

from __future__ import annotations

import dataclasses

import numpy as np

from emojax.graphs.openpose import BODY_25_EDGES, HAND_EDGES, body_and_hands_edges


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
    edges=BODY_25_EDGES,
)

_FINGERS = ("Thumb", "Index", "Middle", "Ring", "Little")
HAND_21 = Skeleton(
    joints=("Root", *(f"{finger}{joint}" for finger in _FINGERS for joint in range(1, 5))),
    edges=HAND_EDGES,
)

# The 67 nodes of the pose GCN: body, left hand, right hand (the order of OpenPose's JSON files), each hand
# joined to the body at its wrist (spec 10, G4b).
BODY_25_HANDS = Skeleton(
    joints=(
        *BODY_25.joints,
        *(f"LHand{joint}" for joint in HAND_21.joints),
        *(f"RHand{joint}" for joint in HAND_21.joints),
    ),
    edges=body_and_hands_edges(),
)

# OpenPose's COCO layout with the 17 bones of ST-GCN (context_emotion spec 1.4): BoLD and the Kinetics skeletons.
BODY_18 = Skeleton(
    joints=(
        *("Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist"),
        *("RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar"),
    ),
    edges=(
        *((4, 3), (3, 2), (7, 6), (6, 5), (13, 12), (12, 11), (10, 9), (9, 8), (11, 5)),
        *((8, 2), (5, 1), (2, 1), (0, 1), (15, 0), (14, 0), (17, 15), (16, 14)),
    ),
)
