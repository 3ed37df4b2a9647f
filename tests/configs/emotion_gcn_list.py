"""The list of spec emotion_gcn 9: names and reported values, as printed there."""

from __future__ import annotations

import functools
import importlib
import pathlib

from emojax.catalogue import catalogue

ROOT = pathlib.Path(__file__).resolve().parents[2]

# name -> reported accuracy in percent (Aff-Wild2: score in percent), CCC of valence and of arousal, or None.
SYSTEMS: dict[str, tuple] = {
    "base8_r50": (47.8,),
    "base8_r50_w": (53.2,),
    "base8_r50_w_pt": (55.4,),
    "base8_dn_w_pt": (57.3,),
    "base8_dn_align": (59.5,),
    "base8_dn_full": (61.4,),
    "base7": (64.37,),
    "soft_b5": (64.68,),
    "logit_b10": (65.05,),
    "center": (64.37,),
    "center_local": (64.77,),
    "island": (65.11,),
    "island_eucl_m2": (65.05,),
    "island_eucl_m5": (65.06,),
    "subclass": (None,),
    "subclass_m_k2": (64.43,),
    "subclass_m_k3": (64.43,),
    "subclass_m_k5": (65.26,),
    "subclass_m_k10": (65.29,),
    "va_center_v": (64.11,),
    "va_center_a": (64.6,),
    "va_center": (64.91,),
    "contrastive": (None,),
    "mtl_mse_classic": (64.8, 0.752, 0.572),
    "mtl_mse_concat": (64.74,),
    "mtl_ccc_classic": (65.63, 0.768, 0.651),
    "mtl_ccc_concat": (65.43,),
    "mtl_ccc_separate": (65.2,),
    "mtl_half_mse": (64.89,),
    "mtl_half_bce": (65.26,),
    "mtl_quarter_classic": (65.14,),
    "mtl_quarter_concat": (65.63,),
    "mtl_eight_classic": (65.86,),
    "mtl_eight_concat": (65.97,),
    "mtl_eight_separate": (65.43,),
    "mtl_twelve_concat": (65.11,),
    "mtl_mask": (None,),
    "eight_exprsampler_wce_wce": (60.74,),
    "eight_agesampler": (62.86,),
    "eight_exprsampler_ce_wce": (62.77,),
    "eight_exprsampler_ce_ce": (62.43,),
    "eight_focal_wce": (64,),
    "eight_focal_focal": (64.74,),
    "ccc_island_classic": (65.6,),
    "ccc_island_concat": (65.57,),
    "ccc_subclass_k3_concat": (64.89,),
    "ccc_subclass_k5_classic": (65.77,),
    "ccc_subclass_k5_concat": (65.43,),
    "ccc_subclass_k5_separate": (65.71,),
    "eight_island_classic": (65.25,),
    "eight_island_concat": (65.2,),
    "eight_subclass_k3_concat": (64.86,),
    "eight_subclass_k5_classic": (64.37,),
    "eight_subclass_k5_concat": (65.69,),
    "eight_subclass_k5_separate": (65.69,),
    "svm_eight_island": (65.71,),
    "svm_eight_subclass_k5": (65.63,),
    "svm_ccc_island": (65.69,),
    "svm_ccc_subclass_k5": (65.8,),
    "va_single": (None, 0.761, 0.628),
    "emotion_gcn": (66.46, 0.767, 0.649),
    "emotion_gcn_code": (66.46,),
    "emotion_gcn_tau": (66.46,),
    "emotion_gcn_p": (66.46,),
    "emotion_gcn_condprob": (66.23,),
    "breg_single": (60.49,),
    "breg_mtl_ccc": (61.14,),
    "breg_emotion_gcn": (61.94,),
    "aw2_single": (45.06,),
    "aw2_va_single": (None, 0.416, 0.501),
    "aw2_mtl_mse": (43.1, 0.435, 0.378),
    "aw2_mtl_ccc": (43.33, 0.408, 0.481),
    "aw2_emotion_gcn": (48.92, 0.457, 0.514),
    "karate_demo": (None,),
}


@functools.cache
def rows() -> dict[str, dict]:
    """The catalogue's rows of this thesis by name."""
    return {row["name"]: row for row in catalogue(ROOT / "configs") if row["family"] == "emotion_gcn"}


def load(name: str, size: str = ""):
    """A fresh config of a system of the list; size is empty or ``@demo``."""
    stem = pathlib.Path(rows()[name]["spec"].split(":")[0]).stem
    return importlib.import_module(f"configs.{stem}").get_config(name + size)
