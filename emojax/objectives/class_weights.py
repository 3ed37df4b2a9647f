"""Weights of classes and of samples from training counts (spec emotion_gcn 3.1, 5.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emojax.errors import DataError

AGE_GROUP_YEARS = 10
LAST_AGE_GROUP = 7  # 70 and older


def inverse_frequency_weights(counts: Sequence[int]) -> np.ndarray:
    """``f_min / f_i``: the rarest class weighs 1, commoner ones less.

    The thesis prints the inverse (l.1036), against its own explanation and the public code.

    Args:
        counts: ``[C]`` training samples of each class (or region), each at least 1.

    Returns:
        ``[C]`` float32 in (0, 1].

    Raises:
        DataError: a class without samples.
    """
    counts = np.asarray(counts, np.float64)
    if (counts <= 0).any():
        empty = np.flatnonzero(counts <= 0).tolist()
        raise DataError(f"Class {empty} has no training sample, so it has no weight f_min / f_i.")
    return (counts.min() / counts).astype(np.float32)


def expression_sampler_weights(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Weight of each record when drawing with replacement, so that all classes come up equally often.

    Args:
        labels: ``[N]`` int in [0, num_classes).
        num_classes: C.

    Returns:
        ``[N]`` float64, ``f_min / f_y`` (thesis eq. 5.3.1 the right way up).

    Raises:
        DataError: a class without samples.
    """
    labels = np.asarray(labels)
    return inverse_frequency_weights(np.bincount(labels, minlength=num_classes)).astype(np.float64)[labels]


def age_groups(ages: np.ndarray) -> np.ndarray:
    """Group of each age: 0 for 0-9 years, ... 6 for 60-69, 7 for 70 and older, -1 for unknown (negative, NaN)."""
    ages = np.asarray(ages)
    known = np.where(ages >= 0, ages, -AGE_GROUP_YEARS)
    return np.minimum(np.floor(known / AGE_GROUP_YEARS), LAST_AGE_GROUP).astype(np.int32)


def age_sampler_weights(ages: np.ndarray) -> np.ndarray:
    """Weight of each record when drawing with replacement, so that all age groups come up equally often.

    Args:
        ages: ``[N]`` years, negative where unknown.

    Returns:
        ``[N]`` float64: 1 / (share of the age group among known ages); the mean of these where unknown.

    Raises:
        DataError: no record has an age.
    """
    groups = age_groups(ages)
    known = groups >= 0
    if not known.any():
        raise DataError(
            "The age sampler needs ages, but no record has one (-1 means unknown). Prepare the data with "
            "--ages FILE.csv (path and age of each image, from an age estimator), or choose another sampler."
        )
    share = np.bincount(groups[known], minlength=LAST_AGE_GROUP + 1) / known.sum()
    weights = np.empty(len(groups))
    weights[known] = 1 / share[groups[known]]
    weights[~known] = weights[known].mean()
    return weights
