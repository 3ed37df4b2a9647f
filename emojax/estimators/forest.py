"""Random forests: fitted by scikit-learn, evaluated by JAX on plain arrays (spec context_emotion 2.7, G16)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from emojax.errors import DataError
from emojax.estimators import Arrays

NO_FEATURE = -1  # of a leaf


def fit_classifiers(
    features: np.ndarray,
    positive: np.ndarray,
    *,
    num_trees: int = 500,
    max_depth: int | None = None,
    seed: int = 0,
    jobs: int | None = None,
) -> dict[str, np.ndarray]:
    """One forest for each category, which predicts the probability of the category.

    Args:
        features: ``[N, D]``, finite.
        positive: ``[N, C]``, truth values.
        num_trees: of each forest.
        max_depth: of each tree; None for trees that grow until their leaves are pure.
        seed: of all draws.
        jobs: trees fitted at the same time; None: 1, -1: as many as there are processors. It does not change them.

    Returns:
        A forest of C groups, see `forest_outputs`. A category without positive or without negative examples has
        trees of one leaf.

    Raises:
        DataError: a feature is not finite, or there are no examples.
    """
    from sklearn.ensemble import RandomForestClassifier  # here: a second that only a fit pays

    features, positive = _checked(features, positive)
    groups = []
    for category in range(positive.shape[1]):
        options = {"max_depth": max_depth, "random_state": seed + category, "n_jobs": jobs}
        forest = RandomForestClassifier(num_trees, **options).fit(features, positive[:, category] > 0)
        classes = forest.classes_.tolist()
        column = classes.index(True) if True in classes else None
        # Shares of the classes; counts in scikit-learn before 1.3.
        values = [tree.tree_.value[:, 0] for tree in forest.estimators_]
        shares = [v[:, column] / v.sum(axis=1) if column is not None else np.zeros(len(v)) for v in values]
        groups.append(_nodes(forest, [share[:, None] for share in shares]))
    return _stack(groups)


def fit_regressor(
    features: np.ndarray,
    values: np.ndarray,
    *,
    num_trees: int = 500,
    max_depth: int | None = None,
    seed: int = 0,
    jobs: int | None = None,
) -> dict[str, np.ndarray]:
    """One forest that predicts several values; the arguments as in `fit_classifiers`.

    Args:
        features: ``[N, D]``, finite.
        values: ``[N, K]``, finite.
        num_trees: of the forest.
        max_depth: of each tree.
        seed: of all draws.
        jobs: trees fitted at the same time.

    Returns:
        A forest of one group, see `forest_outputs`.

    Raises:
        DataError: a feature or a value is not finite, or there are no examples.
    """
    from sklearn.ensemble import RandomForestRegressor

    features, values = _checked(features, values)
    options = {"max_depth": max_depth, "random_state": seed, "n_jobs": jobs}
    forest = RandomForestRegressor(num_trees, **options).fit(features, values)
    return _stack([_nodes(forest, [tree.tree_.value[..., 0] for tree in forest.estimators_])])


def forest_outputs(forest: Arrays, features: jax.Array) -> jax.Array:
    """The mean of the trees of each group, traceable.

    Args:
        forest: ``feature``, ``left``, ``right`` int32 and ``threshold`` float32 ``[M]`` of the nodes of all trees
            (`NO_FEATURE` marks a leaf), ``value [M, K]`` float32, ``roots [G, T]`` int32 the first node of each of the
            T trees of G groups, ``depth [deepest]`` zeros, one for each level below the root.
        features: ``[B, D]`` float32, finite.

    Returns:
        ``[B, G, K]`` float32.
    """
    feature, threshold = jnp.asarray(forest["feature"]), jnp.asarray(forest["threshold"])
    left, right, value = (jnp.asarray(forest[name]) for name in ("left", "right", "value"))
    roots = jnp.asarray(forest["roots"])
    features = jnp.asarray(features, jnp.float32)

    def step(_, nodes):
        of_node = feature[nodes]
        values = jnp.take_along_axis(features, jnp.maximum(of_node, 0).reshape(len(features), -1), axis=1)
        goes_left = values.reshape(nodes.shape) <= threshold[nodes]
        return jnp.where(of_node == NO_FEATURE, nodes, jnp.where(goes_left, left[nodes], right[nodes]))

    start = jnp.broadcast_to(roots, (len(features), *roots.shape))
    leaves = jax.lax.fori_loop(0, len(forest["depth"]), step, start)
    return value[leaves].mean(axis=2)


def _checked(features: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    features, targets = np.asarray(features, np.float32), np.asarray(targets)
    if not len(features):
        raise DataError("There are no examples to fit a forest on.")
    for name, values in (("features", features), ("targets", targets)):
        if not (finite := np.isfinite(values).all(axis=1)).all():
            raise DataError(
                f"The {name} of example {int(np.argmin(finite))} are not finite: no tree can split them."
            )
    return features, targets


def _nodes(forest, values: list[np.ndarray]) -> dict[str, np.ndarray]:
    """The nodes of all trees one after another, and where each tree begins."""
    trees = [estimator.tree_ for estimator in forest.estimators_]
    firsts = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]
    leaf = np.concatenate([tree.children_left for tree in trees]) < 0
    own = np.arange(len(leaf))
    places = {
        name: np.where(
            leaf, own, np.concatenate([getattr(t, f"children_{name}") + f for t, f in zip(trees, firsts)])
        )
        for name in ("left", "right")
    }
    return {
        **places,
        "feature": np.where(leaf, NO_FEATURE, np.concatenate([tree.feature for tree in trees])),
        "threshold": np.where(leaf, 0, _floor_float32(np.concatenate([tree.threshold for tree in trees]))),
        "value": np.concatenate(values),
        "roots": firsts,
        "depth": max(tree.max_depth for tree in trees),
    }


def _floor_float32(values: np.ndarray) -> np.ndarray:
    """The largest float32 that is not above each float64: float32 features compare with both in the same way."""
    rounded = values.astype(np.float32)
    above = rounded.astype(np.float64) > values
    return np.where(above, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _stack(groups: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    firsts = np.cumsum([0, *(len(group["feature"]) for group in groups)])[:-1]
    stacked = {name: np.concatenate([g[name] for g in groups]) for name in ("feature", "threshold", "value")}
    moved = {
        name: [group[name] + first for group, first in zip(groups, firsts)]
        for name in ("left", "right", "roots")
    }
    return {
        "feature": stacked["feature"].astype(np.int32),
        "threshold": stacked["threshold"].astype(np.float32),
        "value": stacked["value"].astype(np.float32),
        "left": np.concatenate(moved["left"]).astype(np.int32),
        "right": np.concatenate(moved["right"]).astype(np.int32),
        "roots": np.stack(moved["roots"]).astype(np.int32),
        "depth": np.zeros(max(group["depth"] for group in groups), np.int8),
    }
