import numpy as np
import pytest

from emojax.errors import DataError
from emojax.graphs.affectnet import AFFECTNET_TRAIN_COUNTS
from emojax.objectives.class_weights import (
    age_groups,
    age_sampler_weights,
    expression_sampler_weights,
    inverse_frequency_weights,
)


def test_seven_and_eight_way_weights_are_the_published_ones():
    seven = [0.050792, 0.028293, 0.149377, 0.269908, 0.596268, 1.0, 0.152841]
    eight = [0.050084, 0.027899, 0.147296, 0.266146, 0.587959, 0.986064, 0.150711, 1.0]
    np.testing.assert_allclose(inverse_frequency_weights(AFFECTNET_TRAIN_COUNTS[:7]), seven, atol=5e-7)
    np.testing.assert_allclose(inverse_frequency_weights(AFFECTNET_TRAIN_COUNTS), eight, atol=5e-7)


def test_a_class_without_samples_is_refused():
    with pytest.raises(DataError, match=r"\[1\]"):
        inverse_frequency_weights([3, 0, 4])
    with pytest.raises(DataError, match=r"\[2\]"):
        expression_sampler_weights(np.array([0, 1, 1]), 3)


def test_expression_sampler_makes_classes_equally_likely():
    labels = np.repeat([0, 1, 2], [70, 20, 10])
    weights = expression_sampler_weights(labels, 3)
    mass = np.bincount(labels, weights) / weights.sum()
    np.testing.assert_allclose(mass, 1 / 3, rtol=1e-6)


def test_age_groups_are_decades_up_to_seventy():
    ages = np.array([0, 9.9, 10, 35, 69.9, 70, 101, -1, -0.5, np.nan])
    np.testing.assert_array_equal(age_groups(ages), [0, 0, 1, 3, 6, 7, 7, -1, -1, -1])


def test_age_sampler_makes_known_groups_equally_likely_and_unknown_ages_average():
    ages = np.concatenate([np.full(60, 25.0), np.full(30, 45.0), np.full(10, 80.0), np.full(50, -1.0)])
    weights = age_sampler_weights(ages)
    mass = [weights[ages == a].sum() for a in (25, 45, 80)]
    np.testing.assert_allclose(mass, mass[0])
    np.testing.assert_allclose(weights[ages == -1], weights[ages >= 0].mean())
    assert weights[0] == pytest.approx(100 / 60)


def test_age_sampler_without_any_age_is_refused():
    with pytest.raises(DataError, match="no record has one"):
        age_sampler_weights(np.full(4, -1.0))
