"""BReG-NeXt-50 at 112 px on AffectNet: thesis 001, table 6.5; spec emotion_gcn.md 2.4.

``python -m data_prep.affectnet --size 112`` makes the data.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs.base import Variant

FAMILY = "emotion_gcn"
DATASET = "AffectNet"

# The backbone ends in BN and ELU, and its average is the feature of every head (spec 2.2).
_BREG = {
    "image_size": 112,
    "data_dir": "data/affectnet_112",
    "pretraining": "none",
    "model.backbone": "breg_next50",
}
_AVERAGE = {"model.pool": "avg", "model.final_relu": False}

VARIANTS = {
    "breg_single": Variant({**_BREG, **_AVERAGE}, "BReG-NeXt-50, single-task", "6.5", {"accuracy": 60.49}),
    "breg_mtl_ccc": Variant(
        {**_BREG, **_AVERAGE, "model.head": "classic", "objective.auxiliary": "ccc"},
        "BReG-NeXt-50, VA by CCC, classic",
        "6.5",
        {"accuracy": 61.14},
    ),
    "breg_emotion_gcn": Variant(
        {**_BREG, **base.EMOTION_GCN, **_AVERAGE}, "BReG-NeXt-50, 300-512-128 GCN", "6.5", {"accuracy": 61.94}
    ),
}


def get_config(variant: str = "breg_emotion_gcn") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small."""
    return base.apply(base.faces(), VARIANTS, variant, demo_size=base.demo_faces)
