"""The Frechet distance of features, against scipy's matrix square root."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from emojax.errors import DataError
from emojax.metrics.frechet import frechet_distance


def test_it_is_that_of_two_normal_distributions():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(400, 5)) @ rng.normal(size=(5, 5)) + rng.normal(size=5)
    second = rng.normal(size=(300, 5)) @ rng.normal(size=(5, 5))
    means, covariances = zip(*((x.mean(axis=0), np.cov(x, rowvar=False)) for x in (first, second)))
    root = sqrtm(covariances[0] @ covariances[1]).real
    golden = np.sum((means[0] - means[1]) ** 2) + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert frechet_distance(first, second) == pytest.approx(golden, rel=1e-9)
    assert frechet_distance(second, first) == pytest.approx(golden, rel=1e-9)


def test_identical_sets_have_no_distance_and_a_shift_has_its_square():
    x = np.random.default_rng(1).normal(size=(50, 80))  # fewer rows than features: singular covariances
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-5)  # roots of eigenvalues of rounding
    assert frechet_distance(x, x[::-1] + 0.5) == pytest.approx(80 * 0.25, rel=1e-6)
    assert frechet_distance(x[:, :1], x[:, :1] * 3) == pytest.approx(
        (2 * x[:, 0].mean()) ** 2 + (2 * x[:, 0].std(ddof=1)) ** 2
    )


def test_features_that_cannot_be_compared_are_one_line():
    x = np.zeros((5, 3))
    for first, second in ((x, x[:, :2]), (x[:1], x), (x[0], x)):
        with pytest.raises(DataError, match="cannot be compared"):
            frechet_distance(first, second)
    with pytest.raises(DataError, match="not finite"):
        frechet_distance(x, x + np.nan)
