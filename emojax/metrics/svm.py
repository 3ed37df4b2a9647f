"""A support vector machine on the features of a trained network (spec emotion_gcn 2.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emojax.errors import ConfigError, DataError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def fit_svm(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    num_classes: int,
    kernel: str = "linear",
    penalty: float = 1.0,
    max_samples: int | None = None,
    seed: int = 0,
) -> Pipeline:
    """Standardises features and trains an SVM with class weights balanced by frequency.

    Args:
        features: ``[N, D]`` of the training set, evaluation mode, no augmentation.
        labels: ``[N]`` int in [0, C).
        num_classes: C >= 3.
        kernel: "linear" or "rbf" (gamma = 1 / (D * variance)); "rbf" costs at least N^2.
        penalty: the SVM's C.
        max_samples: train on this many records drawn without replacement; None takes all.
        seed: seed of the draw and of the solver.

    Returns:
        A scikit-learn pipeline; `svm_scores` reads it.

    Raises:
        ConfigError: unknown kernel.
        DataError: a class without samples (among those drawn).
    """
    from sklearn.pipeline import make_pipeline  # here: a second that only an SVM pays
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC, LinearSVC

    features, labels = np.asarray(features), np.asarray(labels)
    if max_samples is not None and max_samples < len(labels):
        chosen = np.random.default_rng(seed).choice(len(labels), max_samples, replace=False)
        features, labels = features[chosen], labels[chosen]
    missing = sorted(set(range(num_classes)) - set(np.unique(labels).tolist()))
    if missing:
        raise DataError(f"The {len(labels)} training features of the SVM have no sample of class {missing}.")
    if kernel == "linear":
        svm = LinearSVC(C=penalty, class_weight="balanced", dual=False, random_state=seed)
    elif kernel == "rbf":
        # break_ties makes the predicted class the one with the largest score.
        svm = SVC(C=penalty, kernel="rbf", gamma="scale", class_weight="balanced", break_ties=True)
    else:
        raise ConfigError(f"The SVM's kernel is 'linear' or 'rbf', not {kernel!r}.")
    return make_pipeline(StandardScaler(), svm).fit(features, labels)


def svm_scores(svm: Pipeline, features: np.ndarray) -> np.ndarray:
    """One-against-rest scores ``[N, C]`` float64; the largest is the predicted class."""
    return svm.decision_function(np.asarray(features))
