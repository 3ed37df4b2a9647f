"""The values that labels may have, and the record that has another."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emojax.labels import Labels


def label_ranges(labels: Labels) -> dict[str, tuple[float, float]]:
    """Name of a feature or column -> the least and the largest value of each of its numbers."""
    classes = {"label": (0, len(labels.classes) - 1), "categories": (0, 1), "vad": (0, 1)}
    return {**classes, "valence": (-1, 1), "arousal": (-1, 1)}


def first_outside(
    values: Mapping[str, np.ndarray], ranges: Mapping[str, tuple[float, float]]
) -> tuple[int, str] | None:
    """The first record with a label outside its range, NaN included.

    Args:
        values: name -> ``[N, ...]``; names without a range are not looked at.
        ranges: of `label_ranges`.

    Returns:
        Number of the record and what is wrong with it; None if nothing is.
    """
    for name, (low, high) in ranges.items():
        if name not in values or not len(values[name]):
            continue
        array = np.asarray(values[name]).reshape(len(values[name]), -1)
        bad = np.flatnonzero(~((array >= low) & (array <= high)).all(axis=1))
        if bad.size:
            row = array[bad[0]]
            value = row[~((row >= low) & (row <= high))][0]
            return int(bad[0]), f"{name} is {value:g}, outside {low}..{high}"
    return None
