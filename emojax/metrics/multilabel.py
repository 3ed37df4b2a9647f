"""Metrics of several labels and of continuous dimensions over a whole split (context_emotion spec 6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emojax.errors import ConfigError, DataError

# Two conventions of average precision are in circulation; the first is the one of the EMOTIC tables.
AP_CONVENTIONS = ("step", "interpolated")


def precision_recall(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision and recall at every distinct score, from the highest threshold to the lowest.

    Args:
        scores: ``[N]``, larger means more likely.
        truth: ``[N]`` of zeros and ones, or bool.

    Returns:
        precision, recall and thresholds, ``[K]`` each: what counts as positive is ``score >= threshold``.
        Without a positive sample precision and recall are 0 throughout.

    Raises:
        DataError: a score that is not finite, or a truth other than 0 and 1.
    """
    from sklearn.metrics import precision_recall_curve  # here: its import takes a second

    scores, positive = _finite(scores), _binary(truth)
    if not positive.any():  # scikit-learn says a recall of 1 and warns
        thresholds = np.unique(scores)[::-1]
        return np.zeros(len(thresholds)), np.zeros(len(thresholds)), thresholds
    precision, recall, thresholds = precision_recall_curve(positive, scores)
    return precision[-2::-1], recall[-2::-1], thresholds[::-1]


def average_precision(scores: np.ndarray, truth: np.ndarray, *, convention: str = "step") -> float:
    """Area under the precision-recall curve of one category.

    Args:
        scores: ``[N]``.
        truth: ``[N]`` of zeros and ones.
        convention: "step" is ``sum (R_n - R_(n-1)) P_n`` with tied scores taken together, as scikit-learn's
            ``average_precision_score``; "interpolated" takes for P_n the best precision at this or any larger
            recall, as PASCAL VOC does since 2010. It is never smaller.

    Returns:
        A value in [0, 1]; 0 for a category without positive samples, as scikit-learn has it.

    Raises:
        ConfigError: unknown convention.
        DataError: a score that is not finite, or a truth other than 0 and 1.
    """
    if convention not in AP_CONVENTIONS:
        raise ConfigError(f"Average precision is by 'step' or 'interpolated', not by {convention!r}.")
    precision, recall, _ = precision_recall(scores, truth)
    if convention == "interpolated":
        precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def break_even_threshold(scores: np.ndarray, truth: np.ndarray) -> float:
    """The threshold at which precision and recall are nearest to each other (spec 6, JC).

    Precision equals recall where as many samples are called positive as there are; tied scores may forbid it.

    Args:
        scores: ``[N]`` of the validation split.
        truth: ``[N]`` of zeros and ones.

    Returns:
        ``score >= threshold`` is positive; infinity for a category without positive samples.
    """
    if not _binary(truth).any():
        return float("inf")
    precision, recall, thresholds = precision_recall(scores, truth)
    useful = precision > 0  # above the first hit both are 0, which is no break-even
    distance = np.where(useful, np.abs(precision - recall), np.inf)
    return float(thresholds[np.argmin(distance)])


def break_even_thresholds(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """`break_even_threshold` of each column of ``[N, C]``: ``[C]``."""
    return np.array([break_even_threshold(s, t) for s, t in zip(np.transpose(scores), np.transpose(truth))])


def jaccard_index(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Size of the intersection over size of the union of each sample's label sets.

    Args:
        predicted: ``[N, C]`` bool.
        truth: ``[N, C]`` bool or zeros and ones.

    Returns:
        ``[N]`` in [0, 1]; 0 where both sets are empty, as scikit-learn has it.

    Raises:
        DataError: a value other than 0 and 1.
    """
    predicted, truth = _binary(predicted), _binary(truth)
    union = np.sum(predicted | truth, axis=1)
    return np.sum(predicted & truth, axis=1) / np.maximum(union, 1)


def multilabel_metrics(
    scores: np.ndarray, truth: np.ndarray, names: Sequence[str], thresholds: np.ndarray | None = None
) -> dict[str, object]:
    """All categorical metrics of a split; shares lie in [0, 1], not in percent.

    Args:
        scores: ``[N, C]`` probabilities or logits. No padding.
        truth: ``[N, C]`` of zeros and ones.
        names: C category names in index order.
        thresholds: ``[C]`` from `break_even_thresholds` of the validation split; None chooses them on these
            very samples, which is right only where they are the validation split.

    Returns:
        ``map`` (step convention, mean over all C categories), ``map_interpolated``, ``jaccard`` (mean over
        the samples), ``per_category`` {name: ``count``, ``ap``, ``ap_interpolated``, ``threshold`` or None
        where the category had no positive sample} and ``categories_without_positives`` (their AP counts
        as 0). JSON-able.

    Raises:
        DataError: no samples, shapes that do not fit, a score that is not finite, a truth other than 0 and 1
            (confidences are not labels: say first from where on they count), or thresholds that are none.
    """
    scores = np.asarray(scores, np.float64)
    _check(scores, np.asarray(truth), len(names))
    truth = _binary(truth)
    thresholds = np.asarray(break_even_thresholds(scores, truth) if thresholds is None else thresholds)
    if thresholds.shape != (len(names),) or np.isnan(thresholds).any():
        raise DataError(f"There are {len(names)} categories, but the thresholds are {thresholds}.")
    per_category = {}
    for i, name in enumerate(names):
        per_category[name] = {
            "count": int(truth[:, i].sum()),
            "ap": average_precision(scores[:, i], truth[:, i]),
            "ap_interpolated": average_precision(scores[:, i], truth[:, i], convention="interpolated"),
            "threshold": float(thresholds[i]) if np.isfinite(thresholds[i]) else None,
        }
    return {
        "map": float(np.mean([c["ap"] for c in per_category.values()])),
        "map_interpolated": float(np.mean([c["ap_interpolated"] for c in per_category.values()])),
        "jaccard": float(jaccard_index(scores >= thresholds, truth).mean()),
        "per_category": per_category,
        "categories_without_positives": [n for n, c in per_category.items() if not c["count"]],
    }


def average_absolute_error(
    predicted: np.ndarray, truth: np.ndarray, names: Sequence[str]
) -> dict[str, float]:
    """``aae`` (mean over dimensions) and ``aae_<dimension>``, on the scale of the values.

    Args:
        predicted: ``[N, D]``.
        truth: ``[N, D]``; EMOTIC's tables have them in [0, 1].
        names: D dimension names.

    Raises:
        DataError: shapes that do not fit or a value that is not finite.
    """
    predicted, truth = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    if predicted.shape != truth.shape or truth.shape[1:] != (len(names),) or not len(truth):
        raise DataError(f"Predicted values {list(predicted.shape)} do not fit the truth {list(truth.shape)}.")
    errors = np.abs(predicted - truth)
    if not np.isfinite(errors).all():
        row = int(np.flatnonzero(~np.isfinite(errors).all(axis=1))[0])
        raise DataError(f"The predicted or true values of record {row} are not finite.")
    by_dimension = dict(zip(names, errors.mean(axis=0).tolist()))
    return {"aae": float(errors.mean()), **{f"aae_{n}": value for n, value in by_dimension.items()}}


def _check(scores: np.ndarray, truth: np.ndarray, num_categories: int) -> None:
    if scores.shape != truth.shape or scores.shape[1:] != (num_categories,) or not len(scores):
        raise DataError(
            f"Multi-label metrics need scores and truth [N, {num_categories}] with N >= 1, "
            f"but got {list(scores.shape)} and {list(truth.shape)}."
        )
    _finite(scores)


def _finite(scores: np.ndarray) -> np.ndarray:
    """float64; the first index is that of the record."""
    scores = np.asarray(scores, np.float64)
    if not np.isfinite(scores).all():
        record = np.argwhere(~np.isfinite(scores))[0, 0]
        raise DataError(f"The predicted scores of record {record} are not finite.")
    return scores


def _binary(truth: np.ndarray) -> np.ndarray:
    """Zeros and ones as bool; the first index is that of the record."""
    truth = np.asarray(truth)
    wrong = np.argwhere((truth != 0) & (truth != 1))
    if len(wrong):
        value = truth[tuple(wrong[0])]
        raise DataError(f"Labels are 0 or 1, but record {wrong[0, 0]} has one of {value}.")
    return truth.astype(bool)
