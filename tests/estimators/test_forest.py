"""Forests of plain arrays predict what scikit-learn's own objects predict."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from emojax.errors import DataError
from emojax.estimators.forest import fit_classifiers, fit_regressor, forest_outputs


def people(count=120, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(0, 1, (count, 6)).astype(np.float32)
    positive = np.stack([features[:, 0] > 0, features[:, 1] * features[:, 2] > 0.5], axis=1)
    return features, positive, features[:, :3] * 0.5 + rng.normal(0, 0.1, (count, 3))


@pytest.mark.parametrize("max_depth", [None, 3])
def test_probabilities_and_values_are_those_of_scikit_learn(max_depth):
    features, positive, values = people()
    options = {"num_trees": 20, "max_depth": max_depth, "seed": 3}
    others = people(seed=1)[0]
    probabilities = jax.jit(forest_outputs)(fit_classifiers(features, positive, **options), others)
    for i in range(2):
        theirs = RandomForestClassifier(20, max_depth=max_depth, random_state=3 + i).fit(
            features, positive[:, i]
        )
        np.testing.assert_allclose(probabilities[:, i, 0], theirs.predict_proba(others)[:, 1], atol=1e-6)
    predicted = forest_outputs(fit_regressor(features, values, **options), others)
    theirs = RandomForestRegressor(20, max_depth=max_depth, random_state=3).fit(features, values)
    assert predicted.shape == (120, 1, 3)
    np.testing.assert_allclose(predicted[:, 0], theirs.predict(others), atol=1e-5)


def test_values_on_a_threshold_go_the_way_of_scikit_learn():
    # Thresholds lie halfway between two float32 neighbours, where float32 cannot say which side they are on.
    low = np.float32(1.1)
    features = np.array([[low], [np.nextafter(low, np.float32(2))]] * 20, np.float32)
    positive = np.array([[0], [1]] * 20)
    forest = fit_classifiers(features, positive, num_trees=10)
    theirs = RandomForestClassifier(10, random_state=0).fit(features, positive[:, 0])
    np.testing.assert_allclose(
        forest_outputs(forest, features)[:, 0, 0], theirs.predict_proba(features)[:, 1], atol=1e-6
    )


def test_a_category_without_positives_or_negatives_has_one_answer():
    features, _, _ = people()
    positive = np.stack([np.zeros(120), np.ones(120)], axis=1)
    outputs = forest_outputs(fit_classifiers(features, positive, num_trees=3), features)
    np.testing.assert_array_equal(outputs[..., 0], positive)


def test_what_no_tree_can_split_is_refused():
    features, positive, values = people()
    features[7, 2] = np.nan
    with pytest.raises(DataError, match="features of example 7 are not finite"):
        fit_classifiers(features, positive)
    with pytest.raises(DataError, match="no examples"):
        fit_regressor(features[:0], values[:0])
