"""Class shares that tables of recalls allow, against the specification's own bounds (affwild_cnn_rnn 1.3)."""

from __future__ import annotations

import numpy as np
import pytest

from configs.affwild_lstm_tables import ACCURACY
from emojax.errors import DataError
from emojax.labels import AFFWILD_CLASSES
from emojax.metrics.shares import check_shares

SUMS = (("neutral", "sad"), ("angry", "fear"))


def of_tables(*numbers, without=()):
    rows = [v for n in numbers for name, v in ACCURACY[n].items() if name not in without]
    values = np.array(rows)
    return check_shares(values[:, :7], values[:, 7], AFFWILD_CLASSES, SUMS)


@pytest.mark.parametrize(
    ("tables", "without", "expected"),
    [
        (("C.1", "C.3"), (), {"neutral": (0.275, 0.351), "sad": (0.339, 0.391), "neutral + sad": (0.667, 0.690)}),
        (
            ("5.1", "5.3"),
            ("cat_vgg16_fc1", "cat_vgg16_fc2"),
            {"neutral": (0.247, 0.305), "sad": (0.496, 0.514), "neutral + sad": (0.761, 0.801)},
        ),
        (("C.5", "C.7"), (), {"neutral": (0.382, 0.429), "sad": (0.253, 0.270), "neutral + sad": (0.652, 0.681)}),
    ],
)  # fmt: skip
def test_bounds_are_those_of_the_specification(tables, without, expected):
    found = of_tables(*tables, without=without)
    assert found.consistent
    for name, bounds in expected.items():
        assert found.bounds[name] == pytest.approx(bounds, abs=0.002), name


def test_two_rows_of_table_5_1_do_not_fit_the_others():
    found = of_tables("5.1", "5.3")
    assert not found.consistent and not found.bounds
    rows = [*ACCURACY["5.1"], *ACCURACY["5.3"]]
    assert ("cat_vgg16_fc1", "cat_vgg16_fc2") in [tuple(rows[i] for i in group) for group in found.misfits]


def test_the_true_shares_lie_within_the_bounds_of_exact_rows():
    rng = np.random.default_rng(0)
    shares, recalls = rng.dirichlet(np.ones(3)), rng.uniform(0, 1, (6, 3))
    found = check_shares(recalls.round(2), (recalls @ shares).round(2), "abc")
    for name, share in zip("abc", shares):
        low, high = found.bounds[name]
        assert low - 1e-9 <= share <= high + 1e-9


def test_percent_is_refused():
    with pytest.raises(DataError, match="from 0 to 1"):
        check_shares(np.full((1, 2), 50), np.array([50]), "ab")
    with pytest.raises(DataError, match=r"recalls \[N, 3\]"):
        check_shares(np.zeros((2, 2)), np.zeros(2), "abc")
