"""Skeletons of OpenPose as plain data: BODY_25 and both hands (context_emotion spec 1.3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NUM_BODY, NUM_HAND = 25, 21
NUM_JOINTS = NUM_BODY + 2 * NUM_HAND  # body, left hand, right hand
LEFT_WRIST, RIGHT_WRIST = 7, 4
LEFT_HAND, RIGHT_HAND = NUM_BODY, NUM_BODY + NUM_HAND  # the first joint of each hand is its wrist

BODY_25_EDGES = (
    *((0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (10, 11), (8, 12)),
    *((12, 13), (13, 14), (0, 15), (15, 17), (0, 16), (16, 18), (14, 19), (19, 20), (14, 21), (11, 22)),
    *((22, 23), (11, 24)),
)
# From the wrist to the first joint of each finger, then along the finger.
HAND_EDGES = tuple((0 if i % 4 == 1 else i - 1, i) for i in range(1, NUM_HAND))


def body_and_hands_edges() -> tuple[tuple[int, int], ...]:
    """The 66 edges of the 67 joints: both skeletons of hands hang on the body's wrists (spec 10, G4b)."""
    hands = [(a + offset, b + offset) for offset in (LEFT_HAND, RIGHT_HAND) for a, b in HAND_EDGES]
    return (*BODY_25_EDGES, *hands, (LEFT_WRIST, LEFT_HAND), (RIGHT_WRIST, RIGHT_HAND))


def normalized_adjacency(edges: Sequence[tuple[int, int]], num_nodes: int) -> np.ndarray:
    """``D^-1/2 (A + I) D^-1/2`` of an undirected graph (Kipf and Welling 2017; thesis 000, eq. 2.85).

    Args:
        edges: pairs of node numbers.
        num_nodes: n.

    Returns:
        ``[n, n]`` float64, symmetric.
    """
    adjacency = np.eye(num_nodes)
    for a, b in edges:
        adjacency[a, b] = adjacency[b, a] = 1
    scale = 1 / np.sqrt(adjacency.sum(axis=1))
    return scale[:, None] * adjacency * scale[None, :]
