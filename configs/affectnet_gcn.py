"""Emotion-GCN on AffectNet: thesis 001, chapter 6; spec emotion_gcn.md sections 4-5."""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs.base import Variant

FAMILY = "emotion_gcn"
DATASET = "AffectNet"
_PUBLISHED = {"accuracy": 66.46, "ccc_valence": 0.767, "ccc_arousal": 0.649}

# Table 6.2: accuracy by number of layers L; at p 0.7 for each tau, at tau 0.1 for each p. The scan is damaged
# at L 1, tau 0.05 (53.85 is possible).
_TAUS, _PS = (0.0, 0.05, 0.1, 0.15), (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
_BY_TAU = {
    1: (53.09, 43.85, 53.71, 54.94),
    2: (65.29, 65.31, 66.46, 65.69),
    3: (65.77, 64.94, 64.74, 65.74),
}
_BY_P = {
    1: (49.6, 50.94, 52.57, 52.66, 52.86, 53.71, 59.31),
    2: (65.71, 66.14, 65.29, 66.29, 66.09, 66.46, 65.06),
    3: (65.29, 65.54, 65.89, 66.09, 65.54, 64.74, 65.83),
}


def _cell(layers: int, tau: float, p: float, accuracy: float) -> tuple[str, Variant]:
    change = {"model.gcn.layers": layers, "model.gcn.tau": tau, "model.gcn.p": p}
    note = f"cell of table 6.2: L {layers}, tau {tau:g}, p {p:g}"
    return f"gcn_l{layers}_tau{tau:g}_p{p:g}", Variant(change, note, "6.2", {"accuracy": accuracy})


_TAU_CELLS = dict(_cell(n, tau, 0.7, a) for n, row in _BY_TAU.items() for tau, a in zip(_TAUS, row))
_P_CELLS = dict(_cell(n, 0.1, p, a) for n, row in _BY_P.items() for p, a in zip(_PS, row))

# The 30 distinct runs of both sweeps; the column tau 0.1 of one is the column p 0.7 of the other.
CELLS = {**_TAU_CELLS, **_P_CELLS}

VARIANTS = {
    "emotion_gcn": Variant(
        {}, "thesis recipe: 300-512-1024 GCN, tau 0.1, p 0.7, weighted CE + CCC", "6.1, 6.3", _PUBLISHED
    ),
    "emotion_gcn_code": Variant(
        {
            "model.gcn.transpose": True,
            "model.gcn.p": 0.5,
            "augment": "code",
            "objective.ccc_bias_parity": True,
        },
        "as the authors' public code (it claims 66.46): transposed A'', p 0.5, flip and rotation only",
        published={"accuracy": 66.46},
    ),
    "emotion_gcn_tau": Variant(
        {},
        "sweep of tau and L at p 0.7; this name is L 2, tau 0.1",
        "6.2",
        {"accuracy": 66.46},
        cells=tuple(_TAU_CELLS),
    ),
    "emotion_gcn_p": Variant(
        {},
        "sweep of p and L at tau 0.1; this name is L 2, p 0.7",
        "6.2",
        {"accuracy": 66.46},
        cells=tuple(_P_CELLS),
    ),
    "emotion_gcn_condprob": Variant(
        {"model.gcn.category_block": "va_soft"},
        "edges between expressions from conditional probabilities (thesis l.1728)",
        "6.4.3",
        {"accuracy": 66.23},
    ),
    "emotion_gcn_shuffled": Variant(
        {"model.gcn.shuffle_seed": 1},
        "control: the nodes of the label graph have changed places; not in the thesis",
    ),
    "fast": Variant(
        {
            "precision": "bfloat16",
            "batch_size": 256,
            "eval_batch_size": 250,
            "optimizer.learning_rate": 0.001 * 256 / 35,  # linear scaling
            "optimizer.warmup_epochs": 1.0,
        },
        "bfloat16, batches of 256, learning rate scaled with the batch: for one modern GPU",
    ),
    "demo": Variant(
        {
            **base.DEMO_RECIPE,
            "data_dir": "data/synthetic_affectnet",
            "model.backbone": "densenet_tiny",
            "num_epochs": 16,  # ten reach 90 to 96 %, as rounding has it
            # Accuracy is learned first: of 700 faces it may choose an epoch before valence and arousal are.
            "monitor": "ccc_mean",
        },
        "tiny DenseNet on synthetic faces of 64 px: minutes on a CPU",
    ),
}
_OTHER_NAMES = {"code_parity": "emotion_gcn_code"}


def get_config(variant: str = "emotion_gcn") -> ConfigDict:
    """Config of one of `VARIANTS` or `CELLS`; ``VARIANT@demo`` is small."""
    config = base.faces()
    config.update_from_flattened_dict(base.EMOTION_GCN)
    name, at, size = variant.partition("@")
    return base.apply(
        config, {**VARIANTS, **CELLS}, _OTHER_NAMES.get(name, name) + at + size, demo_size=base.demo_faces
    )
