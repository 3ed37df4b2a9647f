"""An SVM on the features of trained multi-task networks: thesis 001, table 5.4; spec emotion_gcn.md 2.6.

A row trains one network of table 5.3 as it is; the evaluation then fits the SVM on the training split and
reports both, ``accuracy`` of the softmax and ``svm_accuracy``.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs.affectnet_multitask import VARIANTS as MULTI_TASK
from configs.base import Variant

FAMILY = "emotion_gcn"
DATASET = "AffectNet"


def _on_features_of(network: str, softmax: float, svm: float) -> Variant:
    change = {**MULTI_TASK[network].change, "svm.kernel": "linear", "svm.penalty": 1.0}
    return Variant(change, f"linear SVM on x of {network}", "5.4", {"accuracy": softmax, "svm_accuracy": svm})


VARIANTS = {
    "svm_eight_island": _on_features_of("eight_island_classic", 65.25, 65.71),
    "svm_eight_subclass_k5": _on_features_of("eight_subclass_k5_concat", 65.69, 65.63),
    "svm_ccc_island": _on_features_of("ccc_island_classic", 65.6, 65.69),
    "svm_ccc_subclass_k5": _on_features_of("ccc_subclass_k5_classic", 65.77, 65.8),
}


def get_config(variant: str = "svm_eight_island") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small."""
    return base.apply(base.faces(), VARIANTS, variant, demo_size=base.demo_faces)
