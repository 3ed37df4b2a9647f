"""The Emotion-GCN thesis on Aff-Wild2: thesis 001, tables 6.1 and 6.3; spec emotion_gcn.md 1.4 and 5.

Frames that carry both labels, the data set's own 112 px crops; ``python -m data_prep.affwild2`` makes them.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs.base import Variant

FAMILY = "emotion_gcn"
DATASET = "Aff-Wild2"

VARIANTS = {
    "aw2_single": Variant({}, "single-task expression", "6.1", {"aff_wild2_score": 45.06}),
    "aw2_va_single": Variant(
        {
            "model.head": "va_single",
            "objective.expression": "none",
            "objective.auxiliary": "ccc",
            "monitor": "ccc_mean",
        },
        "valence and arousal alone, CCC loss",
        "6.3",
        {"ccc_valence": 0.416, "ccc_arousal": 0.501},
    ),
    "aw2_mtl_mse": Variant(
        {"model.head": "classic", "objective.auxiliary": "mse"},
        "VA by MSE, classic",
        "6.1, 6.3",
        {"aff_wild2_score": 43.1, "ccc_valence": 0.435, "ccc_arousal": 0.378},
    ),
    "aw2_mtl_ccc": Variant(
        {"model.head": "classic", "objective.auxiliary": "ccc"},
        "VA by CCC, classic",
        "6.1, 6.3",
        {"aff_wild2_score": 43.33, "ccc_valence": 0.408, "ccc_arousal": 0.481},
    ),
    "aw2_emotion_gcn": Variant(
        base.EMOTION_GCN,
        "Emotion-GCN, label graph of the Aff-Wild2 training frames",
        "6.1, 6.3",
        {"aff_wild2_score": 48.92, "ccc_valence": 0.457, "ccc_arousal": 0.514},
    ),
}


def get_config(variant: str = "aw2_emotion_gcn") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small."""
    config = base.faces()
    config.preparation, config.data_dir = "affwild2", "data/affwild2"
    config.fold_by = "video"
    config.image_size = 112
    config.align = ""  # the crops come aligned
    config.monitor = "aff_wild2_score"
    config.objective.expression = "unweighted"
    return base.apply(config, VARIANTS, variant, demo_size=base.demo_faces)
