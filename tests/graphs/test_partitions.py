"""The neighbour subsets of ST-GCN: golden counts of the specification and its corrections."""

from __future__ import annotations

import numpy as np
import pytest

from emojax.errors import ConfigError
from emojax.graphs.partitions import PARTITIONS, partition_graph, partition_matrices
from emojax.graphs.skeletons import BODY_18


@pytest.mark.parametrize(
    "strategy, entries",
    [("uniform", [52]), ("distance", [18, 34]), ("spatial", [18, 25, 9]), ("spatial_true", [18, 17, 17])],
)
def test_subsets_have_the_published_numbers_of_entries(strategy, entries):
    matrices = partition_matrices(BODY_18, strategy)
    assert [int(np.count_nonzero(m)) for m in matrices] == entries
    assert matrices.shape == (len(entries), 18, 18)


@pytest.mark.parametrize("normalisation", ["symmetric", "column"])
@pytest.mark.parametrize("strategy", PARTITIONS)
def test_subsets_add_up_to_the_normalised_graph(strategy, normalisation):
    whole = BODY_18.adjacency() + np.eye(18)
    degrees = whole.sum(axis=1)
    expected = (
        whole / np.sqrt(np.outer(degrees, degrees)) if normalisation == "symmetric" else whole / degrees
    )
    matrices = partition_matrices(BODY_18, strategy, normalisation=normalisation)
    np.testing.assert_allclose(matrices.sum(axis=0), expected, atol=1e-12)


def test_degrees_with_the_self_loop_are_those_of_the_specification():
    degrees = dict(zip(BODY_18.joints, (BODY_18.adjacency().sum(axis=1) + 1).astype(int)))
    assert degrees["Neck"] == degrees["Nose"] == degrees["RShoulder"] == degrees["LShoulder"] == 4
    for side in "RL":
        assert [degrees[side + j] for j in ("Hip", "Elbow", "Knee", "Eye")] == [3] * 4
        assert [degrees[side + j] for j in ("Wrist", "Ankle", "Ear")] == [2] * 3


def test_true_distances_send_inwards_in_subset_one_and_outwards_in_subset_two():
    _, inwards, outwards = partition_matrices(BODY_18, "spatial_true") > 0
    wrist, elbow = BODY_18.index("RWrist"), BODY_18.index("RElbow")
    assert inwards[wrist, elbow] and outwards[elbow, wrist]
    assert not inwards[elbow, wrist] and not outwards[wrist, elbow]
    np.testing.assert_array_equal(inwards, outwards.T)


def test_the_public_rule_puts_both_directions_of_eight_far_bones_into_subset_one():
    _, inwards, _ = partition_matrices(BODY_18, "spatial") > 0
    both = [(a, b) for a, b in BODY_18.edges if inwards[a, b] and inwards[b, a]]
    names = {"-".join(sorted(BODY_18.joints[i][1:] for i in bone)) for bone in both}
    assert len(both) == 8 and names == {"Elbow-Wrist", "Hip-Knee", "Ankle-Knee", "Ear-Eye"}


def test_per_subset_normalisation_divides_by_the_subset_s_own_degrees():
    itself, neighbours = partition_matrices(BODY_18, "distance", normalisation="per_subset")
    np.testing.assert_allclose(np.diag(itself), 1 / 1.001)
    degree = BODY_18.adjacency().sum(axis=1) + 0.001
    assert neighbours[3, 4] == pytest.approx(1 / np.sqrt(degree[3] * degree[4]))


def test_the_graph_has_an_edge_for_each_entry_sorted_by_receiver():
    matrices = partition_matrices(BODY_18, "spatial")
    graph = partition_graph(matrices)
    again = np.zeros_like(matrices)
    again[graph.edges["subset"], graph.senders, graph.receivers] = graph.edges["weight"]
    np.testing.assert_allclose(again, matrices, atol=1e-7)
    assert (np.diff(graph.receivers) >= 0).all() and graph.n_edge == [52]


@pytest.mark.parametrize(
    "wrong", [{"strategy": "spatiall"}, {"strategy": "spatial", "normalisation": "rows"}]
)
def test_an_unknown_name_is_told_with_those_there_are(wrong):
    with pytest.raises(ConfigError, match="choose"):
        partition_matrices(BODY_18, **wrong)
