import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import root_mean_squared_error

from emojax.errors import DataError
from emojax.metrics.valence_arousal import (
    concordance_correlation_coefficient,
    pearson_correlation,
    root_mean_square_error,
    sign_agreement,
    valence_arousal_metrics,
)


def test_golden_ccc():
    assert concordance_correlation_coefficient([0.1, 0.4, -0.2, 0.8], [0, 0.5, -0.3, 0.6]) == pytest.approx(
        0.936937, abs=1e-6
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(3, 80))
def test_metrics_equal_independent_ones(seed, n):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(-1, 1, (n, 2))
    predicted = 0.5 * truth + rng.normal(0, 0.3, (n, 2))
    ours = valence_arousal_metrics(predicted.astype(np.float32), truth.astype(np.float32))
    for i, name in enumerate(("valence", "arousal")):
        x, y = predicted[:, i], truth[:, i]
        r = stats.pearsonr(x, y).statistic
        # Lin's second form: rho = r * 2 s_x s_y / (s_x^2 + s_y^2 + (m_x - m_y)^2)
        ccc = r * 2 * x.std() * y.std() / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
        assert ours[name]["pcc"] == pytest.approx(r, abs=1e-5)
        assert ours[name]["ccc"] == pytest.approx(ccc, abs=1e-5)
        assert ours[name]["rmse"] == pytest.approx(root_mean_squared_error(y, x), abs=1e-5)
        assert ours[name]["sagr"] == pytest.approx(np.mean([(a > 0) == (b > 0) for a, b in zip(x, y)]))


def test_whole_split_ccc_differs_from_the_mean_over_batches():
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    y = x + rng.normal(size=400)
    batches = [
        concordance_correlation_coefficient(a, b) for a, b in zip(x.reshape(40, 10), y.reshape(40, 10))
    ]
    assert abs(np.mean(batches) - concordance_correlation_coefficient(x, y)) > 0.01


def test_constant_predictions_score_zero_not_nan():
    assert concordance_correlation_coefficient(np.ones(5), np.ones(5)) == 0
    assert concordance_correlation_coefficient(np.ones(5), np.arange(5)) == 0
    assert pearson_correlation(np.ones(5), np.arange(5)) == 0


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.integers(1, 40), finite, st.lists(finite, min_size=40, max_size=40))
@example(3, -0.95, [0.1] * 40)
@example(3, 1 / 3, [1 / 3] * 40)
def test_a_constant_agrees_with_nothing_at_any_scale(n, constant, others):
    x, y = np.full(n, constant), np.array(others[:n])
    for metric in (pearson_correlation, concordance_correlation_coefficient):
        assert metric(x, y) == metric(y, x) == metric(x, x) == 0


@given(st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=30, unique=True), st.integers(-900, 900))
def test_agreement_does_not_depend_on_the_scale(values, exponent):
    x = np.array(values)
    y = x[::-1] + 0.25 * x
    for metric in (pearson_correlation, concordance_correlation_coefficient):
        value = metric(x, y)
        assert -1 - 1e-12 <= value <= 1 + 1e-12
        assert metric(np.ldexp(x, exponent), np.ldexp(y, exponent)) == pytest.approx(value, abs=1e-9)
        assert metric(x, x) == pytest.approx(1)


def test_a_small_spread_on_a_large_offset_is_measured():
    x = 1e6 + np.array([0, 1e-9, 2e-9, 5e-9])
    assert pearson_correlation(x, x) == pytest.approx(1)
    assert pearson_correlation(x, -x) == pytest.approx(-1)


@pytest.mark.parametrize(
    "metric",
    [pearson_correlation, concordance_correlation_coefficient, sign_agreement, root_mean_square_error],
)
def test_each_metric_refuses_what_it_cannot_compare(metric):
    with pytest.raises(DataError, match="record 1 is not finite"):
        metric([0.0, np.nan], [0.0, 1.0])
    with pytest.raises(DataError, match=r"\[2\], \[3\]"):
        metric([0.0, 1.0], [0.0, 1.0, 2.0])
    with pytest.raises(DataError, match="N >= 1"):
        metric([], [])


def test_zero_has_its_own_sign():
    assert sign_agreement(np.array([0, 0.1, -0.1, 0]), np.array([0, 0.2, 0.3, 0.5])) == 0.5


def test_impossible_input_is_refused():
    with pytest.raises(DataError, match=r"\[N, 2\]"):
        valence_arousal_metrics(np.ones((3, 2)), np.ones((3, 1)))
    with pytest.raises(DataError, match="N >= 1"):
        valence_arousal_metrics(np.ones((0, 2)), np.ones((0, 2)))
    broken = np.ones((3, 2))
    broken[1, 0] = np.inf
    with pytest.raises(DataError, match="record 1"):
        valence_arousal_metrics(broken, np.ones((3, 2)))
