"""Frechet distance between two sets of features, taken as normally distributed (Heusel et al., NeurIPS 2017)."""

from __future__ import annotations

import numpy as np

from emojax.errors import DataError


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))`` of means and covariances (divisor n - 1).

    Args:
        first: ``[N, D]``, at least two rows.
        second: ``[M, D]``.

    Raises:
        DataError: fewer than two rows, other widths, or a value that is not finite.
    """
    first, second = (np.asarray(x, np.float64) for x in (first, second))
    if first.ndim != 2 or first.shape[1:] != second.shape[1:] or min(len(first), len(second)) < 2:
        raise DataError(
            f"Features of shapes {first.shape} and {second.shape} cannot be compared: [N, D], N > 1."
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise DataError(
            "A feature is not finite: the network that judges is not trained, or its run is damaged."
        )
    means = first.mean(axis=0) - second.mean(axis=0)
    covariances = [np.cov(x, rowvar=False).reshape(x.shape[1], -1) for x in (first, second)]
    # The square root's trace is that of (A C2 A)^(1/2) with A = C1^(1/2): symmetric, so its eigenvalues are real.
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariances[1] @ root), 0)).sum()
    return float(means @ means + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * shared)
