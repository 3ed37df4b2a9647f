"""Whether near features mean equal labels."""

from __future__ import annotations

import numpy as np

from emojax.errors import DataError


def neighbour_purity(features: np.ndarray, labels: np.ndarray, neighbours: int = 10) -> float:
    """Mean share of the nearest neighbours of a sample that have its label; itself does not count.

    Args:
        features: ``[N, D]``; Euclidean distances.
        labels: ``[N]``, numbers or names.
        neighbours: k; at most N - 1 are taken.

    Raises:
        DataError: fewer than two samples.
    """
    features, labels = np.asarray(features, np.float64), np.asarray(labels)
    if len(features) < 2:
        raise DataError(f"{len(features)} samples have no neighbours.")
    squares = (features**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * features @ features.T
    np.fill_diagonal(distances, np.inf)
    k = min(neighbours, len(features) - 1)
    near = np.argpartition(distances, k - 1, axis=1)[:, :k]
    return float((labels[near] == labels[:, None]).mean())


def chance_purity(labels: np.ndarray) -> float:
    """The purity that neighbours at random would have."""
    _, counts = np.unique(labels, return_counts=True)
    n = counts.sum()
    return float((counts * (counts - 1)).sum() / (n * (n - 1))) if n > 1 else 0.0
