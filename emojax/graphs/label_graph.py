"""The graph of emotion labels: rank correlations of training labels, thresholded and re-weighted.

Nodes are the C expressions in class order, then valence, then arousal (spec emotion_gcn 4.1). Notation of
the thesis (l.1628-1664): ``c`` correlation, ``A`` strength, ``A'`` binary edges, ``A''`` re-weighted.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from emojax.errors import ConfigError, DataError
from emojax.graphs.va_plane import HISTOGRAM_BINS, SECTOR_COUNTS, plane_bins, sector_labels

NUM_DIMENSIONS = 2  # valence and arousal: the last two nodes


def phi_matrix(counts: np.ndarray) -> np.ndarray:
    """Correlation of mutually exclusive class indicators, from their counts alone.

    ``-sqrt(p_i p_j / ((1 - p_i)(1 - p_j)))`` off the diagonal, 1 on it (spec emotion_gcn 4.4).

    Args:
        counts: ``[C]`` samples per class, each at least 1 and fewer than the sum.

    Returns:
        ``[C, C]`` float64, symmetric.
    """
    share = np.asarray(counts, np.float64) / np.sum(counts)
    odds = np.sqrt(share / (1 - share))
    phi = -np.outer(odds, odds)
    np.fill_diagonal(phi, 1.0)
    return phi


def spearman_matrix(
    labels: np.ndarray, valence: np.ndarray, arousal: np.ndarray, num_classes: int
) -> np.ndarray:
    """Spearman's rho between class indicators, valence and arousal of a training set.

    Pearson correlation of centred average ranks. The ranks of a 0/1 indicator are an affine function of
    it, so only valence and arousal are sorted, and class sums do the rest.

    Args:
        labels: ``[N]`` int in [0, num_classes).
        valence: ``[N]`` float.
        arousal: ``[N]`` float.
        num_classes: C.

    Returns:
        ``[C + 2, C + 2]`` float64, symmetric, ones on the diagonal.

    Raises:
        DataError: arrays of different lengths, a label out of range, a value that is not finite, a class
            without samples, or a variable that never changes (its correlation is undefined).

    Source: spec emotion_gcn 4.4, thesis l.1637-1643 with the ranks centred.
    """
    labels, valence, arousal = _checked_labels(labels, valence, arousal, num_classes)
    counts = np.bincount(labels, minlength=num_classes)
    ranks = np.stack([stats.rankdata(valence), stats.rankdata(arousal)], axis=1)
    ranks -= ranks.mean(axis=0)
    spread = ranks.std(axis=0)
    for name, value in zip(("valence", "arousal"), spread):
        if value == 0:
            raise DataError(f"Every training sample has the same {name}: its correlations are undefined.")

    share = counts / len(labels)
    rank_sums = np.stack([np.bincount(labels, r, num_classes) for r in ranks.T], axis=1)
    matrix = np.eye(num_classes + NUM_DIMENSIONS)
    matrix[:num_classes, :num_classes] = phi_matrix(counts)
    cross = rank_sums / len(labels) / np.outer(np.sqrt(share * (1 - share)), spread)
    matrix[:num_classes, num_classes:] = cross
    matrix[num_classes:, :num_classes] = cross.T
    between = np.mean(ranks[:, 0] * ranks[:, 1]) / np.prod(spread)
    matrix[num_classes, num_classes + 1] = matrix[num_classes + 1, num_classes] = between
    return matrix


def _checked_labels(labels, valence, arousal, num_classes):
    labels = np.asarray(labels)
    valence, arousal = np.asarray(valence, np.float64), np.asarray(arousal, np.float64)
    if not labels.shape == valence.shape == arousal.shape or labels.ndim != 1:
        raise DataError(
            "labels, valence and arousal must be lists of one length, "
            f"but have shapes {labels.shape}, {valence.shape} and {arousal.shape}."
        )
    if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
        raise DataError(
            f"Labels reach from {labels.min()} to {labels.max()} in a set of {num_classes} classes."
        )
    for name, values in (("valence", valence), ("arousal", arousal)):
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise DataError(f"{bad.size} {name} values are not finite, the first at record {bad[0]}.")
    counts = np.bincount(labels, minlength=num_classes)
    if (counts == 0).any():
        empty = np.flatnonzero(counts == 0).tolist()
        raise DataError(
            f"No training sample has class {empty}: the label graph and the class weights need at least one "
            "sample of each class. Prepare the data with fewer classes or add samples."
        )
    if num_classes < 2:
        raise DataError("A label graph needs at least two classes.")
    return labels, valence, arousal


def edge_strength(correlation: np.ndarray, category_block: np.ndarray | None = None) -> np.ndarray:
    """A of thesis eq. 6.3.2: ``|c|`` between an expression and a dimension, 1 on the diagonal, else 0.

    Args:
        correlation: ``[C + 2, C + 2]``.
        category_block: optional ``[C, C]`` strengths between expressions (row i, column j: of j for i), put
            where the thesis has zeros (spec emotion_gcn 4.10).

    Returns:
        ``[C + 2, C + 2]`` float64, non-negative.
    """
    correlation = np.asarray(correlation, np.float64)
    if correlation.ndim != 2 or correlation.shape[0] != correlation.shape[1] or len(correlation) < 4:
        raise DataError(f"A correlation matrix has shape [C + 2, C + 2], not {list(correlation.shape)}.")
    if not np.isfinite(correlation).all():
        raise DataError("The correlation matrix has values that are not finite; make the data set again.")
    strength = np.where(_dimension_pairs(len(correlation)), np.abs(correlation), 0.0)
    if category_block is not None:
        strength[:-NUM_DIMENSIONS, :-NUM_DIMENSIONS] = _checked_block(category_block, len(correlation))
    np.fill_diagonal(strength, 1.0)
    return strength


def _dimension_pairs(nodes: int) -> np.ndarray:
    """True where exactly one of the two nodes is valence or arousal."""
    dimension = np.arange(nodes) >= nodes - NUM_DIMENSIONS
    return dimension[:, None] != dimension[None, :]


def _checked_block(block: np.ndarray, nodes: int) -> np.ndarray:
    block = np.asarray(block, np.float64)
    expected = (nodes - NUM_DIMENSIONS,) * 2
    if block.shape != expected:
        raise DataError(f"The block between expressions has shape {list(block.shape)}, not {list(expected)}.")
    if not np.isfinite(block).all() or (block < 0).any():
        raise DataError("The block between expressions has a value that is negative or not finite.")
    return block


def binary_edges(
    correlation: np.ndarray, tau: float, *, tau_literal: bool = False, category_block=None
) -> np.ndarray:
    """A' of thesis eq. 6.3.4: 1 where the strength reaches tau; the diagonal is 1.

    Args:
        correlation: ``[C + 2, C + 2]``.
        tau: threshold in [0, 1].
        tau_literal: False thresholds only pairs that may have an edge; True thresholds every entry as
            printed, so that tau = 0 gives the complete graph (spec emotion_gcn 4.5).
        category_block: as in `edge_strength`; pairs of expressions may then have edges.

    Returns:
        ``[C + 2, C + 2]`` float64 of zeros and ones.

    Raises:
        ConfigError: tau outside [0, 1].
    """
    if not 0 <= tau <= 1:
        raise ConfigError(f"tau is a threshold on absolute correlations and lies in [0, 1], not {tau}.")
    strength = edge_strength(correlation, category_block)
    edges = strength >= tau
    if not tau_literal:
        allowed = _dimension_pairs(len(strength))
        if category_block is not None:
            allowed[:-NUM_DIMENSIONS, :-NUM_DIMENSIONS] = True
        edges &= allowed
    np.fill_diagonal(edges, True)
    return edges.astype(np.float64)


def isolated_nodes(edges: np.ndarray) -> list[int]:
    """Nodes of A' that receive from no other node."""
    return np.flatnonzero(edges.sum(axis=1) - np.diag(edges) == 0).tolist()


def reweight(edges: np.ndarray, p: float) -> np.ndarray:
    """A'' of thesis eq. 6.3.5: 1 - p for the node itself, p shared equally by its neighbours.

    Args:
        edges: ``[n, n]`` A'; row i lists the nodes that i receives from.
        p: weight of the neighbours, in [0, 1].

    Returns:
        ``[n, n]`` float64; every row sums to 1. An isolated node keeps itself: its row is the identity's.

    Raises:
        ConfigError: p outside [0, 1].
    """
    if not 0 <= p <= 1:
        raise ConfigError(f"p is the share of the neighbours in a node's update and lies in [0, 1], not {p}.")
    neighbours = np.array(edges, np.float64)
    np.fill_diagonal(neighbours, 0.0)
    degree = neighbours.sum(axis=1, keepdims=True)
    weighted = p * neighbours / np.maximum(degree, 1)
    np.fill_diagonal(weighted, np.where(degree[:, 0] == 0, 1.0, 1 - p))
    return weighted


def adjacency(
    correlation: np.ndarray,
    tau: float,
    p: float,
    *,
    tau_literal: bool = False,
    category_block: np.ndarray | None = None,
    transpose: bool = False,
) -> np.ndarray:
    """The constant matrix that multiplies the node features, from correlations to A''.

    Args:
        correlation: ``[C + 2, C + 2]`` from `spearman_matrix` or `AFFECTNET_SPEARMAN`.
        tau: threshold in [0, 1]; thesis 0.1.
        p: weight of the neighbours in [0, 1]; thesis 0.7.
        tau_literal: see `binary_edges`.
        category_block: see `edge_strength`.
        transpose: True gives ``A''^T``, what the public code multiplies by (spec emotion_gcn 4.7).

    Returns:
        ``[C + 2, C + 2]`` float64; rows receive, columns send.

    Raises:
        ConfigError: tau or p out of range.
        DataError: a matrix of the wrong shape or with values that are not finite.
    """
    edges = binary_edges(correlation, tau, tau_literal=tau_literal, category_block=category_block)
    weighted = reweight(edges, p)
    return weighted.T.copy() if transpose else weighted


def class_edges(strength: np.ndarray, tau: float) -> np.ndarray:
    """A' of a graph of expressions alone: 1 where the strength of an edge reaches tau; the diagonal is 1.

    Args:
        strength: ``[C, C]``, row i, column j: of j for i, e.g. from `vote_cooccurrence`.
        tau: threshold in [0, 1].

    Returns:
        ``[C, C]`` float64 of zeros and ones.

    Raises:
        ConfigError: tau outside [0, 1].
        DataError: no such matrix, or a value that is negative or not finite.
    """
    if not 0 <= tau <= 1:
        raise ConfigError(f"tau is a threshold on the strength of edges and lies in [0, 1], not {tau}.")
    strength = _checked_block(strength, len(strength) + NUM_DIMENSIONS)
    edges = (strength >= tau) & (strength > 0)
    np.fill_diagonal(edges, True)
    return edges.astype(np.float64)


def vote_cooccurrence(votes: np.ndarray) -> np.ndarray:
    """Co-occurrence of expressions in what people say of the same pictures: ``P(j | i) = sum_n P(n | i) P(j | n)``.

    That is `va_soft_block` with a picture in the place of a bin of the plane.

    Args:
        votes: ``[N, C]`` votes for each class; a picture with two labels has one for each.

    Returns:
        ``[C, C]`` float64; row i is a distribution over j. The identity where no picture has two labels.

    Raises:
        DataError: a class without votes.
    """
    return va_soft_block(np.asarray(votes)[None])


def shuffle_nodes(matrix: np.ndarray, seed: int) -> np.ndarray:
    """The same graph ``[n, n]`` with its nodes in random places: a control that keeps degrees and weights."""
    order = np.random.default_rng(seed).permutation(len(matrix))
    return matrix[np.ix_(order, order)]


def va_histogram(
    labels: np.ndarray, valence: np.ndarray, arousal: np.ndarray, num_classes: int, bins: int
) -> np.ndarray:
    """Samples of each class in each square bin of the plane: ``[bins, bins, C]`` int64."""
    row, column = plane_bins(np.asarray(valence), np.asarray(arousal), bins)
    counts = np.zeros((bins, bins, num_classes), np.int64)
    np.add.at(counts, (row, column, np.asarray(labels)), 1)
    return counts


def va_soft_block(histogram: np.ndarray) -> np.ndarray:
    """Soft co-occurrence of expressions: ``P(j | i) = sum_b P(b | i) P(j | b)`` over the plane's bins.

    Args:
        histogram: ``[b, b, C]`` counts of `va_histogram` (10 x 10 in spec emotion_gcn 4.10).

    Returns:
        ``[C, C]`` float64; row i is a distribution over j. Not symmetric.

    Raises:
        DataError: a class without samples.
    """
    counts = np.asarray(histogram, np.float64).reshape(-1, np.shape(histogram)[-1])
    per_class = counts.sum(axis=0)
    if (per_class == 0).any():
        empty = np.flatnonzero(per_class == 0).tolist()
        raise DataError(f"There is no sample of class {empty}: its co-occurrence is undefined.")
    bin_given_class = counts / per_class
    class_given_bin = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return bin_given_class.T @ class_given_bin


def label_statistics(
    labels: np.ndarray, valence: np.ndarray, arousal: np.ndarray, num_classes: int
) -> dict[str, object]:
    """Everything that systems derive from training labels, as lists and numbers (spec emotion_gcn 1.10).

    Args:
        labels: ``[N]`` int in [0, num_classes).
        valence: ``[N]`` float in [-1, 1].
        arousal: ``[N]`` float in [-1, 1].
        num_classes: C.

    Returns:
        ``num_samples`` N; ``counts`` [C]; ``spearman`` [C + 2][C + 2]; ``va_histogram`` {"5": [5][5][C],
        "10": ...}; ``sector_counts`` {"2": [2], "4": ..., "8": ..., "12": ...}; ``class_mean_va`` [C][2].
        Keys are strings so that the dictionary survives JSON unchanged. ``spearman`` is left out where every
        sample has the same valence or the same arousal: it is undefined, and only a label graph needs it.

    Raises:
        DataError: as `spearman_matrix`.
    """
    labels, valence, arousal = (np.asarray(x) for x in (labels, valence, arousal))
    correlation = {}
    if not labels.size or np.ptp(valence) != 0 != np.ptp(arousal):
        correlation = {"spearman": spearman_matrix(labels, valence, arousal, num_classes).tolist()}
    counts = np.bincount(labels, minlength=num_classes)
    means = [np.bincount(labels, x, num_classes) / counts for x in (valence, arousal)]
    sectors = {n: np.bincount(sector_labels(valence, arousal, n), minlength=n) for n in SECTOR_COUNTS}
    histograms = {b: va_histogram(labels, valence, arousal, num_classes, b) for b in HISTOGRAM_BINS}
    return {
        "num_samples": int(labels.size),
        "counts": counts.tolist(),
        **correlation,
        "va_histogram": {str(b): h.tolist() for b, h in histograms.items()},
        "sector_counts": {str(n): c.tolist() for n, c in sectors.items()},
        "class_mean_va": np.stack(means, axis=1).tolist(),
    }
