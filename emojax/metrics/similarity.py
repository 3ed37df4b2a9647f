"""Similarity of the vectors that a head compares features with (spec emotion_gcn 6, thesis fig. 6.4.3)."""

from __future__ import annotations

import numpy as np


def cosine_similarity(vectors: np.ndarray) -> np.ndarray:
    """Cosine of every pair of rows.

    Args:
        vectors: ``[n, D]``: rows of W for a GCN head, the transposed kernel for a dense head.

    Returns:
        ``[n, n]`` float64 in [-1, 1]; a zero vector has similarity 0 with every other and 1 with itself.
    """
    from sklearn.metrics import pairwise  # here: its import takes a second

    similarity = np.clip(pairwise.cosine_similarity(np.asarray(vectors, np.float64)), -1, 1)
    np.fill_diagonal(similarity, 1.0)
    return similarity
