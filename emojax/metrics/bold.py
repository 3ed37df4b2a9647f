"""The emotion recognition score of BoLD and its parts (context_emotion spec 6; thesis 000, eq. 5.16)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emojax.errors import DataError
from emojax.labels import BOLD_POSITIVE_FROM
from emojax.metrics.multilabel import average_precision


def emotion_recognition_score(
    scores: np.ndarray,
    confidences: np.ndarray,
    predicted: np.ndarray,
    values: np.ndarray,
    *,
    classes: Sequence[str],
    dimensions: Sequence[str],
) -> dict[str, object]:
    """``ERS = (mR2 + (mAP + mRA) / 2) / 2``.

    Args:
        scores: ``[N, C]`` scores of the categories; only their order within a category counts.
        confidences: ``[N, C]`` crowd confidences in [0, 1]; positive from 0.5.
        predicted: ``[N, D]`` continuous outputs.
        values: ``[N, D]`` their truth.
        classes: C names.
        dimensions: D names.

    Returns:
        ``ers``, ``map``, ``mra``, ``mr2``, ``per_category`` {name: ``count``, ``ap``, ``roc_auc``}, ``r2_<dimension>``
        and ``categories_without_positives``. A category without positive samples has an AP of 0, as scikit-learn
        has it. A category with only one kind of samples has no ROC curve: its ``roc_auc`` is None and the mean
        leaves it out. JSON-able.

    Raises:
        DataError: no samples, shapes that do not fit, a value that is not finite, a confidence outside [0, 1].
    """
    scores, confidences = _matrix(scores, classes, "scores"), _matrix(confidences, classes, "confidences")
    predicted, values = _matrix(predicted, dimensions, "outputs"), _matrix(values, dimensions, "values")
    if len({len(scores), len(confidences), len(predicted), len(values)}) > 1:
        raise DataError("Scores, confidences, outputs and values are of different numbers of samples.")
    if confidences.min() < 0 or confidences.max() > 1:
        raise DataError(
            f"Confidences lie in [0, 1]; these reach {confidences.min():g} to {confidences.max():g}."
        )
    positive = confidences >= BOLD_POSITIVE_FROM
    per_category = {
        name: {
            "count": int(positive[:, i].sum()),
            "ap": average_precision(scores[:, i], positive[:, i]),
            "roc_auc": roc_auc(scores[:, i], positive[:, i]),
        }
        for i, name in enumerate(classes)
    }
    areas = [c["roc_auc"] for c in per_category.values() if c["roc_auc"] is not None]
    r2 = coefficients_of_determination(predicted, values)
    parts = {
        "map": float(np.mean([c["ap"] for c in per_category.values()])),
        "mra": float(np.mean(areas)) if areas else 0.5,
        "mr2": float(np.mean(r2)),
    }
    return {
        "ers": 0.5 * (parts["mr2"] + 0.5 * (parts["map"] + parts["mra"])),
        **parts,
        **{f"r2_{name}": float(value) for name, value in zip(dimensions, r2)},
        "per_category": per_category,
        "categories_without_positives": [n for n, c in per_category.items() if not c["count"]],
    }


def roc_auc(scores: np.ndarray, positive: np.ndarray) -> float | None:
    """Area under the ROC curve: how often a positive sample scores above a negative one, ties half.

    Args:
        scores: ``[N]``.
        positive: ``[N]`` bool.

    Returns:
        A value in [0, 1]; None where all samples are positive or none is.
    """
    if positive.all() or not positive.any():
        return None
    from scipy.stats import rankdata  # a tenth of a second that only an evaluation pays

    above = rankdata(scores)[positive].sum() - positive.sum() * (positive.sum() + 1) / 2
    return float(above / (positive.sum() * (~positive).sum()))


def coefficients_of_determination(predicted: np.ndarray, values: np.ndarray) -> np.ndarray:
    """R2 of each dimension, ``[D]``: 1 - residual over total sum of squares; can be negative.

    Args:
        predicted: ``[N, D]``.
        values: ``[N, D]``. Of a constant dimension R2 is 1 where it is met exactly, else 0, as scikit-learn has it.
    """
    residual = np.square(values - predicted).sum(axis=0)
    constant = (
        np.ptp(values, axis=0) == 0
    )  # the sum of squares is not always 0 then: the mean of a constant may round
    total = np.square(values - values.mean(axis=0)).sum(axis=0)
    share = np.divide(residual, total, out=np.zeros_like(residual), where=~constant)
    return np.where(constant, np.where(residual == 0, 1.0, 0.0), 1 - share)


def _matrix(array: np.ndarray, names: Sequence[str], what: str) -> np.ndarray:
    array = np.asarray(array, np.float64)
    if array.ndim != 2 or array.shape[1] != len(names) or not len(array):
        raise DataError(f"The {what} have shape {list(array.shape)}, not [N, {len(names)}] with N >= 1.")
    if not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0, 0])
        raise DataError(f"The {what} of sample {row} are not finite.")
    return array
