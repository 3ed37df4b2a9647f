"""Face systems on your own pictures; ``python -m data_prep.folder`` prepares them.

Classes, and whether there are valence and arousal, are those of the data. A system that needs what they lack says so.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs.base import Variant

FAMILY = "own"
DATASET = "your own pictures"

_METRIC = "objective.metric.name"
VARIANTS = {
    "own_single": Variant({}, "classes alone, weighted cross-entropy"),
    "own_plain": Variant({"objective.expression": "unweighted"}, "classes alone, plain cross-entropy"),
    "own_focal": Variant({"objective.expression": "focal"}, "classes alone, focal loss"),
    **{
        f"own_{name}": Variant({_METRIC: name}, f"classes by cross-entropy and the metric loss {name}")
        for name in ("centre", "centre_local", "island", "subclass", "contrastive")
    },
    "own_va": Variant(
        {
            "model.head": "va_single",
            "objective.expression": "none",
            "objective.auxiliary": "ccc",
            "monitor": "ccc_mean",
        },
        "valence and arousal alone, CCC loss",
    ),
    "own_mtl": Variant(
        {"model.head": "classic", "objective.auxiliary": "ccc"}, "classes, valence and arousal together"
    ),
    "own_emotion_gcn": Variant(
        base.EMOTION_GCN, "Emotion-GCN: a label graph from the correlations of classes, valence and arousal"
    ),
    "own_emotion_gcn_classes": Variant(
        {**base.EMOTION_GCN, "objective.auxiliary": "none", "model.gcn.category_block": "cooccurrence"},
        "Emotion-GCN without valence and arousal: a label graph from labels that occur together, or from a file",
    ),
}


def get_config(variant: str = "own_single") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small."""
    config = base.faces()
    config.preparation, config.data_dir = "folder", "data/own"
    config.num_classes = 0  # those of the data
    config.image_size = 112
    config.align = ""  # as prepared
    config.pretraining = "none"
    return base.apply(config, VARIANTS, variant, demo_size=base.demo_faces)
