import jax
import numpy as np
import pytest

from emojax.graphs.karate import karate_club, symmetric_normalization
from emojax.models.constants import init_with_constants
from emojax.models.gcn import LabelGCN, graph_constants


def test_the_club_has_its_published_size_and_split():
    friends, club = karate_club()
    np.testing.assert_array_equal(friends, friends.T)
    assert friends.sum() == 2 * 78 and np.trace(friends) == 0
    degree = friends.sum(axis=1)
    assert (degree[0], degree[33], degree[32]) == (16, 17, 12)  # instructor, officer
    assert (club == 0).sum() == (club == 1).sum() == 17 and club[0] == 0 and club[33] == 1


def test_symmetric_normalization_has_largest_eigenvalue_one():
    friends, _ = karate_club()
    normalised = symmetric_normalization(friends)
    np.testing.assert_allclose(normalised, normalised.T)
    assert abs(np.linalg.eigvalsh(normalised)[-1] - 1) < 1e-12


def separation(embedded, groups):
    """Distance between two groups' means over their spread, mean over the first axis."""
    first, second = embedded[:, groups == 0], embedded[:, groups == 1]
    between = np.linalg.norm(first.mean(1) - second.mean(1), axis=-1)
    within = np.linalg.norm(first.std(1), axis=-1) + np.linalg.norm(second.std(1), axis=-1)
    return np.mean(between / within)


def test_untrained_gcns_tell_the_two_clubs_apart():
    friends, club = karate_club()
    net, constants = LabelGCN((16, 16, 2)), graph_constants(symmetric_normalization(friends), np.eye(34))
    keys = jax.random.split(jax.random.key(0), 40)
    embedded = np.asarray(jax.vmap(lambda key: net.apply(init_with_constants(net, constants, key)))(keys))
    rng = np.random.default_rng(0)
    by_chance = [separation(embedded, rng.permutation(club)) for _ in range(200)]
    assert separation(embedded, club) > 1.5 * max(by_chance)


@pytest.mark.parity
def test_the_club_equals_networkx():
    networkx = pytest.importorskip("networkx")
    graph = networkx.karate_club_graph()
    friends, club = karate_club()
    np.testing.assert_array_equal(friends, networkx.to_numpy_array(graph, weight=None))
    assert [graph.nodes[n]["club"] == "Mr. Hi" for n in graph] == (club == 0).tolist()
