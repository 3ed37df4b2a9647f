"""Multi-label metrics equal the count by hand, categories without positive samples included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from emojax.errors import ConfigError, DataError
from emojax.metrics.multilabel import (
    average_absolute_error,
    average_precision,
    break_even_threshold,
    break_even_thresholds,
    jaccard_index,
    multilabel_metrics,
    precision_recall,
)

NAMES = ("a", "b", "c", "d")


def sample(seed=0, n=60, ties=True):
    rng = np.random.default_rng(seed)
    truth = (rng.uniform(size=(n, 4)) < (0.5, 0.2, 0.05, 0.0)).astype(float)
    truth[0, 2] = 1
    scores = rng.normal(size=(n, 4)) + truth
    return (np.round(scores, 1) if ties else scores), truth


def by_hand(scores, truth):
    """Precision and recall at every distinct threshold, largest first."""
    thresholds = sorted(set(scores.tolist()), reverse=True)
    hits = np.array([np.sum((scores >= t) & (truth > 0)) for t in thresholds])
    called = np.array([np.sum(scores >= t) for t in thresholds])
    return hits / called, hits / max(truth.sum(), 1), np.array(thresholds)


@pytest.mark.parametrize("seed", range(3))
def test_step_average_precision_is_the_sum_over_thresholds_with_ties_and_without_positives(seed, recwarn):
    scores, truth = sample(seed)
    for i in range(4):
        precision, recall, _ = by_hand(scores[:, i], truth[:, i])
        expected = np.sum(np.diff(recall, prepend=0) * precision)
        np.testing.assert_allclose(average_precision(scores[:, i], truth[:, i]), expected, atol=1e-12)
    assert not truth[:, 3].any() and average_precision(scores[:, 3], truth[:, 3]) == 0
    assert not recwarn.list


def test_interpolated_average_precision_takes_the_best_precision_at_any_larger_recall():
    truth, scores = np.array([0, 1, 1, 0, 1]), np.array([5, 4, 3, 2, 1])
    # precision 0, 1/2, 2/3, 1/2, 3/5 at recall 0, 1/3, 2/3, 2/3, 1
    assert average_precision(scores, truth) == pytest.approx((1 / 2 + 2 / 3 + 3 / 5) / 3)
    expected = (2 / 3 + 2 / 3 + 3 / 5) / 3
    assert average_precision(scores, truth, convention="interpolated") == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30))
def test_interpolation_never_lowers_average_precision_and_order_never_matters(rows):
    scores, truth = (np.array(x) for x in zip(*rows))
    step = average_precision(scores, truth)
    assert 0 <= step <= average_precision(scores, truth, convention="interpolated") + 1e-12 <= 1 + 1e-9
    assert average_precision(scores[::-1], truth[::-1]) == pytest.approx(step)
    assert average_precision(3 * scores - 7, truth) == pytest.approx(step)


def test_unknown_convention_is_named():
    with pytest.raises(ConfigError, match="trapezoid"):
        average_precision(np.zeros(2), np.ones(2), convention="trapezoid")


def test_threshold_makes_precision_equal_recall_where_scores_differ():
    scores, truth = sample(4, ties=False)
    for i in range(2):
        threshold = break_even_threshold(scores[:, i], truth[:, i])
        called = scores[:, i] >= threshold
        hits = (called & (truth[:, i] > 0)).sum()
        assert hits / called.sum() == pytest.approx(hits / truth[:, i].sum())
    assert break_even_threshold(scores[:, 3], truth[:, 3]) == np.inf


@pytest.mark.parametrize("category", range(4))
def test_precision_and_recall_are_counted_at_every_distinct_score(category):
    scores, truth = sample(2)
    found = precision_recall(scores[:, category], truth[:, category])
    for ours, expected in zip(found, by_hand(scores[:, category], truth[:, category])):
        np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_jaccard_index_is_scikit_learns_and_zero_for_two_empty_sets():
    rng = np.random.default_rng(1)
    predicted, truth = rng.uniform(size=(2, 40, 5)) < 0.3
    predicted[0] = truth[0] = False
    mine = jaccard_index(predicted, truth)
    assert mine[0] == 0
    expected = sk.jaccard_score(truth, predicted, average="samples", zero_division=0)
    assert mine.mean() == pytest.approx(expected)


def test_thresholds_of_the_validation_split_decide_the_jaccard_index_of_another():
    scores, truth = sample(5)
    other_scores, other_truth = sample(6)
    thresholds = break_even_thresholds(scores, truth)
    result = multilabel_metrics(other_scores, other_truth, NAMES, thresholds)
    assert result["jaccard"] == pytest.approx(jaccard_index(other_scores >= thresholds, other_truth).mean())
    assert result["per_category"]["a"]["threshold"] == thresholds[0]
    assert result["per_category"]["d"]["threshold"] is None
    assert result["categories_without_positives"] == ["d"]


def test_map_is_the_mean_over_all_categories():
    scores, truth = sample()
    result = multilabel_metrics(scores, truth, NAMES)
    each = [average_precision(scores[:, i], truth[:, i]) for i in range(4)]
    assert result["map"] == pytest.approx(np.mean(each))
    assert result["map_interpolated"] >= result["map"]
    assert [c["count"] for c in result["per_category"].values()] == truth.sum(axis=0).tolist()


def test_average_absolute_error_by_dimension():
    truth = np.array([[0.5, 0.5], [0.2, 0.9]])
    predicted = truth + np.array([[0.1, -0.2], [-0.3, 0.0]])
    result = average_absolute_error(predicted, truth, ("valence", "arousal"))
    assert result == pytest.approx({"aae": 0.15, "aae_valence": 0.2, "aae_arousal": 0.1})


def test_broken_predictions_are_refused_by_record():
    scores, truth = sample()
    scores[7, 1] = np.nan
    with pytest.raises(DataError, match="record 7"):
        multilabel_metrics(scores, truth, NAMES)
    with pytest.raises(DataError, match=r"\[N, 3\]"):
        multilabel_metrics(scores, truth, NAMES[:3])
    with pytest.raises(DataError, match="record 1"):
        average_absolute_error(np.array([[0.0], [np.inf]]), np.zeros((2, 1)), ("valence",))


def test_confidences_are_no_labels():
    """A confidence of 0.3 counted as a positive: mAP 1.0 where 0.54 was right."""
    scores, truth = sample()
    for wrong, told in ((0.3, "0.3"), (np.nan, "nan"), (-1, "-1"), (2, "2")):
        broken = truth.copy()
        broken[7, 2] = wrong
        with pytest.raises(DataError, match=f"0 or 1, but record 7 has one of {told}"):
            multilabel_metrics(scores, broken, NAMES)
        for metric in (average_precision, precision_recall, break_even_threshold):
            with pytest.raises(DataError, match="record 7"):
                metric(scores[:, 2], broken[:, 2])
        with pytest.raises(DataError, match="record 7"):
            jaccard_index(scores > 0, broken)
    same = multilabel_metrics(scores, truth, NAMES)
    assert multilabel_metrics(scores, truth.astype(bool), NAMES) == same


def test_scores_that_are_not_finite_are_refused_by_every_metric():
    scores, truth = sample()
    scores[7, 1] = np.nan
    for metric in (average_precision, precision_recall, break_even_threshold):
        with pytest.raises(DataError, match="scores of record 7"):
            metric(scores[:, 1], truth[:, 1])


def test_thresholds_of_other_categories_are_refused():
    scores, truth = sample()
    for wrong in (0.5, np.zeros(3), np.full(4, np.nan)):
        with pytest.raises(DataError, match="There are 4 categories"):
            multilabel_metrics(scores, truth, NAMES, wrong)
