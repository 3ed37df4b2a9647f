"""Skeleton graphs cut into the neighbour subsets of ST-GCN (context_emotion spec 2.6; Yan et al., AAAI 2018)."""

from __future__ import annotations

from collections.abc import Callable

import jraph
import numpy as np

from emojax.errors import ConfigError
from emojax.graphs.skeletons import Skeleton

NORMALISATIONS = ("symmetric", "per_subset", "column")
_ALPHA = 0.001  # thesis 000, eq. 5.12


def partition_matrices(
    skeleton: Skeleton, strategy: str, *, root: str = "Neck", normalisation: str = "symmetric"
) -> np.ndarray:
    """The weights by which a joint receives from itself and its neighbours, subset by subset.

    Args:
        skeleton: joints and bones.
        strategy: ``uniform`` (one subset), ``distance`` (the joint itself; its neighbours), ``spatial`` (itself and
            equally far; from farther to nearer; from nearer to farther, by the rule of the public code, which the
            Kinetics weights assume) or ``spatial_true`` (the same by true hop distances).
        root: joint from which distances are measured.
        normalisation: ``symmetric`` scales the whole of A + I by D^-1/2 on both sides and then splits it;
            ``per_subset`` scales each subset by its own degrees plus 0.001 (thesis 000, eq. 5.12); ``column`` divides
            the columns of A + I by their sums (the matrix in the Kinetics checkpoint).

    Returns:
        ``[K, V, V]`` float64; entry (k, v, w) is the weight of what joint w receives from joint v in subset k.

    Raises:
        ConfigError: unknown strategy or normalisation.
    """
    if strategy not in PARTITIONS:
        raise ConfigError(f"There is no partition {strategy!r}; choose {', '.join(PARTITIONS)}.")
    if normalisation not in NORMALISATIONS:
        raise ConfigError(f"There is no normalisation {normalisation!r}; choose {', '.join(NORMALISATIONS)}.")
    whole = skeleton.adjacency() + np.eye(len(skeleton.joints))
    subsets = PARTITIONS[strategy](skeleton, whole, skeleton.index(root))
    if normalisation == "per_subset":
        return np.stack([_symmetric(subset, _ALPHA) for subset in subsets])
    scaled = _symmetric(whole, 0.0) if normalisation == "symmetric" else whole / whole.sum(axis=0)
    return scaled * (subsets > 0)


def partition_graph(matrices: np.ndarray) -> jraph.GraphsTuple:
    """The subsets as one graph: an edge for each non-zero entry, sorted by receiver.

    Args:
        matrices: ``[K, V, V]`` of `partition_matrices`.

    Returns:
        GraphsTuple of NumPy arrays without node features. `edges` is a dictionary of ``weight [E]`` float32 and
        ``subset [E]`` int32.
    """
    receivers, subsets, senders = np.nonzero(np.transpose(matrices, (2, 0, 1)))
    return jraph.GraphsTuple(
        nodes=None,
        edges={
            "weight": matrices[subsets, senders, receivers].astype(np.float32),
            "subset": subsets.astype(np.int32),
        },
        receivers=receivers.astype(np.int32),
        senders=senders.astype(np.int32),
        globals=None,
        n_node=np.array([matrices.shape[-1]], np.int32),
        n_edge=np.array([len(receivers)], np.int32),
    )


def _symmetric(matrix: np.ndarray, alpha: float) -> np.ndarray:
    degrees = matrix.sum(axis=1) + alpha
    scale = np.divide(1, np.sqrt(degrees), out=np.zeros_like(degrees), where=degrees > 0)
    return scale[:, None] * matrix * scale[None, :]


def _uniform(skeleton: Skeleton, whole: np.ndarray, root: int) -> np.ndarray:
    return whole[None]


def _distance(skeleton: Skeleton, whole: np.ndarray, root: int) -> np.ndarray:
    return np.stack([np.eye(len(whole)), whole - np.eye(len(whole))])


def _spatial(skeleton: Skeleton, whole: np.ndarray, root: int) -> np.ndarray:
    """Distances are known up to one hop only; between two joints beyond that both directions count as centripetal."""
    hops = _hops(skeleton, root)
    return _by_distance(whole, np.where(hops > 1, np.inf, hops))


def _spatial_true(skeleton: Skeleton, whole: np.ndarray, root: int) -> np.ndarray:
    return _by_distance(whole, _hops(skeleton, root))


def _by_distance(whole: np.ndarray, distance: np.ndarray) -> np.ndarray:
    itself = np.eye(len(whole))
    sender, receiver = distance[:, None], distance[None, :]
    neighbours = whole - itself
    centrifugal = neighbours * (sender < receiver)
    return np.stack([itself, neighbours - centrifugal, centrifugal])


def _hops(skeleton: Skeleton, root: int) -> np.ndarray:
    """Bones between each joint and the root, ``[V]``; infinite where there is no way."""
    adjacency = skeleton.adjacency() > 0
    hops = np.full(len(adjacency), np.inf)
    reached, distance = np.zeros(len(adjacency), bool), 0
    reached[root] = True
    while not np.isfinite(hops[reached]).all():
        hops[reached & ~np.isfinite(hops)] = distance
        reached, distance = reached | adjacency[reached].any(axis=0), distance + 1
    return hops


PARTITIONS: dict[str, Callable[[Skeleton, np.ndarray, int], np.ndarray]] = {
    "uniform": _uniform,
    "distance": _distance,
    "spatial": _spatial,
    "spatial_true": _spatial_true,
}
