"""Numbers of the relation of category, valence and arousal, on frames whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from emojax.errors import DataError
from emojax.metrics import category_va
from emojax.metrics.neighbours import chance_purity, neighbour_purity

# Ten frames of each class: happy in one quadrant, surprise in two by halves, fear nearly all in one.
HAPPY, SURPRISE, FEAR, ABSENT = range(4)
VALUES = np.array(
    [(0.5, 0.5)] * 10 + [(0.3, 0.6)] * 5 + [(-0.3, 0.6)] * 5 + [(-0.5, 0.7)] * 8 + [(-0.5, -0.7), (0.0, 0.7)]
)
LABELS = np.repeat([HAPPY, SURPRISE, FEAR], 10)


def test_quadrants_and_points_on_an_axis_are_told_apart():
    points = [(1, 1), (-1, 1), (-1, -1), (1, -1), (0, 1), (1, 0), (0, 0)]
    assert category_va.quadrants(np.array(points)).tolist() == [0, 1, 2, 3, 4, 4, 4]


def test_shares_of_quadrants_and_the_number_that_a_class_needs():
    shares = category_va.quadrant_shares(VALUES, LABELS, 4)
    np.testing.assert_allclose(shares[FEAR], [0, 0.8, 0.1, 0, 0.1])
    np.testing.assert_allclose(shares.sum(axis=1), [1, 1, 1, 0])
    # Of fear's nine frames off the axes 8/9 lie in one quadrant, less than 90 %.
    assert category_va.region_counts(shares).tolist() == [1, 2, 2, 0]


def test_classes_of_a_bin_and_the_share_of_frames_in_crowded_ones():
    values = np.array([(0.51, 0.51)] * 3 + [(-0.99, 0.99)])
    counts = category_va.classes_of_bins(values, np.array([0, 1, 1, 2]))
    assert counts.sum() == 3 and counts[15, 15] == 2 and counts[19, 0] == 1
    assert category_va.crowded_share(values, np.array([0, 1, 1, 2]), classes=2) == 0.75


def test_mutual_information_is_scikit_learn_s_and_the_entropies_add_up():
    rng = np.random.default_rng(0)
    values, labels = rng.uniform(-1, 1, (500, 2)), rng.integers(0, 7, 500)
    found = category_va.information(values, labels, 7)
    expected = mutual_info_score(labels, category_va.plane_bins(values)) / np.log(2)
    assert found.mutual == pytest.approx(expected)
    assert found.category - found.category_of_bin == pytest.approx(found.mutual)
    assert found.bin - found.bin_of_category == pytest.approx(found.mutual)
    shares = np.bincount(labels, minlength=7) / 500
    assert (shares * found.of_class).sum() == pytest.approx(found.bin_of_category)


def test_a_class_in_one_bin_has_no_entropy():
    assert category_va.information(VALUES, LABELS, 4).of_class[HAPPY] == 0


def test_probes_find_a_category_that_the_values_decide_and_the_mean_of_each_category():
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    values = np.where(labels[:, None] == 0, 0.5, -0.5) + rng.normal(0, 0.02, (200, 2))
    found = category_va.probes((values, labels), (values, labels))
    assert found.accuracy == found.recall == 1
    assert found.ccc.min() > 0.99 and found.mse.max() < 0.001
    told_nothing = category_va.probes((rng.uniform(-1, 1, (200, 2)), labels), (values[::-1], labels))
    assert told_nothing.ccc.max() < 0.2
    with pytest.raises(DataError, match="show no other"):
        category_va.probes((values, labels * 0), (values, labels))


def test_a_prediction_is_consistent_where_its_category_is_found():
    shares = category_va.quadrant_shares(VALUES, LABELS, 4)
    values = np.array([(0.5, 0.5), (0.5, -0.5), (-0.5, -0.5), (0.5, 0.5)])
    said = np.array([HAPPY, HAPPY, FEAR, FEAR])
    assert category_va.consistency(values, said, shares) == 0.5
    assert category_va.consistency(VALUES, LABELS, shares) == 1


def test_purity_is_1_for_clusters_and_chance_for_noise():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 30)
    assert neighbour_purity(labels[:, None] * 10 + rng.normal(size=(90, 3)), labels) == 1
    noise = neighbour_purity(rng.normal(size=(90, 3)), labels)
    assert noise == pytest.approx(chance_purity(labels), abs=0.06) and chance_purity(labels) == 29 / 89
    assert neighbour_purity([[0.0], [1.0], [9.0]], ["a", "a", "b"], neighbours=1) == pytest.approx(2 / 3)
