import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from emojax.errors import ConfigError, DataError
from emojax.graphs.affectnet import AFFECTNET_SPEARMAN, AFFECTNET_TRAIN_COUNTS
from emojax.graphs.label_graph import (
    adjacency,
    binary_edges,
    edge_strength,
    isolated_nodes,
    label_statistics,
    phi_matrix,
    shuffle_nodes,
    spearman_matrix,
    va_histogram,
    va_soft_block,
)

HAPPY, SURPRISE, FEAR, DISGUST, VALENCE, AROUSAL = 1, 3, 4, 5, 7, 8

# The matrix released for AffectNet's training set (spec emotion_gcn 4.4), expressions x (valence, arousal).
PUBLISHED_VA = np.array(
    [
        [-0.335131, -0.284101],
        [0.861085, 0.014483],
        [-0.453036, -0.433733],
        [-0.027568, 0.338224],
        [-0.121788, 0.235579],
        [-0.176413, 0.143684],
        [-0.383705, 0.413757],
    ]
)


def golden_reweighted() -> np.ndarray:
    """A'' at tau 0.1, p 0.7, written out as in the table of spec emotion_gcn 4.6."""
    golden = 0.3 * np.eye(9)
    for both in (0, 2, FEAR, DISGUST, 6):
        golden[both, [VALENCE, AROUSAL]] = 0.35
    golden[HAPPY, VALENCE] = golden[SURPRISE, AROUSAL] = 0.7
    sixth = 0.7 / 6
    golden[VALENCE, [0, HAPPY, 2, FEAR, DISGUST, 6]] = sixth
    golden[AROUSAL, [0, 2, SURPRISE, FEAR, DISGUST, 6]] = sixth
    return golden


def random_labels(rng, n=400, num_classes=7):
    labels = np.concatenate([np.arange(num_classes), rng.integers(0, num_classes, n - num_classes)])
    va = np.round(np.clip(rng.normal(0.2 * np.sin(labels)[:, None], 0.4, (n, 2)), -1, 1), 2)  # many ties
    return labels, va[:, 0].astype(np.float32), va[:, 1].astype(np.float32)


def pairwise_spearman(labels, valence, arousal, num_classes):
    columns = [labels == j for j in range(num_classes)] + [valence, arousal]
    return np.array([[stats.spearmanr(a, b).statistic for b in columns] for a in columns])


def test_phi_of_the_affectnet_counts():
    phi = phi_matrix(AFFECTNET_TRAIN_COUNTS[:7])
    assert phi[0, HAPPY] == pytest.approx(-0.567529, abs=5e-7)
    assert phi[FEAR, DISGUST] == pytest.approx(-0.017664, abs=5e-7)


def test_built_in_matrix_is_the_published_one():
    np.testing.assert_array_equal(AFFECTNET_SPEARMAN[:7, 7:], PUBLISHED_VA)
    np.testing.assert_array_equal(AFFECTNET_SPEARMAN, AFFECTNET_SPEARMAN.T)
    assert AFFECTNET_SPEARMAN[VALENCE, AROUSAL] == 0.037299
    assert (np.diag(AFFECTNET_SPEARMAN) == 1).all()
    assert AFFECTNET_SPEARMAN[0, HAPPY] == pytest.approx(-0.567529, abs=5e-7)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), num_classes=st.integers(2, 8))
def test_spearman_equals_scipy_with_ties(seed, num_classes):
    labels = random_labels(np.random.default_rng(seed), n=60, num_classes=num_classes)
    expected = pairwise_spearman(*labels, num_classes)
    np.testing.assert_allclose(spearman_matrix(*labels, num_classes), expected, atol=1e-12)


def test_spearman_ignores_the_order_of_samples_and_monotone_maps():
    rng = np.random.default_rng(0)
    labels, v, a = random_labels(rng)
    order = rng.permutation(len(labels))
    matrix = spearman_matrix(labels, v, a, 7)
    np.testing.assert_allclose(spearman_matrix(labels[order], np.exp(v[order]), a[order] ** 3, 7), matrix)


def test_reweighted_matrix_is_the_golden_one():
    weighted = adjacency(AFFECTNET_SPEARMAN, 0.1, 0.7)
    np.testing.assert_allclose(weighted, golden_reweighted(), atol=1e-12)
    np.testing.assert_allclose(weighted.sum(axis=1), 1)


def test_columns_of_the_reweighted_matrix_have_the_golden_sums():
    sums = [0.5333, 0.4167, 0.5333, 0.4167, 0.5333, 0.5333, 0.5333, 2.75, 2.75]
    np.testing.assert_allclose(adjacency(AFFECTNET_SPEARMAN, 0.1, 0.7).sum(axis=0), sums, atol=5e-5)


def test_code_parity_is_the_transpose_with_the_stated_row_sums():
    parity = adjacency(AFFECTNET_SPEARMAN, 0.1, 0.5, transpose=True)
    np.testing.assert_array_equal(parity, adjacency(AFFECTNET_SPEARMAN, 0.1, 0.5).T)
    sums = [0.667, 0.583, 0.667, 0.583, 0.667, 0.667, 0.667, 2.25, 2.25]
    np.testing.assert_allclose(parity.sum(axis=1), sums, atol=5e-4)


@pytest.mark.parametrize(
    ("tau", "missing"),
    [
        (0, set()),
        (0.05, {(SURPRISE, VALENCE), (HAPPY, AROUSAL)}),
        (0.1, {(SURPRISE, VALENCE), (HAPPY, AROUSAL)}),
        (0.15, {(SURPRISE, VALENCE), (HAPPY, AROUSAL), (FEAR, VALENCE), (DISGUST, AROUSAL)}),
    ],
)
def test_edges_of_each_threshold_of_the_thesis(tau, missing):
    edges = binary_edges(AFFECTNET_SPEARMAN, tau)
    possible = {(i, d) for i in range(7) for d in (VALENCE, AROUSAL)}
    upper = {tuple(pair) for pair in np.argwhere(np.triu(edges, 1)).tolist()}
    assert upper == possible - missing
    np.testing.assert_array_equal(edges, edges.T)


@pytest.mark.parametrize(
    ("tau", "literal", "entries"), [(0.1, False, 33), (0, False, 37), (0, True, 81), (0.15, False, 29)]
)
def test_directed_edges_counted_with_self_edges(tau, literal, entries):
    assert np.count_nonzero(adjacency(AFFECTNET_SPEARMAN, tau, 0.7, tau_literal=literal)) == entries


def test_disgust_is_the_first_isolated_node_and_keeps_itself():
    assert isolated_nodes(binary_edges(AFFECTNET_SPEARMAN, 0.1764)) == []
    assert isolated_nodes(binary_edges(AFFECTNET_SPEARMAN, 0.1765)) == [DISGUST]
    weighted = adjacency(AFFECTNET_SPEARMAN, 0.1765, 0.7)
    np.testing.assert_array_equal(weighted[DISGUST], np.eye(9)[DISGUST])
    np.testing.assert_allclose(weighted.sum(axis=1), 1)


def test_only_pairs_of_an_expression_and_a_dimension_have_strength():
    strength = edge_strength(AFFECTNET_SPEARMAN)
    np.testing.assert_allclose(strength[:7, 7:], np.abs(PUBLISHED_VA))
    np.testing.assert_array_equal(strength[:7, :7], np.eye(7))
    np.testing.assert_array_equal(strength[7:, 7:], np.eye(2))


def test_a_block_between_expressions_adds_its_edges_and_leaves_valence_arousal_out():
    block = np.zeros((7, 7))
    block[0, 2] = 0.5
    edges = binary_edges(AFFECTNET_SPEARMAN, 0.1, category_block=block)
    added = edges - binary_edges(AFFECTNET_SPEARMAN, 0.1)
    assert np.argwhere(added).tolist() == [[0, 2]]
    assert adjacency(AFFECTNET_SPEARMAN, 0.1, 0.7, category_block=block)[0, 2] == pytest.approx(0.7 / 3)


def test_shuffled_nodes_keep_the_graph_but_not_the_places():
    matrix = adjacency(AFFECTNET_SPEARMAN, 0.1, 0.7)
    for seed in (1, 2, 3):
        shuffled = shuffle_nodes(matrix, seed)
        assert np.count_nonzero((shuffled > 0) != (matrix > 0)) > 20  # of 33 edges, both ways
        np.testing.assert_allclose(np.sort(shuffled.sum(axis=0)), np.sort(matrix.sum(axis=0)))
        np.testing.assert_allclose(
            np.sort(np.linalg.eigvals(shuffled).real), np.sort(np.linalg.eigvals(matrix).real), atol=1e-9
        )
        np.testing.assert_array_equal(np.diag(shuffled), np.diag(matrix))
    np.testing.assert_array_equal(shuffle_nodes(matrix, 1), shuffle_nodes(matrix, 1))


@given(st.floats(0, 1), st.floats(0, 1), st.booleans(), st.booleans())
def test_every_row_sums_to_one_at_any_tau_and_p(tau, p, literal, with_block):
    block = np.abs(AFFECTNET_SPEARMAN[:7, :7]) if with_block else None
    weighted = adjacency(AFFECTNET_SPEARMAN, tau, p, tau_literal=literal, category_block=block)
    np.testing.assert_allclose(weighted.sum(axis=1), 1)
    assert (weighted >= 0).all()


@pytest.mark.parametrize(
    ("tau", "p", "named"), [(-0.1, 0.7, "tau"), (np.nan, 0.7, "tau"), (0.1, 1.5, "p is")]
)
def test_tau_and_p_out_of_range_are_refused(tau, p, named):
    with pytest.raises(ConfigError, match=named):
        adjacency(AFFECTNET_SPEARMAN, tau, p)


def test_a_matrix_or_block_of_the_wrong_kind_is_refused():
    with pytest.raises(DataError, match="shape"):
        adjacency(np.ones((9, 8)), 0.1, 0.7)
    with pytest.raises(DataError, match="not finite"):
        adjacency(np.full((9, 9), np.nan), 0.1, 0.7)
    with pytest.raises(DataError, match="shape"):
        adjacency(AFFECTNET_SPEARMAN, 0.1, 0.7, category_block=np.ones((9, 9)))
    with pytest.raises(DataError, match="negative"):
        adjacency(AFFECTNET_SPEARMAN, 0.1, 0.7, category_block=-np.ones((7, 7)))


def test_soft_block_is_the_double_sum_over_bins():
    labels, v, a = random_labels(np.random.default_rng(1))
    histogram = va_histogram(labels, v, a, 7, 10)
    block = va_soft_block(histogram)
    slow = np.zeros((7, 7))
    for i in range(7):
        for j in range(7):
            for cell in histogram.reshape(-1, 7):
                if cell.sum():
                    slow[i, j] += cell[i] / histogram[..., i].sum() * cell[j] / cell.sum()
    np.testing.assert_allclose(block, slow, atol=1e-12)
    np.testing.assert_allclose(block.sum(axis=1), 1)


def test_soft_block_without_a_class_is_refused():
    histogram = np.ones((10, 10, 7), int)
    histogram[..., 2] = 0
    with pytest.raises(DataError, match=r"class \[2\]"):
        va_soft_block(histogram)


def test_label_statistics_survive_json_and_count_every_sample():
    labels, v, a = random_labels(np.random.default_rng(2))
    statistics = label_statistics(labels, v, a, 7)
    assert json.loads(json.dumps(statistics)) == statistics
    assert statistics["num_samples"] == sum(statistics["counts"]) == len(labels)
    for bins in ("5", "10"):
        histogram = np.array(statistics["va_histogram"][bins])
        assert histogram.shape == (int(bins), int(bins), 7)
        np.testing.assert_array_equal(histogram.sum(axis=(0, 1)), statistics["counts"])
    for n in ("2", "4", "8", "12"):
        assert len(statistics["sector_counts"][n]) == int(n)
        assert sum(statistics["sector_counts"][n]) == len(labels)
    means = [v[labels == 3].mean(), a[labels == 3].mean()]
    np.testing.assert_allclose(statistics["class_mean_va"][3], means, atol=1e-7)
    np.testing.assert_array_equal(statistics["spearman"], spearman_matrix(labels, v, a, 7))


def test_histogram_bins_are_valence_rows_and_arousal_columns():
    histogram = va_histogram(np.array([1]), np.array([0.9]), np.array([-0.9]), 2, 5)
    assert np.argwhere(histogram).tolist() == [[4, 0, 1]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y, v, a: (np.where(y == 3, 2, y), v, a), r"class \[3\]"),
        (lambda y, v, a: (y, np.full_like(v, 0.5), a), "same valence"),
        (lambda y, v, a: (y, v, np.where(y == 0, np.nan, a)), "arousal values are not finite"),
        (lambda y, v, a: (np.where(y == 6, 7, y), v, a), "to 7 in a set of 7"),
        (lambda y, v, a: (y[:-1], v, a), "one length"),
        (lambda y, v, a: (y[:0], v[:0], a[:0]), "No training sample"),
    ],
)
def test_labels_without_a_correlation_are_refused(change, message):
    labels = change(*random_labels(np.random.default_rng(3)))
    with pytest.raises(DataError, match=message):
        spearman_matrix(*labels, 7)
