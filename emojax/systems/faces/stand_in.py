"""AffectNet without records: published counts and shapes, for counting parameters and timing steps."""

from __future__ import annotations

import numpy as np

from emojax.data.recipe import Feature, Recipe
from emojax.graphs.affectnet import AFFECTNET_SPEARMAN, AFFECTNET_TRAIN_COUNTS
from emojax.graphs.va_plane import HISTOGRAM_BINS, SECTOR_COUNTS
from emojax.labels import affectnet_labels


def stand_in(config) -> Recipe:
    """AffectNet as published (emotion_gcn spec 1.2, 4.4), without records.

    Class counts and, for 7 classes, the label correlations are the published ones. The distribution over the
    valence / arousal plane was never published: it is uniform here, so nothing may be trained on it.
    """
    classes = config.num_classes or 7  # 0: those of the data, which are not there
    labels = affectnet_labels(classes)
    counts = AFFECTNET_TRAIN_COUNTS[:classes]
    size = config.image_size
    correlation = AFFECTNET_SPEARMAN if classes == 7 else np.eye(classes + 2)
    statistics = {
        "num_samples": sum(counts),
        "counts": list(counts),
        "spearman": correlation.tolist(),
        "va_histogram": {str(b): np.ones((b, b, len(counts)), int).tolist() for b in HISTOGRAM_BINS},
        "sector_counts": {str(n): [1] * n for n in SECTOR_COUNTS},
        "class_mean_va": [[0.0, 0.0]] * len(counts),
    }
    features = {
        "image": Feature("image", (size, size, 3), "raw"),
        "label": Feature("int", (), ""),
        "valence": Feature("float", (), ""),
        "arousal": Feature("float", (), ""),
        "age": Feature("float", (), ""),
        "face_mask": Feature("image", (56, 56), "raw"),
    }
    return Recipe("AffectNet (published counts)", labels, features, statistics, origin=config.data_dir)
