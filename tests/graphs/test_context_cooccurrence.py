"""ML-GCN's matrix follows steps 2-6 of context_emotion spec 4."""

import numpy as np
import pytest

from emojax.errors import ConfigError, DataError
from emojax.graphs.cooccurrence import (
    binary_edges,
    conditional_probability,
    cooccurrence_counts,
    ml_gcn_adjacency,
    ml_gcn_weights,
    multilabel_statistics,
)

LABELS = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0], [0, 0, 1, 0], [0, 1, 1, 0]])


def by_loops(labels, tau, p):
    """Steps 2-6, written out as the spec has them."""
    n = labels.shape[1]
    together = np.array([[np.sum(labels[:, i] * labels[:, j]) for j in range(n)] for i in range(n)])
    a = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            given = together[i, j] / together[i, i] if together[i, i] else 0
            a[i, j] = i != j and given >= tau
    weighted = np.zeros((n, n))
    for j in range(n):
        incoming = sum(a[i, j] for i in range(n) if i != j)
        for i in range(n):
            weighted[i, j] = 1 - p if i == j else p * a[i, j] / max(incoming, 1e-6)
    d = weighted.sum(axis=1)
    scale = np.array([x**-0.5 if x > 0 else 0 for x in d])
    return np.diag(scale) @ weighted.T @ np.diag(scale)


@pytest.mark.parametrize("tau", [0.0, 0.4, 0.6, 1.0])
@pytest.mark.parametrize("p", [0.0, 0.25, 1.0])
def test_matrix_equals_the_steps_written_as_loops(tau, p):
    matrix = ml_gcn_adjacency(cooccurrence_counts(LABELS), tau, p)
    np.testing.assert_allclose(matrix, by_loops(LABELS, tau, p), atol=1e-12)
    assert np.isfinite(matrix).all()


def test_conditional_probability_divides_a_row_by_its_own_label():
    conditional = conditional_probability(cooccurrence_counts(LABELS))
    np.testing.assert_allclose(conditional[0], [1, 2 / 3, 1 / 3, 0])
    np.testing.assert_allclose(conditional[3], 0)  # a label that no training sample has


def test_a_label_takes_p_from_those_that_point_to_it_in_equal_shares():
    edges = binary_edges(conditional_probability(cooccurrence_counts(LABELS)), 0.4)
    weights = ml_gcn_weights(edges, 0.25)
    incoming = weights - np.diag(np.diag(weights))
    for j in range(4):
        column = incoming[:, j][edges[:, j] > 0]
        np.testing.assert_allclose(column, 0.25 / len(column) if len(column) else column)
    np.testing.assert_allclose(np.diag(weights), 0.75)
    np.testing.assert_allclose(np.diag(ml_gcn_weights(edges, 0.25, diagonal="identity")), 1)


def test_direction_is_kept_the_receiver_stands_in_the_row():
    counts = np.array([[10, 5], [5, 100]])  # label 0 points to label 1, which is 20 times as frequent
    matrix = ml_gcn_adjacency(counts, 0.4, 0.25)
    assert matrix[1, 0] > 0 and matrix[0, 1] == 0


def test_statistics_are_json_able_and_count_pairs():
    result = multilabel_statistics(LABELS, np.full((5, 3), 0.5))
    assert result["num_samples"] == 5
    assert result["counts"] == [3, 3, 3, 0]
    assert result["cooccurrence"][0] == [3, 2, 1, 0]
    assert result["dimension_mean"] == [0.5, 0.5, 0.5] and result["dimension_std"] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("tau", "p", "diagonal"),
    [(1.5, 0.2, "complement"), (0.5, -0.1, "complement"), (0.5, 0.1, "zero")],
)
def test_parameters_out_of_range_are_refused(tau, p, diagonal):
    with pytest.raises(ConfigError):
        ml_gcn_adjacency(np.eye(2), tau, p, diagonal=diagonal)


def test_labels_that_are_no_zeros_and_ones_are_refused():
    with pytest.raises(DataError, match="zeros and ones"):
        cooccurrence_counts(np.array([[0.5, 1.0]]))
    with pytest.raises(DataError, match="record 1"):
        multilabel_statistics(LABELS, np.where(np.arange(5)[:, None] == 1, np.nan, np.zeros((5, 3))))
