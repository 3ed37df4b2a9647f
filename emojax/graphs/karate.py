"""Zachary's karate club, the small social network on which the thesis shows an untrained GCN (fig. 6.1.1).

W. W. Zachary, "An Information Flow Model for Conflict and Fission in Small Groups", Journal of
Anthropological Research 33 (1977): who meets whom outside the club, and which club each chose in the end.
"""

from __future__ import annotations

import numpy as np

NUM_MEMBERS = 34

# Member -> the friends with larger numbers; 78 friendships.
_FRIENDS = {
    0: (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31),
    1: (2, 3, 7, 13, 17, 19, 21, 30),
    2: (3, 7, 8, 9, 13, 27, 28, 32),
    3: (7, 12, 13),
    4: (6, 10),
    5: (6, 10, 16),
    6: (16,),
    8: (30, 32, 33),
    9: (33,),
    13: (33,),
    14: (32, 33),
    15: (32, 33),
    18: (32, 33),
    19: (33,),
    20: (32, 33),
    22: (32, 33),
    23: (25, 27, 29, 32, 33),
    24: (25, 27, 31),
    25: (31,),
    26: (29, 33),
    27: (33,),
    28: (31, 33),
    29: (32, 33),
    30: (32, 33),
    31: (32, 33),
    32: (33,),
}
_STAYED_WITH_INSTRUCTOR = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 16, 17, 19, 21)


def karate_club() -> tuple[np.ndarray, np.ndarray]:
    """The graph and the outcome.

    Returns:
        ``[34, 34]`` float64 symmetric 0/1 friendships with a zero diagonal, and ``[34]`` int32: 0 for members
        who stayed with the instructor (member 0), 1 for those who followed the officer (member 33).
    """
    friendships = np.zeros((NUM_MEMBERS, NUM_MEMBERS))
    for member, friends in _FRIENDS.items():
        friendships[member, list(friends)] = 1
    club = np.ones(NUM_MEMBERS, np.int32)
    club[list(_STAYED_WITH_INSTRUCTOR)] = 0
    return friendships + friendships.T, club


def symmetric_normalization(edges: np.ndarray) -> np.ndarray:
    """Kipf's ``D^-1/2 (A + I) D^-1/2``, with D the row sums of ``A + I``.

    The thesis prints D^1/2 (eq. 6.1.3, spec emotion_gcn 4.3).

    Args:
        edges: ``[n, n]`` non-negative, symmetric, zero diagonal.

    Returns:
        ``[n, n]`` float64.
    """
    with_self = edges + np.eye(len(edges))
    scale = 1 / np.sqrt(with_self.sum(axis=1))
    return scale[:, None] * with_self * scale[None, :]
