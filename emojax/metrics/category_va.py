"""What a category says of valence and arousal, and the reverse, on labelled frames (affwild_cnn_rnn spec 7.2)."""

from __future__ import annotations

import dataclasses

import numpy as np

from emojax.errors import DataError
from emojax.metrics.valence_arousal import concordance_correlation_coefficient

QUADRANTS = ("V+ A+", "V- A+", "V- A-", "V+ A-", "on an axis")
ON_AXIS = 4
BINS = 20  # of each axis
_ENOUGH = 0.9  # share of a class that the quadrants of `region_counts` hold
_CROWDED = 5  # classes of a bin from which on a point says little
_LIKELY = 0.1  # share of a class in a quadrant from which on a prediction there is consistent


def quadrants(values: np.ndarray) -> np.ndarray:
    """Quadrant 0 to 3 of each frame, as `QUADRANTS`, or `ON_AXIS` where a value is 0.

    Args:
        values: valence and arousal ``[N, 2]``.
    """
    valence, arousal = np.asarray(values, float).T
    upper, lower = np.where(valence > 0, 0, 1), np.where(valence > 0, 3, 2)
    return np.where((valence == 0) | (arousal == 0), ON_AXIS, np.where(arousal > 0, upper, lower))


def quadrant_shares(values: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """``P(quadrant | class)`` ``[C, 5]``, the last column points on an axis; rows of absent classes are 0."""
    counts = np.zeros((num_classes, len(QUADRANTS)))
    np.add.at(counts, (labels, quadrants(values)), 1)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def region_counts(shares: np.ndarray) -> np.ndarray:
    """``[C]``: the least number of quadrants with 90 % of a class's frames off the axes; 0 for an absent class.

    Args:
        shares: as `quadrant_shares` gives them.
    """
    off = -np.sort(-shares[:, :ON_AXIS], axis=1)
    total = off.sum(axis=1, keepdims=True)
    reached = np.cumsum(off, axis=1) >= _ENOUGH * total - 1e-12
    return np.where(total[:, 0] > 0, reached.argmax(axis=1) + 1, 0)


def plane_bins(values: np.ndarray, bins: int = BINS) -> np.ndarray:
    """The bin of each frame on a grid over [-1, 1]^2: ``[N]`` int, row by row from the least arousal up."""
    cells = np.clip(((np.asarray(values, float) + 1) / 2 * bins).astype(int), 0, bins - 1)
    return cells[:, 1] * bins + cells[:, 0]


def classes_of_bins(values: np.ndarray, labels: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Number of classes in each bin ``[bins, bins]``, arousal by valence; 0 where no frame lies."""
    pairs = np.unique(np.stack([plane_bins(values, bins), labels], axis=1), axis=0)
    return np.bincount(pairs[:, 0], minlength=bins * bins).reshape(bins, bins)


def crowded_share(values: np.ndarray, labels: np.ndarray, classes: int = _CROWDED) -> float:
    """Share of the frames that lie in bins with at least so many classes."""
    return float((classes_of_bins(values, labels).reshape(-1)[plane_bins(values)] >= classes).mean())


@dataclasses.dataclass(frozen=True)
class Information:
    """Entropies in bits of the category C and the bin B of a frame.

    Attributes:
        category, bin: H(C), H(B).
        category_of_bin, bin_of_category: H(C | B), H(B | C).
        mutual: I(C; B).
        of_class: H(B | C = c) ``[C]``.
    """

    category: float
    bin: float
    category_of_bin: float
    bin_of_category: float
    mutual: float
    of_class: np.ndarray


def information(values: np.ndarray, labels: np.ndarray, num_classes: int) -> Information:
    """Entropies of categories and bins of ``[N, 2]`` values and ``[N]`` labels."""
    joint = np.zeros((num_classes, BINS * BINS))
    np.add.at(joint, (labels, plane_bins(values)), 1 / len(labels))
    category, cell, both = entropy(joint.sum(axis=1)), entropy(joint.sum(axis=0)), entropy(joint.reshape(-1))
    of_class = np.array([entropy(row / row.sum()) if row.sum() else 0.0 for row in joint])
    return Information(category, cell, both - cell, both - category, category + cell - both, of_class)


def entropy(shares: np.ndarray) -> float:
    """Entropy in bits of probabilities ``[N]`` that sum to 1."""
    there = shares[shares > 0]
    return float(-(there * np.log2(there)).sum())


@dataclasses.dataclass(frozen=True)
class Probes:
    """How well one true label predicts the other: bounds of what a task can tell the other.

    Attributes:
        accuracy, recall: of the category by logistic regression from valence and arousal; recall is the mean over
            the classes that occur.
        ccc: ``[2]`` of valence and arousal from the mean of each category.
        mse: ``[2]`` likewise.
    """

    accuracy: float
    recall: float
    ccc: np.ndarray
    mse: np.ndarray


def probes(train: tuple[np.ndarray, np.ndarray], tested: tuple[np.ndarray, np.ndarray]) -> Probes:
    """Fits both on the frames of one split and measures on another.

    Args:
        train: values ``[N, 2]`` and labels ``[N]`` that the probes are fitted on.
        tested: the same of the frames that are measured.

    Raises:
        DataError: the frames to fit on show one category only.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    (values, labels), (test_values, test_labels) = train, tested
    if len(np.unique(labels)) < 2:
        raise DataError(
            "One category alone cannot be predicted from valence and arousal: these frames show no other."
        )
    with threadpool_limits(1):  # two columns: threads would wait for each other
        said = LogisticRegression(max_iter=1000).fit(values, labels).predict(test_values)
    recalls = [(said[test_labels == c] == c).mean() for c in np.unique(test_labels)]
    overall = values.mean(axis=0)
    means = {c: values[labels == c].mean(axis=0) for c in np.unique(labels)}
    guessed = np.array([means.get(c, overall) for c in test_labels])
    ccc = [concordance_correlation_coefficient(guessed[:, i], test_values[:, i]) for i in range(2)]
    mse = ((guessed - test_values) ** 2).mean(axis=0)
    return Probes(float((said == test_labels).mean()), float(np.mean(recalls)), np.array(ccc), mse)


def consistency(values: np.ndarray, labels: np.ndarray, shares: np.ndarray) -> float:
    """Share of the frames whose values lie in a quadrant that holds at least 10 % of their category.

    Args:
        values: valence and arousal ``[N, 2]``, predicted or true.
        labels: category ``[N]``, predicted or true.
        shares: of the true labels, as `quadrant_shares` gives them.
    """
    return float((shares[labels, quadrants(values)] >= _LIKELY).mean())
