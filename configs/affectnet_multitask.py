"""Multi-task learning on AffectNet: thesis 001, tables 5.1-5.3; spec emotion_gcn.md 2.5, 3.10-3.15, 5.1."""

from __future__ import annotations

from typing import Any

from ml_collections import ConfigDict

from configs import base
from configs.affectnet_metric import ISLAND, subclass
from configs.base import Variant

FAMILY = "emotion_gcn"
DATASET = "AffectNet"


def multi_task(fusion: str, auxiliary: str) -> dict[str, Any]:
    """Changes of a config that add a second task: ccc, mse, half_mse or half_bce."""
    return {"model.head": fusion, "objective.auxiliary": auxiliary}


def regions(fusion: str, number: int) -> dict[str, Any]:
    """Changes of a config that add the classification of 4, 8 or 12 regions of the valence-arousal plane."""
    return {**multi_task(fusion, "regions"), "objective.regions": number}


def _on_eight(sampler: str, expression: str, region: str) -> dict[str, Any]:
    """A row of table 5.2: the Eight model with concat fusion under another sampler and other losses."""
    losses = {"objective.expression": expression, "objective.region_loss": region}
    return {**regions("concat", 8), "sampler": sampler, **losses}


def _row(change: dict[str, Any], note: str, accuracy: float, table: str = "5.1") -> Variant:
    return Variant(change, note, table, {"accuracy": accuracy})


_AUXILIARY_TASKS = {
    "mtl_mse_classic": Variant(
        multi_task("classic", "mse"),
        "VA by MSE, classic",
        "5.1, 6.1, 6.3",
        {"accuracy": 64.8, "ccc_valence": 0.752, "ccc_arousal": 0.572},
    ),
    "mtl_mse_concat": _row(multi_task("concat", "mse"), "VA by MSE, concat", 64.74),
    "mtl_ccc_classic": Variant(
        multi_task("classic", "ccc"),
        "VA by CCC, classic",
        "5.1, 6.1, 6.3",
        {"accuracy": 65.63, "ccc_valence": 0.768, "ccc_arousal": 0.651},
        reprinted={"6.1": {"accuracy": 65.69}},
    ),
    "mtl_ccc_concat": _row(multi_task("concat", "ccc"), "VA by CCC, concat", 65.43),
    "mtl_ccc_separate": _row(multi_task("separate", "ccc"), "VA by CCC, separate", 65.2),
    "mtl_half_mse": _row(multi_task("concat", "half_mse"), "two regions by MSE, concat", 64.89),
    "mtl_half_bce": _row(multi_task("concat", "half_bce"), "two regions by BCE, concat", 65.26),
    "mtl_quarter_classic": _row(regions("classic", 4), "4 regions, classic", 65.14),
    "mtl_quarter_concat": _row(regions("concat", 4), "4 regions, concat", 65.63),
    "mtl_eight_classic": _row(regions("classic", 8), "8 regions, classic", 65.86),
    "mtl_eight_concat": _row(regions("concat", 8), "8 regions, concat", 65.97, "5.1, 5.2"),
    "mtl_eight_separate": _row(regions("separate", 8), "8 regions, separate", 65.43),
    "mtl_twelve_concat": _row(regions("concat", 12), "12 regions, concat", 65.11),
    "mtl_mask": Variant(multi_task("mask", "mask"), "eye and mouth mask; no number in the thesis"),
}

# Table 5.2: sampler, loss of the expressions, loss of the regions, accuracy. Row 1 is mtl_eight_concat.
_TABLE_5_2 = {
    "eight_exprsampler_wce_wce": ("expression", "weighted", "weighted", 60.74),
    "eight_agesampler": ("age", "weighted", "weighted", 62.86),
    "eight_exprsampler_ce_wce": ("expression", "unweighted", "weighted", 62.77),
    "eight_exprsampler_ce_ce": ("expression", "unweighted", "unweighted", 62.43),
    "eight_focal_wce": ("none", "focal", "weighted", 64.0),
    "eight_focal_focal": ("none", "focal", "focal", 64.74),
}
_SAMPLERS_AND_FOCAL = {
    name: _row(
        _on_eight(sampler, expression, region),
        f"8 regions, sampler {sampler}, {expression} loss of expressions, {region} of regions",
        accuracy,
        "5.2",
    )
    for name, (sampler, expression, region, accuracy) in _TABLE_5_2.items()
}

# Table 5.3: (name of the task, metric term) -> accuracy by fusion.
_TASKS = {
    "ccc": ("VA by CCC", lambda fusion: multi_task(fusion, "ccc")),
    "eight": ("8 regions", lambda fusion: regions(fusion, 8)),
}
_METRICS = {
    "island": ("island loss", ISLAND),
    "subclass_k3": ("local subclass loss, 3 centres", subclass(3)),
    "subclass_k5": ("local subclass loss, 5 centres", subclass(5)),
}
_TABLE_5_3 = {
    ("ccc", "island"): {"classic": 65.6, "concat": 65.57},
    ("ccc", "subclass_k3"): {"concat": 64.89},
    ("ccc", "subclass_k5"): {"classic": 65.77, "concat": 65.43, "separate": 65.71},
    ("eight", "island"): {"classic": 65.25, "concat": 65.2},
    ("eight", "subclass_k3"): {"concat": 64.86},
    ("eight", "subclass_k5"): {"classic": 64.37, "concat": 65.69, "separate": 65.69},
}


def _combined(task: str, term: str, fusion: str, accuracy: float) -> Variant:
    (task_note, change), (term_note, term_change) = _TASKS[task], _METRICS[term]
    return _row({**change(fusion), **term_change}, f"{task_note} + {term_note}, {fusion}", accuracy, "5.3")


_WITH_METRIC = {
    f"{task}_{term}_{fusion}": _combined(task, term, fusion, accuracy)
    for (task, term), row in _TABLE_5_3.items()
    for fusion, accuracy in row.items()
}

VARIANTS = {**_AUXILIARY_TASKS, **_SAMPLERS_AND_FOCAL, **_WITH_METRIC}


def get_config(variant: str = "mtl_ccc_classic") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small."""
    return base.apply(base.faces(), VARIANTS, variant, demo_size=base.demo_faces)
