"""Late fusion of BoLD's systems: thesis 000, chapter 5, table 5.12; context_emotion spec 2.8 and 9.7.

Nothing is trained: `python -m emojax.combine` takes the outputs of the members.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base, bold
from configs.base import Variant

FAMILY = bold.FAMILY
DATASET = bold.DATASET
COMMAND = "python -m emojax.combine --config {spec} --runs runs --out runs/{name}"
MEMBERS = bold  # config file of the members

# The best system of each modality.
RGB, FLOW, DIFF, SKELETON = (
    *("bold_rgb_bcfsa_emb_pbn", "bold_flow_bcf_emb_pbn"),
    *("bold_diff_bf", "bold_stgcn_spatial_kinetics"),
)
_TSN = (RGB, FLOW, DIFF)
_BOTH = (RGB, FLOW)
_ALL = (RGB, FLOW, SKELETON)

# Name -> members with their weights (of the weighted mean alone), method.
ENSEMBLES: dict[str, tuple[dict[str, float], str]] = {
    "bold_ens_rgb_flow_diff_max": (dict.fromkeys(_TSN, 0.0), "maximum"),
    "bold_ens_rgb_flow_diff_avg": (dict.fromkeys(_TSN, 0.0), "mean"),
    "bold_ens_rgb_flow_max": (dict.fromkeys(_BOTH, 0.0), "maximum"),
    "bold_ens_rgb_flow_avg": (dict.fromkeys(_BOTH, 0.0), "mean"),
    "bold_ens_rgb_flow_stgcn_max": (dict.fromkeys(_ALL, 0.0), "maximum"),
    "bold_ens_rgb_flow_stgcn_avg": (dict.fromkeys(_ALL, 0.0), "mean"),
    "bold_ens_final": (dict(zip(_ALL, (0.4, 0.4, 0.2))), "weighted_mean"),
}


def _fused(note: str, *scores: float) -> Variant:
    return Variant({}, note, "5.12", bold.scores(*scores))


VARIANTS = {
    "bold_ens_rgb_flow_diff_max": _fused("RGB, flow, differences: maximum", 0.2388, 0.0632, 0.1804, 0.6483),
    "bold_ens_rgb_flow_diff_avg": _fused("RGB, flow, differences: mean", 0.2761, 0.1283, 0.1852, 0.6624),
    "bold_ens_rgb_flow_max": _fused("RGB, flow: maximum", 0.2566, 0.0939, 0.1840, 0.6543),
    "bold_ens_rgb_flow_avg": _fused("RGB, flow: mean", 0.2858, 0.1444, 0.1883, 0.6661),
    "bold_ens_rgb_flow_stgcn_max": _fused("RGB, flow, ST-GCN: maximum", 0.2402, 0.0652, 0.1809, 0.6493),
    "bold_ens_rgb_flow_stgcn_avg": _fused("RGB, flow, ST-GCN: mean", 0.2867, 0.1438, 0.1933, 0.6658),
    "bold_ens_final": _fused(
        "RGB, flow, ST-GCN: weights 2 : 2 : 1, the final ensemble", 0.2897, 0.1489, 0.1929, 0.6682
    ),
}


def get_config(variant: str = "bold_ens_final") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` combines small members."""
    named = base.apply(ConfigDict({"name": ""}), VARIANTS, variant, demo_size=lambda config: None).name
    name, _, size = named.partition("@")
    members, method = ENSEMBLES[name]
    small = f"@{size}" if size else ""
    return base.ensemble(named, {f"{member}{small}": weight for member, weight in members.items()}, method)
