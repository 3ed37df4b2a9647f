"""The graph of co-occurring labels behind ML-GCN (context_emotion spec 4).

Notation of the thesis (eqs 4.9-4.11): ``M`` co-occurrence counts, ``P`` conditional probabilities, ``A``
binary edges, ``A'`` re-weighted edges, ``A~`` the normalised matrix that multiplies the node features.
"""

from __future__ import annotations

import numpy as np

from emojax.errors import ConfigError, DataError
from emojax.graphs.label_graph import reweight

DIAGONALS = ("complement", "identity")


def cooccurrence_counts(categories: np.ndarray) -> np.ndarray:
    """M of spec 4, step 2: samples that carry both labels; the diagonal counts each label.

    Args:
        categories: ``[N, C]`` of zeros and ones.

    Returns:
        ``[C, C]`` int64, symmetric.

    Raises:
        DataError: not a matrix of zeros and ones.
    """
    categories = np.asarray(categories)
    if categories.ndim != 2 or not np.isin(categories, (0, 1)).all():
        raise DataError(f"Categories are a matrix [N, C] of zeros and ones, not {list(categories.shape)}.")
    positive = categories.astype(np.int64)
    return positive.T @ positive


def conditional_probability(counts: np.ndarray) -> np.ndarray:
    """``P_ij = P(label j | label i) = M_ij / N_i`` (step 3); the row of a label without samples is zero.

    Args:
        counts: ``[C, C]`` from `cooccurrence_counts`.

    Returns:
        ``[C, C]`` float64 in [0, 1].
    """
    counts = np.asarray(counts, np.float64)
    return counts / np.maximum(np.diag(counts), 1)[:, None]


def binary_edges(conditional: np.ndarray, tau: float) -> np.ndarray:
    """A of thesis eq. 4.10: 1 from i to j where ``P(j | i)`` reaches tau; the diagonal is 0.

    Args:
        conditional: ``[C, C]``.
        tau: threshold in [0, 1]; 0 gives the complete graph.

    Returns:
        ``[C, C]`` float64 of zeros and ones; row i lists the labels that i points to.

    Raises:
        ConfigError: tau outside [0, 1].
    """
    if not 0 <= tau <= 1:
        raise ConfigError(f"tau is a threshold on conditional probabilities and lies in [0, 1], not {tau}.")
    edges = (np.asarray(conditional) >= tau).astype(np.float64)
    np.fill_diagonal(edges, 0.0)
    return edges


def ml_gcn_weights(edges: np.ndarray, p: float, *, diagonal: str = "complement") -> np.ndarray:
    """A' of thesis eq. 4.11: label j takes p from the labels that point to it, in equal shares.

    Args:
        edges: ``[C, C]`` A.
        p: weight of the neighbours, in [0, 1].
        diagonal: "complement" puts 1 - p on the diagonal (thesis); "identity" puts 1, as the public ML-GCN
            code does (spec 10, G25).

    Returns:
        ``[C, C]`` float64; column j holds what j takes from each label.

    Raises:
        ConfigError: p outside [0, 1] or unknown `diagonal`.
    """
    if diagonal not in DIAGONALS:
        raise ConfigError(f"The diagonal of ML-GCN's graph is 'complement' or 'identity', not {diagonal!r}.")
    weights = reweight(np.transpose(edges), p).T.copy()
    np.fill_diagonal(weights, 1 - p if diagonal == "complement" else 1.0)
    return weights


def ml_gcn_adjacency(counts: np.ndarray, tau: float, p: float, *, diagonal: str = "complement") -> np.ndarray:
    """The constant matrix ``A~ = D^-1/2 A'^T D^-1/2`` with ``D_ii = sum_j A'_ij`` (steps 3-6).

    Args:
        counts: ``[C, C]`` co-occurrence counts of the training labels.
        tau: threshold on ``P(j | i)``; thesis 0.4.
        p: weight of the neighbours; thesis 0.25.
        diagonal: see `ml_gcn_weights`.

    Returns:
        ``[C, C]`` float64; rows receive, columns send. A label that gives nothing (p = 1, no edges) is zero.

    Raises:
        ConfigError: tau or p out of range.
    """
    weights = ml_gcn_weights(binary_edges(conditional_probability(counts), tau), p, diagonal=diagonal)
    degree = weights.sum(axis=1)
    scale = np.where(degree > 0, 1 / np.sqrt(np.where(degree > 0, degree, 1)), 0)
    return scale[:, None] * weights.T * scale[None, :]


def multilabel_statistics(categories: np.ndarray, dimensions: np.ndarray) -> dict[str, object]:
    """What the systems derive from the training labels, as lists and numbers.

    Args:
        categories: ``[N, C]`` of zeros and ones.
        dimensions: ``[N, D]`` float, e.g. valence, arousal and dominance in [0, 1].

    Returns:
        ``num_samples`` N; ``counts`` [C]; ``cooccurrence`` [C][C]; ``dimension_mean``, ``dimension_std`` [D].

    Raises:
        DataError: no samples, arrays that do not fit, or values that are not finite.
    """
    dimensions = np.asarray(dimensions, np.float64)
    counts = cooccurrence_counts(categories)
    if dimensions.ndim != 2 or len(dimensions) != len(categories) or not len(dimensions):
        raise DataError(
            f"{len(categories)} rows of categories do not fit dimensions of shape {list(dimensions.shape)}."
        )
    if not np.isfinite(dimensions).all():
        row = int(np.flatnonzero(~np.isfinite(dimensions).all(axis=1))[0])
        raise DataError(f"The values of record {row} are not finite.")
    return {
        "num_samples": len(dimensions),
        "counts": np.diag(counts).tolist(),
        "cooccurrence": counts.tolist(),
        "dimension_mean": dimensions.mean(axis=0).tolist(),
        "dimension_std": dimensions.std(axis=0).tolist(),
    }
