"""The emotion recognition score against scikit-learn, with and without positive samples."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, r2_score, roc_auc_score

from emojax.errors import DataError
from emojax.metrics.bold import coefficients_of_determination, emotion_recognition_score

CLASSES, DIMENSIONS = ("peace", "anger", "fear"), ("valence", "arousal", "dominance")


def draw(seed=0, n=60):
    rng = np.random.default_rng(seed)
    confidences = rng.integers(0, 11, (n, 3)) / 10
    scores = np.round(confidences + rng.normal(0, 0.5, (n, 3)), 1)  # with ties
    values = rng.uniform(0.1, 1, (n, 3))
    return scores, confidences, values + rng.normal(0, 0.2, (n, 3)), values


def score(*arrays):
    return emotion_recognition_score(*arrays, classes=CLASSES, dimensions=DIMENSIONS)


@pytest.mark.parametrize("seed", range(3))
def test_the_score_and_its_parts_are_scikit_learn_s(seed):
    scores, confidences, predicted, values = draw(seed)
    truth = confidences >= 0.5
    result = score(scores, confidences, predicted, values)
    assert result["map"] == pytest.approx(average_precision_score(truth, scores, average="macro"), abs=1e-12)
    assert result["mra"] == pytest.approx(roc_auc_score(truth, scores, average="macro"), abs=1e-12)
    assert result["mr2"] == pytest.approx(r2_score(values, predicted), abs=1e-12)
    ers = 0.5 * (result["mr2"] + 0.5 * (result["map"] + result["mra"]))
    assert result["ers"] == pytest.approx(ers, abs=1e-15)


def test_a_confidence_of_exactly_one_half_is_positive():
    scores, confidences, predicted, values = draw()
    confidences[:, 0] = np.where(np.arange(60) % 2, 0.5, 0.499)
    assert score(scores, confidences, predicted, values)["per_category"]["peace"]["count"] == 30


def test_a_category_without_positives_has_ap_zero_and_no_roc_curve():
    scores, confidences, predicted, values = draw()
    confidences[:, 1] = 0.2
    result = score(scores, confidences, predicted, values)
    assert result["categories_without_positives"] == ["anger"]
    assert result["per_category"]["anger"] == {"count": 0, "ap": 0.0, "roc_auc": None}
    others = [result["per_category"][n]["roc_auc"] for n in ("peace", "fear")]
    assert result["mra"] == pytest.approx(np.mean(others))


@pytest.mark.parametrize("constant", [0.1, 1 / 3, 0.7])
@pytest.mark.parametrize("n", [3, 10, 49])
def test_the_rounded_mean_of_a_constant_gives_no_huge_r2(constant, n):
    values = np.full((n, 1), constant)
    assert coefficients_of_determination(values, values) == 1
    assert coefficients_of_determination(values + 0.1, values) == 0


def test_constant_truth_has_the_r2_of_scikit_learn():
    values = np.full((5, 1), 0.3)
    for predicted in (values, values + 0.1):
        assert coefficients_of_determination(predicted, values)[0] == r2_score(values, predicted)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda a: a[1].__setitem__((3, 0), 1.5), "lie in"),
        (lambda a: a[0].__setitem__((3, 0), np.nan), "sample 3"),
        (lambda a: a.__setitem__(2, a[2][:-1]), "different numbers"),
        (lambda a: a.__setitem__(3, a[3][:, :2]), r"\[N, 3\]"),
    ],
)
def test_what_cannot_be_scored_is_refused(change, message):
    arrays = list(draw())
    change(arrays)
    with pytest.raises(DataError, match=message):
        score(*arrays)
