import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from emojax.errors import ConfigError, DataError
from emojax.estimators.svm import fit_svm, svm_scores
from emojax.metrics.expression import expression_metrics


def clusters(n=300, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, n, p=[0.7, 0.2, 0.1])
    means = np.array([[3.0, 0, 0], [0, 300, 0], [0, 0, 0.03]])
    return means[labels] + rng.normal(0, 1, (n, 3)) * [1, 100, 0.01], labels


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_learns_clusters_on_scales_far_apart(kernel):
    svm = fit_svm(*clusters(), num_classes=3, kernel=kernel)
    features, labels = clusters(seed=1)
    scores = svm_scores(svm, features)
    assert scores.shape == (300, 3)
    assert expression_metrics(scores, labels, ["a", "b", "c"])["mean_class_accuracy"] > 0.85


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_its_arrays_score_as_scikit_learn_does(kernel, dtype):
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 5, 400)
    features = (rng.normal(0, 1, (400, 8)) + rng.normal(0, 1, (5, 8))[labels]).astype(dtype)
    options = {"C": 2.0, "class_weight": "balanced"}
    if kernel == "linear":
        svm = LinearSVC(dual=False, random_state=0, **options)
    else:
        svm = SVC(kernel="rbf", gamma="scale", break_ties=True, **options)
    theirs = make_pipeline(StandardScaler(), svm).fit(features, labels)
    mine = fit_svm(features, labels, num_classes=5, kernel=kernel, penalty=2.0)
    others = (rng.normal(0, 1, (200, 8))).astype(dtype)
    scores = svm_scores(mine, others)
    np.testing.assert_allclose(scores, theirs.decision_function(others), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(scores.argmax(axis=1), theirs.predict(others))


def test_max_samples_draws_the_same_records_for_the_same_seed():
    features, labels = clusters()
    first = fit_svm(features, labels, num_classes=3, max_samples=60, seed=2)
    again = fit_svm(features, labels, num_classes=3, max_samples=60, seed=2)
    np.testing.assert_array_equal(svm_scores(first, features), svm_scores(again, features))
    assert first["num_samples"] == 60


def test_missing_class_and_unknown_kernel_are_refused():
    features, labels = clusters()
    with pytest.raises(DataError, match=r"\[3\]"):
        fit_svm(features, labels, num_classes=4)
    with pytest.raises(ConfigError, match="poly"):
        fit_svm(features, labels, num_classes=3, kernel="poly")
