import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emojax.errors import DataError
from emojax.metrics.expression import confusion_matrix, expression_metrics, normalize_rows

NAMES = ["neutral", "happy", "sad", "surprise"]


def predictions(seed, n=50, present=4):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, present, n)
    probabilities = rng.dirichlet(np.ones(4), n)
    return probabilities, labels


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 60), present=st.integers(1, 4))
def test_every_metric_is_the_count_by_hand(seed, n, present):
    probabilities, labels = predictions(seed, n, present)
    predicted = probabilities.argmax(1)
    ours = expression_metrics(probabilities, labels, NAMES)
    by_hand = [[int(np.sum((labels == t) & (predicted == p))) for p in range(4)] for t in range(4)]
    assert ours["confusion_matrix"] == by_hand
    assert ours["accuracy"] == pytest.approx(np.mean(labels == predicted), abs=1e-12)
    recalls, scores = [], []
    for i, name in enumerate(NAMES):
        hits, count, called = by_hand[i][i], sum(by_hand[i]), sum(row[i] for row in by_hand)
        recall, precision = hits / count if count else 0, hits / called if called else 0
        f1 = 2 * hits / (count + called) if count + called else 0
        expected = {"count": count, "accuracy": recall, "precision": precision, "recall": recall, "f1": f1}
        assert ours["per_class"][name] == pytest.approx(expected, abs=1e-12)
        recalls += [recall] if count else []
        scores.append(f1)
    assert ours["mean_class_accuracy"] == pytest.approx(np.mean(recalls), abs=1e-12)
    assert ours["macro_f1"] == pytest.approx(np.mean(scores), abs=1e-12)


def test_aff_wild2_score_weighs_f1_and_accuracy():
    ours = expression_metrics(*predictions(0), NAMES)
    assert ours["aff_wild2_score"] == pytest.approx(0.67 * ours["macro_f1"] + 0.33 * ours["accuracy"])


def test_on_a_balanced_set_accuracy_is_mean_class_accuracy():
    probabilities, _ = predictions(1, n=40)
    ours = expression_metrics(probabilities, np.repeat(np.arange(4), 10), NAMES)
    assert ours["accuracy"] == pytest.approx(ours["mean_class_accuracy"])


def test_logits_may_stand_for_probabilities_and_results_survive_json():
    probabilities, labels = predictions(2)
    ours = expression_metrics(probabilities, labels, NAMES)
    assert expression_metrics(np.log(probabilities), labels, NAMES) == ours
    assert json.loads(json.dumps(ours)) == ours


def test_confusion_rows_are_the_truth_and_normalise_to_one():
    matrix = confusion_matrix(np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1]), 3)
    np.testing.assert_array_equal(matrix, [[1, 2, 0], [0, 1, 0], [0, 0, 0]])
    np.testing.assert_allclose(normalize_rows(matrix), [[1 / 3, 2 / 3, 0], [0, 1, 0], [0, 0, 0]])


def test_a_class_that_is_none_is_not_counted_as_another():
    for labels, predictions in (([0, 0], [0, 3]), ([0, 3], [0, 0]), ([-1, 0], [0, 0]), ([0.5, 0], [0, 0])):
        with pytest.raises(DataError, match=r"not within 0\.\.2|no number of a class"):
            confusion_matrix(np.array(labels), np.array(predictions), 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, y: (p[:, :3], y), r"\[N, 4\]"),
        (lambda p, y: (p[:0], y[:0]), "N >= 1"),
        (lambda p, y: (np.where(np.arange(50)[:, None] == 7, np.nan, p), y), "record 7"),
        (lambda p, y: (p, y + 1), "to 4, not"),
        (lambda p, y: (p, y - 1), "from -1"),
        (lambda p, y: (p, np.where(np.arange(50) == 7, 1.5, y)), "label of record 7 is 1.5"),
        (lambda p, y: (p, np.where(np.arange(50) == 7, np.nan, y)), "label of record 7 is nan"),
    ],
)
def test_impossible_input_is_refused(change, message):
    with pytest.raises(DataError, match=message):
        expression_metrics(*change(*predictions(3)), NAMES)
