"""Two-dimensional maps of learned features."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import pathlib
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from emojax.report import style


@dataclasses.dataclass(frozen=True)
class FeatureSet:
    """Features of one network and, for metric losses, its class centres.

    Attributes:
        features: ``[N, D]``, the vectors x before the head.
        labels: ``[N]`` int.
        centres: ``[K, D]``, class centres or sub-centres.
        centre_labels: ``[K]`` int, class of each centre.
    """

    features: np.ndarray
    labels: np.ndarray
    centres: np.ndarray | None = None
    centre_labels: np.ndarray | None = None


def embed(points: np.ndarray, *, seed: int = 0) -> tuple[np.ndarray, str]:
    """Neighbour-preserving map to two dimensions: UMAP where umap-learn is installed, else t-SNE.

    Args:
        points: ``[N, D]`` finite; with fewer than 10 points a projection on principal axes is all there is.
        seed: of the map.

    Returns:
        (``[N, 2]`` float, name of the method).
    """
    points = np.asarray(points, np.float64)
    if len(points) < 10:
        return _principal_axes(points, 2), "principal axes"
    points = _principal_axes(points, 50)
    if importlib.util.find_spec("umap"):
        with warnings.catch_warnings():
            # Classes far apart are what one hopes for, not a fault of the graph.
            warnings.simplefilter("ignore")
            import umap

            return umap.UMAP(random_state=seed, n_jobs=1).fit_transform(points), "UMAP"
    return _tsne(points, seed), "t-SNE"


def tsne(points: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """t-SNE of ``[N, D]`` points, perplexity 30: ``[N, 2]``; a projection on principal axes below 10 points."""
    points = np.asarray(points, np.float64)
    if len(points) < 10:
        return _principal_axes(points, 2)
    return _tsne(_principal_axes(points, 50), seed)


def _tsne(points: np.ndarray, seed: int) -> np.ndarray:
    """Of points on their principal axes."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(30.0, (len(points) - 1) / 3)
    init = points[:, :2] / max(points[:, 0].std(), 1e-12) * 1e-4  # scikit-learn's own "pca" scaling
    with threadpool_limits(1):  # its threads wait for each other in a busy loop when others use the machine
        return TSNE(perplexity=perplexity, init=init, random_state=seed).fit_transform(points)


def feature_figure(
    path: str | pathlib.Path,
    sets: Mapping[str, FeatureSet],
    names: Sequence[str],
    *,
    limit: int = 2000,
    seed: int = 0,
    title: str = "Feature space",
) -> pathlib.Path:
    """One map a network, coloured by class, centres as squares (thesis 001, figs 4.2.2, 4.3.2, 4.3.3).

    Args:
        path: PNG to write.
        sets: panel title -> features. Rows that are not finite are left out.
        names: C class names.
        limit: at most so many samples a panel, drawn at random: the map takes time.
        seed: of the draw and of the map.
        title: of the whole figure; the method is added.
    """
    columns = max(len(sets), 1)
    width = max(4.3 * columns, 6.0)
    legend_columns = min(len(names), int(width / 1.5)) or 1
    legend_rows = math.ceil(len(names) / legend_columns)
    with style.figure(path, width, 4.9 + 0.18 * legend_rows) as fig:
        axes = fig.subplots(1, columns, squeeze=False)[0]
        methods: list[str] = []
        for ax, (panel, one) in zip(axes, sets.items()):
            methods.append(_draw_map(ax, panel, one, limit, seed))
        if not sets:
            style.say_empty(axes[0])
        handles = [
            axes[0].plot(
                [], [], style.marker(c), color=style.colour(c), label=style.shorten(style.capital(n))
            )[0]
            for c, n in enumerate(names)
        ]
        fig.legend(handles=handles, loc="outside lower center", ncols=legend_columns)
        how = ", ".join(dict.fromkeys(methods))
        style.heading(fig, f"{title} ({how})" if how else title)
    return pathlib.Path(path)


def _draw_map(ax: Axes, panel: str, one: FeatureSet, limit: int, seed: int) -> str:
    features, labels = style.finite_rows(one.features, one.labels)
    kept = np.random.default_rng(seed).permutation(len(labels))[:limit]
    features, labels = features[kept], labels[kept].astype(int)
    centres = np.zeros((0, features.shape[1])) if one.centres is None else np.asarray(one.centres, np.float64)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[["top", "right"]].set_visible(True)
    ax.set_box_aspect(1)
    style.titled(ax, style.shorten(panel, 32), style.count(len(labels)))
    if not len(labels):
        style.say_empty(ax)
        return ""
    points, method = embed(np.concatenate([features, centres]), seed=seed)
    for c in np.unique(labels):
        mine = points[: len(labels)][labels == c]
        ax.scatter(*mine.T, 9, style.colour(c), marker=style.marker(c), alpha=0.55, linewidths=0)
    for point, c in zip(points[len(labels) :], [] if one.centre_labels is None else one.centre_labels):
        ax.plot(*point, "s", color=style.colour(int(c)), markersize=9, markeredgecolor="black", zorder=4)
    return method


def _principal_axes(points: np.ndarray, dimensions: int) -> np.ndarray:
    """Coordinates ``[N, dimensions]`` on the leading axes; zeros where the data has fewer."""
    if not len(points):
        return np.zeros((0, dimensions))
    centred = points - points.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    coordinates = (u * s)[:, :dimensions]
    return np.pad(coordinates, ((0, 0), (0, dimensions - coordinates.shape[1])))
