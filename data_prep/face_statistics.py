"""What systems derive from the training labels of faces: made by every preparation, made again by the check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

DIMENSIONS = ("valence", "arousal")


def face_statistics(columns: Mapping[str, np.ndarray], num_classes: int) -> dict[str, object]:
    """The `statistics` of `dataset.json`, from what labels there are.

    Args:
        columns: of the training split, ``[N]`` each: `label`, or `valence` and `arousal`, or all three.
        num_classes: C.

    Returns:
        As `emojax.graphs.label_graph.label_statistics`. What needs a label that is not there is left out: without
        `label` there is `num_samples` and `sector_counts`, without `valence` and `arousal` there is `num_samples` and
        `counts`. `spearman` is left out where every record has the same valence or the same arousal.
    """
    from emojax.graphs.label_graph import label_statistics  # scipy: slow to import, and workers do without
    from emojax.graphs.va_plane import SECTOR_COUNTS, sector_labels

    if "label" not in columns:
        valence, arousal = (np.asarray(columns[name]) for name in DIMENSIONS)
        sectors = {n: np.bincount(sector_labels(valence, arousal, n), minlength=n) for n in SECTOR_COUNTS}
        return {
            "num_samples": len(valence),
            "sector_counts": {str(n): c.tolist() for n, c in sectors.items()},
        }
    label = np.asarray(columns["label"])
    if "valence" not in columns:
        return {"num_samples": len(label), "counts": np.bincount(label, minlength=num_classes).tolist()}
    return label_statistics(label, columns["valence"], columns["arousal"], num_classes)


def constant_dimensions(columns: Mapping[str, np.ndarray]) -> Sequence[str]:
    """Those of valence and arousal that are there and the same in every record."""
    return [name for name in DIMENSIONS if name in columns and np.ptp(columns[name]) == 0]
