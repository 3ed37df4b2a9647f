"""A support vector machine on the features of a trained network (spec emotion_gcn 2.6)."""

from __future__ import annotations

import numpy as np

from emojax.errors import ConfigError, DataError
from emojax.estimators import Arrays


def fit_svm(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    num_classes: int,
    kernel: str = "linear",
    penalty: float = 1.0,
    max_samples: int | None = None,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Standardises features and trains an SVM with class weights balanced by frequency, by scikit-learn.

    Args:
        features: ``[N, D]`` of the training set, evaluation mode, no augmentation.
        labels: ``[N]`` int in [0, C).
        num_classes: C >= 3.
        kernel: "linear" or "rbf" (gamma = 1 / (D * variance)); "rbf" costs at least N^2.
        penalty: the SVM's C.
        max_samples: train on this many records drawn without replacement; None takes all.
        seed: seed of the draw and of the solver.

    Returns:
        ``mean [D]``, ``scale [D]``, ``num_samples []``, and

        - linear: ``coefficients [C, D]``, ``intercepts [C]``;
        - rbf: ``vectors [S, D]`` sorted by class, ``vectors_per_class [C]``, ``dual [C - 1, S]``,
          ``intercepts [C (C - 1) / 2]`` of the pairs of classes, ``gamma []``.

    Raises:
        ConfigError: unknown kernel.
        DataError: a class without samples (among those drawn).
    """
    from sklearn.preprocessing import StandardScaler  # here: a second that only a fit pays
    from sklearn.svm import SVC, LinearSVC

    features, labels = np.asarray(features), np.asarray(labels)
    if max_samples is not None and max_samples < len(labels):
        chosen = np.random.default_rng(seed).choice(len(labels), max_samples, replace=False)
        features, labels = features[chosen], labels[chosen]
    missing = sorted(set(range(num_classes)) - set(np.unique(labels).tolist()))
    if missing:
        raise DataError(f"The {len(labels)} training features of the SVM have no sample of class {missing}.")
    scaler = StandardScaler().fit(features)
    fitted = {"mean": scaler.mean_, "scale": scaler.scale_, "num_samples": np.array(len(labels))}
    features = scaler.transform(features)
    if kernel == "linear":
        svm = LinearSVC(C=penalty, class_weight="balanced", dual=False, random_state=seed).fit(
            features, labels
        )
        return {**fitted, "coefficients": svm.coef_, "intercepts": svm.intercept_}
    if kernel != "rbf":
        raise ConfigError(f"The SVM's kernel is 'linear' or 'rbf', not {kernel!r}.")
    svm = SVC(C=penalty, kernel="rbf", gamma="scale", class_weight="balanced").fit(features, labels)
    return {
        **fitted,
        "vectors": svm.support_vectors_,
        "vectors_per_class": svm.n_support_,
        "dual": svm.dual_coef_,
        "intercepts": svm.intercept_,
        "gamma": np.array(1 / (features.shape[1] * features.var())),
    }


def svm_scores(svm: Arrays, features: np.ndarray) -> np.ndarray:
    """One-against-rest scores ``[N, C]`` float64; the largest is the predicted class."""
    x = np.array(features)
    x -= svm["mean"].astype(x.dtype)
    x /= svm["scale"].astype(x.dtype)
    if "coefficients" in svm:
        return x @ svm["coefficients"].T + svm["intercepts"]
    return _one_against_rest(_pair_scores(svm, x.astype(np.float64)), len(svm["vectors_per_class"]))


def _pair_scores(svm: Arrays, x: np.ndarray) -> np.ndarray:
    """``[N, C (C - 1) / 2]``: how far each pair's boundary speaks for its first class, pairs in the order of libsvm."""
    vectors, dual = svm["vectors"].astype(np.float64), svm["dual"]
    squares = (x**2).sum(1)[:, None] + (vectors**2).sum(1) - 2 * x @ vectors.T
    kernel = np.exp(-svm["gamma"] * np.maximum(squares, 0))
    ends = np.cumsum(svm["vectors_per_class"])
    of_class = [slice(end - count, end) for end, count in zip(ends, svm["vectors_per_class"])]
    scores = []
    for i in range(len(of_class)):
        for j in range(i + 1, len(of_class)):
            first, second = of_class[i], of_class[j]
            scores.append(kernel[:, first] @ dual[j - 1, first] + kernel[:, second] @ dual[i, second])
    return np.stack(scores, axis=1) + svm["intercepts"]


def _one_against_rest(pairs: np.ndarray, num_classes: int) -> np.ndarray:
    """Votes of the pairs and, between classes with the same votes, the sum of their scores: ``[N, C]``."""
    votes, sums = np.zeros((2, len(pairs), num_classes))
    places = ((i, j) for i in range(num_classes) for j in range(i + 1, num_classes))
    for pair, (i, j) in zip(pairs.T, places):
        sums[:, i] += pair
        sums[:, j] -= pair
        votes[:, i] += pair >= 0
        votes[:, j] += pair < 0
    return votes + sums / (3 * (np.abs(sums) + 1))
