"""Single-task networks on AffectNet: thesis 001, tables 3.1 and 6.3; spec emotion_gcn.md sections 2-5, 7."""

from __future__ import annotations

from typing import Any

from ml_collections import ConfigDict

from configs import base
from configs.base import Variant

FAMILY = "emotion_gcn"
DATASET = "AffectNet"

# Table 3.1 from row to row: each adds one thing to the row above.
_R50 = {
    "num_classes": 8,
    "data_dir": "data/affectnet8_unaligned",
    "align": "none",
    "augment": "none",
    "pretraining": "none",
    "model.backbone": "resnet50",
    "objective.expression": "unweighted",
}
_R50_W = _R50 | {"objective.expression": "weighted"}
_R50_W_PT = _R50_W | {"pretraining": "imagenet"}
_DN_W_PT = _R50_W_PT | {"model.backbone": "densenet121"}
_DN_ALIGN = _DN_W_PT | {"align": "rotate_crop", "data_dir": "data/affectnet8"}
_DN_FULL = _DN_ALIGN | {"augment": "full"}


def _row(change: dict[str, Any], note: str, accuracy: float) -> Variant:
    return Variant(change, f"8-way: {note}", "3.1", {"accuracy": accuracy})


VARIANTS = {
    "base8_r50": _row(_R50, "ResNet-50 from scratch, plain CE, not aligned, no augmentation", 47.8),
    "base8_r50_w": _row(_R50_W, "ResNet-50 from scratch + weighted CE", 53.2),
    "base8_r50_w_pt": _row(_R50_W_PT, "ResNet-50, weighted CE + ImageNet weights", 55.4),
    "base8_dn_w_pt": _row(_DN_W_PT, "DenseNet-121 instead of ResNet-50", 57.3),
    "base8_dn_align": _row(_DN_ALIGN, "DenseNet-121 + alignment", 59.5),
    "base8_dn_full": _row(_DN_FULL, "DenseNet-121, alignment + augmentation", 61.4),
    "base7": Variant(
        {}, "best baseline: 7-way DenseNet-121, weighted CE", "3.1, 3.2, 4.1, 5.1, 6.1", {"accuracy": 64.37}
    ),
    "va_single": Variant(
        {
            "model.head": "va_single",
            "objective.expression": "none",
            "objective.auxiliary": "ccc",
            "monitor": "ccc_mean",
        },
        "valence and arousal alone, CCC loss",
        "6.3",
        {"ccc_valence": 0.761, "ccc_arousal": 0.628},
    ),
}


def get_config(variant: str = "base7") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small."""
    return base.apply(base.faces(), VARIANTS, variant, demo_size=base.demo_faces)
