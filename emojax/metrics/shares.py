"""Shares of the classes that a table of recalls and total accuracies allows (affwild_cnn_rnn spec 1.3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from emojax.errors import DataError

ROUNDING = 0.005  # of numbers printed with two digits


@dataclasses.dataclass(frozen=True)
class Shares:
    """What a table says of the class shares of its split.

    Attributes:
        consistent: whether there are shares with which every row adds up.
        bounds: class, or classes joined by " + " -> least and greatest share; empty when not consistent.
        misfits: rows without which the others are consistent, one at a time or, failing that, in pairs.
    """

    consistent: bool
    bounds: Mapping[str, tuple[float, float]]
    misfits: tuple[tuple[int, ...], ...]


def check_shares(
    recalls: np.ndarray,
    totals: np.ndarray,
    classes: Sequence[str],
    sums: Sequence[Sequence[str]] = (),
    rounding: float = ROUNDING,
) -> Shares:
    """Bounds of the class shares by linear programming.

    In a split ``total = sum_c share_c recall_c`` holds for every system, with recalls and totals rounded.

    Args:
        recalls: ``[N, C]`` of N systems, in [0, 1].
        totals: ``[N]`` accuracies, in [0, 1].
        classes: C names.
        sums: groups of classes whose joint share is bounded, too.
        rounding: largest error of a printed number.

    Raises:
        DataError: shapes that do not fit, or numbers outside [0, 1].
    """
    recalls, totals = np.asarray(recalls, float), np.asarray(totals, float)
    if recalls.shape != (len(totals), len(classes)) or not len(totals):
        raise DataError(
            f"Class shares need recalls [N, {len(classes)}] and totals [N], not {recalls.shape} and {totals.shape}."
        )
    if not all(np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1 for x in (recalls, totals)):
        raise DataError("Recalls and total accuracies are shares: give numbers from 0 to 1.")
    if _extreme(recalls, totals, np.zeros(len(classes)), rounding) is None:
        return Shares(False, {}, _misfits(recalls, totals, rounding))
    bounds = {}
    for group in (*((name,) for name in classes), *sums):
        weights = np.isin(list(classes), group).astype(float)
        low, high = (_extreme(recalls, totals, sign * weights, rounding) for sign in (1, -1))
        bounds[" + ".join(group)] = (low, -high)
    return Shares(True, bounds, ())


def _extreme(recalls: np.ndarray, totals: np.ndarray, weights: np.ndarray, rounding: float) -> float | None:
    """Least ``weights . shares``; None where no shares fit."""
    from scipy.optimize import linprog  # here: only this check pays for it

    # Printed numbers are off by `rounding` at most, and a recall lies in [0, 1].
    rows = np.concatenate([np.maximum(recalls - rounding, 0), -np.minimum(recalls + rounding, 1)])
    limits = np.concatenate([totals + rounding, rounding - totals])
    one = np.ones((1, recalls.shape[1]))
    found = linprog(weights, A_ub=rows, b_ub=limits, A_eq=one, b_eq=[1.0], bounds=(0, 1))
    return float(found.fun) if found.success else None


def _misfits(recalls: np.ndarray, totals: np.ndarray, rounding: float) -> tuple[tuple[int, ...], ...]:
    import itertools

    for size in (1, 2):
        groups = []
        for group in itertools.combinations(range(len(totals)), size):
            kept = np.delete(np.arange(len(totals)), group)
            if _extreme(recalls[kept], totals[kept], np.zeros(recalls.shape[1]), rounding) is not None:
                groups.append(group)
        if groups:
            return tuple(groups)
    return ()
