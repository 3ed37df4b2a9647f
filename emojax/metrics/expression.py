"""Metrics of expression classification over a whole split (spec emotion_gcn 6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emojax.errors import DataError


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> np.ndarray:
    """Counts ``[C, C]`` int64: rows are the truth, columns the predicted class.

    Raises:
        DataError: a class that is no whole number in [0, C).
    """
    for classes in (labels, predictions):
        _require_classes(np.asarray(classes), num_classes)
    from sklearn import metrics  # here: a second that training pays at its first evaluation, and --help never

    pairs = np.asarray(labels, np.int64), np.asarray(predictions, np.int64)
    return metrics.confusion_matrix(*pairs, labels=np.arange(num_classes))


def normalize_rows(confusion: np.ndarray) -> np.ndarray:
    """Share of each true class predicted as each class; a row without samples stays zero."""
    return confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)


def aff_wild2_score(macro_f1: float, accuracy: float) -> float:
    """``0.67 macro-F1 + 0.33 accuracy``, the expression score of the ABAW challenges, in [0, 1]."""
    return 0.67 * macro_f1 + 0.33 * accuracy


def expression_metrics(
    probabilities: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> dict[str, object]:
    """All categorical metrics of a split; shares lie in [0, 1], not in percent.

    Args:
        probabilities: ``[N, C]`` probabilities or logits; the largest is the prediction. No padding.
        labels: ``[N]`` int in [0, C).
        class_names: C names in index order.

    Returns:
        ``accuracy``; ``mean_class_accuracy`` (mean recall over the classes that occur in the truth, the main
        metric); ``macro_f1`` (mean over all C classes, 0 for a class where it is undefined);
        ``aff_wild2_score``; ``per_class`` {name: ``count``, ``accuracy`` (recall), ``precision``, ``recall``,
        ``f1``}; ``confusion_matrix`` [C][C] counts, rows are the truth. JSON-able.

    Raises:
        DataError: no samples, shapes that do not fit, a label that is no whole number or out of range, or a
            value that is not finite.
    """
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    _check(probabilities, labels, len(class_names))
    from sklearn import metrics

    predicted, classes = probabilities.argmax(axis=1), np.arange(len(class_names))
    matrix = confusion_matrix(labels, predicted, len(class_names))
    precision, recall, f1, counts = metrics.precision_recall_fscore_support(
        labels.astype(np.int64), predicted, labels=classes, zero_division=0
    )
    accuracy, macro_f1 = float(np.trace(matrix) / len(labels)), float(f1.mean())
    columns = {"count": counts, "accuracy": recall, "precision": precision, "recall": recall, "f1": f1}
    return {
        "accuracy": accuracy,
        "mean_class_accuracy": float(recall[counts > 0].mean()),
        "macro_f1": macro_f1,
        "aff_wild2_score": aff_wild2_score(macro_f1, accuracy),
        "per_class": {n: {k: v[i].item() for k, v in columns.items()} for i, n in enumerate(class_names)},
        "confusion_matrix": matrix.tolist(),
    }


def _check(probabilities: np.ndarray, labels: np.ndarray, num_classes: int) -> None:
    if probabilities.shape != (len(labels), num_classes) or labels.ndim != 1 or not len(labels):
        raise DataError(
            f"Expression metrics need probabilities [N, {num_classes}] and labels [N] with N >= 1, "
            f"but got {list(probabilities.shape)} and {list(labels.shape)}."
        )
    if not np.isfinite(probabilities).all():
        row = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))[0]
        raise DataError(f"The predicted probabilities of record {row} are not finite.")
    _require_classes(labels, num_classes)


def _require_classes(labels: np.ndarray, num_classes: int) -> None:
    if not (labels == np.floor(labels)).all():
        record = np.flatnonzero(labels != np.floor(labels))[0]
        raise DataError(f"The label of record {record} is {labels[record]}, which is no number of a class.")
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise DataError(
            f"Labels reach from {labels.min()} to {labels.max()}, not within 0..{num_classes - 1}."
        )
