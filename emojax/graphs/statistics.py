"""What systems derive from training labels: made by the preparation, by its check, and anew for every fold.

A function takes the columns of the training split and the labels, and returns JSON values for `statistics` of
`dataset.json`. The preparation names its function in `build["statistics"]`, as ``module:function``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from emojax.labels import Labels

DIMENSIONS = ("valence", "arousal")


class Columns(Protocol):
    """`emojax.data.columns.Columns`: values of records by name, and of sequences."""

    num_records: int
    sequences: Mapping[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray: ...


GEOMETRY_COMPONENTS = 64  # that are kept; the configs take 32 of them


def face_statistics(columns: Mapping[str, np.ndarray], labels: Labels) -> dict[str, object]:
    """Statistics of faces, from what labels there are.

    Args:
        columns: of the training split, ``[N]`` each: `label`, or `valence` and `arousal`, or all three; optional:
            `votes` ``[N, C]``.
        labels: C classes.

    Returns:
        As `emojax.graphs.label_graph.label_statistics`. What needs a label that is not there is left out: without
        `label` there is `num_samples` and `sector_counts`, without `valence` and `arousal` there is `num_samples` and
        `counts`. `spearman` is left out where every record has the same valence or the same arousal. With `votes` there
        is `cooccurrence` [C][C], see `emojax.graphs.label_graph.vote_cooccurrence`.
    """
    from emojax.graphs.label_graph import (
        label_statistics,
        vote_cooccurrence,
    )  # scipy: slow to import, and workers do without
    from emojax.graphs.va_plane import SECTOR_COUNTS, sector_labels

    if "label" not in columns:
        valence, arousal = (np.asarray(columns[name]) for name in DIMENSIONS)
        sectors = {n: np.bincount(sector_labels(valence, arousal, n), minlength=n) for n in SECTOR_COUNTS}
        return {
            "num_samples": len(valence),
            "sector_counts": {str(n): c.tolist() for n, c in sectors.items()},
        }
    label, num_classes = np.asarray(columns["label"]), len(labels.classes)
    shared = {"cooccurrence": vote_cooccurrence(columns["votes"]).tolist()} if "votes" in columns else {}
    if "valence" not in columns:
        counts = np.bincount(label, minlength=num_classes).tolist()
        return {"num_samples": len(label), "counts": counts, **shared}
    return label_statistics(label, columns["valence"], columns["arousal"], num_classes) | shared


def people_statistics(columns: Mapping[str, np.ndarray], labels: Labels) -> dict[str, object]:
    """Statistics of people with several categories each.

    Args:
        columns: of the training split: `categories` ``[N, C]`` of zeros and ones; `vad` ``[N, D]`` where there are
            dimensions.
        labels: C classes.

    Returns:
        As `emojax.graphs.cooccurrence.multilabel_statistics`; `conditional` [C][C], share of the people with category i
        who have category j; `labels_per_person`, the mean number of categories.
    """
    from emojax.graphs.cooccurrence import conditional_probability, multilabel_statistics

    categories = columns["categories"].astype(np.int64)
    values = columns["vad"] if "vad" in columns else np.zeros((len(categories), 0))
    statistics = multilabel_statistics(categories, values.astype(np.float64))
    statistics["conditional"] = conditional_probability(np.array(statistics["cooccurrence"])).tolist()
    statistics["labels_per_person"] = float(categories.sum(axis=1).mean())
    return statistics


def body_statistics(columns: Columns, labels: Labels) -> dict[str, object]:
    """Statistics of people in clips, one sequence each.

    Args:
        columns: of the training split: `body_visible` ``[N]`` and `laban` ``[N, F]`` of the frames; `vad` ``[S, 3]``
            and `laban_descriptor` ``[S, D]`` of the sequences. NaN where a feature is missing.
        labels: of the data set.

    Returns:
        `num_samples` S, `num_frames` N, `frames_without_body`, `vad_mean`; `laban_mean`, `laban_std` and the same of
        `laban_descriptor`, where they are there; 0 and 1 where they never are.
    """
    vad = columns.sequences["vad"]
    return {
        "num_samples": len(vad),
        "num_frames": columns.num_records,
        "frames_without_body": int((~columns["body_visible"]).sum()),
        "vad_mean": vad.mean(axis=0, dtype=np.float64).tolist(),
        **_moments("laban", columns["laban"]),
        **_moments("laban_descriptor", columns.sequences["laban_descriptor"]),
    }


def sequence_statistics(columns: Columns, labels: Labels) -> dict[str, object]:
    """Statistics of frames of videos of one expression each (image_sequences spec 1.7).

    Args:
        columns: of the training split: `label` ``[N]`` and `geometry` ``[N, 136]`` of the frames.
        labels: C classes.

    Returns:
        `num_samples` N, `num_videos`, `counts` [C]; `geometry_mean`, `geometry_std` [136]; `geometry_components`
        [K][136], principal components of the standardised geometry, the largest loading of each positive, and
        `geometry_explained` [K], their shares of the variance; K is at most `GEOMETRY_COMPONENTS`. For each column
        NAME`_colour` ``[N, 2, 3]``, mean and mean square of the pixels of a picture, `NAME_mean` and `NAME_std` [3].
    """
    colours = {}
    for name in [name for name in columns if name.endswith("_colour")]:
        mean, square = columns[name].mean(axis=0, dtype=np.float64)
        picture = name.removesuffix("_colour")
        colours[f"{picture}_mean"] = mean.tolist()
        colours[f"{picture}_std"] = np.sqrt(np.maximum(square - mean**2, 1e-6)).tolist()
    moments = _moments("geometry", columns["geometry"])
    standard = (columns["geometry"] - np.array(moments["geometry_mean"])) / np.array(moments["geometry_std"])
    values, vectors = np.linalg.eigh(standard.T @ standard / len(standard))
    components = vectors[:, ::-1].T[:GEOMETRY_COMPONENTS]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    shares = np.maximum(values[::-1], 0) / max(values.sum(), 1e-12)
    return {
        "num_samples": columns.num_records,
        "num_videos": len(columns.layout.starts),
        "counts": np.bincount(columns["label"], minlength=len(labels.classes)).tolist(),
        **colours,
        **moments,
        "geometry_components": (components * np.where(largest < 0, -1, 1)).tolist(),
        "geometry_explained": shares[:GEOMETRY_COMPONENTS].tolist(),
    }


def _moments(name: str, values: np.ndarray) -> dict[str, list[float]]:
    """Mean and standard deviation of each column where it is not missing; 0 and 1 where it always is."""
    there = np.isfinite(values)
    count = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, values, 0).sum(axis=0, dtype=np.float64) / count
    variance = np.where(there, np.square(values - mean), 0).sum(axis=0, dtype=np.float64) / count
    return {
        f"{name}_mean": mean.tolist(),
        f"{name}_std": np.where(variance > 0, np.sqrt(variance), 1).tolist(),
    }


def constant_dimensions(columns: Mapping[str, np.ndarray]) -> Sequence[str]:
    """Those of valence and arousal that are there and the same in every record."""
    return [name for name in DIMENSIONS if name in columns and np.ptp(columns[name]) == 0]
