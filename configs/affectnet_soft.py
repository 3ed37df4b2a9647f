"""Soft and logit loss on AffectNet: thesis 001, table 3.2; spec emotion_gcn.md 3.2."""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs.base import Variant

FAMILY = "emotion_gcn"
DATASET = "AffectNet"

VARIANTS = {
    "soft_b5": Variant(
        {"objective.soft": "soft", "objective.soft_weight": 0.1, "objective.soft_bins": 5},
        "weighted CE + 0.1 soft loss, 5 bins an axis",
        "3.2",
        {"accuracy": 64.68},
    ),
    "logit_b10": Variant(
        {"objective.soft": "logit", "objective.soft_weight": 1.0, "objective.soft_bins": 10},
        "weighted CE + 1.0 logit loss, 10 bins an axis",
        "3.2",
        {"accuracy": 65.05},
    ),
}


def get_config(variant: str = "soft_b5") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small."""
    return base.apply(base.faces(), VARIANTS, variant, demo_size=base.demo_faces)
