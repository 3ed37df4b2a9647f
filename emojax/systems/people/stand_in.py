"""EMOTIC without records, for counting parameters and timing bare steps."""

from __future__ import annotations

import numpy as np

from emojax.data.recipe import Feature, Recipe
from emojax.labels import EMOTIC_LABELS
from emojax.models.pose_nets import POSE_SIZE
from emojax.models.streams import NUM_ATTRIBUTES, NUM_SCENES

_NUM_TRAIN = 16_652  # 70 percent of the 23,788 people of the 2017 release (context_emotion spec 1.3)
_PEOPLE = 32


def stand_in(config) -> Recipe:
    """Shapes and sizes of EMOTIC.

    Its label counts were not published: they are equal here and no label goes with another, so nothing may be
    trained on it.
    """
    labels, size = EMOTIC_LABELS, config.image_size
    image, scalar = Feature("image", (size, size, 3), "raw"), Feature("float")
    features = {
        "context": image,
        "body": image,
        "face": image,
        "depth": Feature("image", (size, size), "raw"),
        "body_box": Feature("float", (4,)),
        "pose": Feature("float", (POSE_SIZE,)),
        "scene_scores": Feature("float", (NUM_SCENES,)),
        "attribute_scores": Feature("float", (NUM_ATTRIBUTES,)),
        "people_boxes": Feature("float", (_PEOPLE, 4)),
        "face_valid": scalar,
        "pose_valid": scalar,
        "categories": Feature("float", (len(labels.classes),)),
        "vad": Feature("float", (len(labels.dimensions),)),
    }
    statistics = {
        "num_samples": _NUM_TRAIN,
        "cooccurrence": np.eye(len(labels.classes), dtype=int).tolist(),
        "counts": [1] * len(labels.classes),
    }
    return Recipe("EMOTIC (shapes only)", labels, features, statistics, origin=config.data_dir)
