"""Metric learning on AffectNet: thesis 001, table 4.1; spec emotion_gcn.md 3.3-3.9.

lambda 0.1 and the margins are the thesis's; lambda1 and alpha are not given there (defaults of the spec).
"""

from __future__ import annotations

from typing import Any

from ml_collections import ConfigDict

from configs import base
from configs.base import Variant

FAMILY = "emotion_gcn"
DATASET = "AffectNet"


def metric(name: str, **options: Any) -> dict[str, Any]:
    """Changes of a config that add a metric-learning term."""
    return {"objective.metric.name": name, **{f"objective.metric.{k}": v for k, v in options.items()}}


ISLAND = metric("island", lambda1=10.0)


def subclass(sub_centres: int) -> dict[str, Any]:
    """The local subclass loss with margin 0.5."""
    return metric("subclass_margin", sub_centres=sub_centres, margin=0.5, lambda1=0.01)


def _island_euclidean(margin: float) -> dict[str, Any]:
    return metric("island_euclidean", margin=margin, lambda1=0.01)


def _va_centre(use: str) -> dict[str, Any]:
    return metric("va_centre", va_use=use)


def _contrastive(pairs: str) -> dict[str, Any]:
    return metric("contrastive", margin=5.0, pairs=pairs)


def _row(change: dict[str, Any], note: str, accuracy: float) -> Variant:
    return Variant(change, note, "4.1", {"accuracy": accuracy})


VARIANTS = {
    "center": _row(metric("centre"), "centre loss", 64.37),
    "center_local": _row(metric("centre_local"), "centre loss on the batch's class means", 64.77),
    "island": _row(ISLAND, "island loss", 65.11),
    "island_eucl_m2": _row(_island_euclidean(2.0), "Euclidean island loss, margin 2", 65.05),
    "island_eucl_m5": _row(_island_euclidean(5.0), "Euclidean island loss, margin 5", 65.06),
    "subclass": Variant(metric("subclass", sub_centres=5), "local subclass loss, no margin (figure 4.3.3)"),
    "subclass_m_k2": _row(subclass(2), "local subclass loss with margin, 2 centres a class", 64.43),
    "subclass_m_k3": _row(subclass(3), "local subclass loss with margin, 3 centres a class", 64.43),
    "subclass_m_k5": _row(subclass(5), "local subclass loss with margin, 5 centres a class", 65.26),
    "subclass_m_k10": _row(subclass(10), "local subclass loss with margin, 10 centres a class", 65.29),
    "va_center_v": _row(_va_centre("valence"), "centre local loss weighted by valence", 64.11),
    "va_center_a": _row(_va_centre("arousal"), "centre local loss weighted by arousal", 64.6),
    "va_center": _row(_va_centre("both"), "centre local loss weighted by valence and arousal", 64.91),
    "contrastive": Variant(_contrastive("both"), "contrastive loss; no number in the thesis"),
    "contrastive_pos": Variant(_contrastive("positive"), "contrastive loss, pairs of one class only"),
    "contrastive_neg": Variant(_contrastive("negative"), "contrastive loss, pairs of different classes only"),
}


def get_config(variant: str = "island") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small."""
    return base.apply(base.faces(), VARIANTS, variant, demo_size=base.demo_faces)
