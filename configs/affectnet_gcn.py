"""Emotion-GCN on AffectNet: thesis 001, chapter 6; spec emotion_gcn.md sections 4-5."""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs.base import Variant

DATASET = "AffectNet"
_PUBLISHED = {"accuracy": 66.46, "ccc_valence": 0.767, "ccc_arousal": 0.649}

VARIANTS = {
    "emotion_gcn": Variant(
        {}, "thesis recipe: 300-512-1024 GCN, tau 0.1, p 0.7, weighted CE + CCC", "6.1, 6.3", _PUBLISHED
    ),
    "code_parity": Variant(
        {
            "model.gcn.transpose": True,
            "model.gcn.p": 0.5,
            "augment": "code",
            "objective.ccc_bias_parity": True,
        },
        "as the authors' public code: transposed A'', p 0.5, flip and rotation only",
        "6.1",
        {"accuracy": 66.46},
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
            "data_dir": "data/synthetic_affectnet",
            "image_size": 64,
            "batch_size": 32,
            "eval_batch_size": 100,
            "num_epochs": 12,
            "augment": "full",
            "model.backbone": "densenet_tiny",
            "optimizer.learning_rate": 0.02,
            "optimizer.weight_decay": 0.0005,
            "optimizer.schedule": "cosine",
            "optimizer.warmup_epochs": 0.5,
            "run.checkpoint_every_steps": 200,
        },
        "tiny DenseNet on drawn faces of 64 px: minutes on a CPU",
    ),
}


def get_config(variant: str = "emotion_gcn") -> ConfigDict:
    """Config of one of `VARIANTS`."""
    config = base.faces()
    config.model.pool = "max"  # over the 7 x 7 map of norm5, without ReLU (spec 2.2)
    config.model.final_relu = False
    config.model.head = "gcn"
    config.model.gcn = ConfigDict()
    config.model.gcn.layers = 2
    config.model.gcn.hidden = 512
    config.model.gcn.tau = 0.1
    config.model.gcn.p = 0.7
    config.model.gcn.tau_literal = False
    config.model.gcn.transpose = False
    config.model.gcn.category_block = "none"  # none, va_soft: edges between expressions (spec 4.10)
    config.model.gcn.word_vectors = ""  # GloVe text file, e.g. glove.6B.300d.txt; empty: built-in 50-d GloVe
    config.objective.auxiliary = "ccc"
    return base.apply(config, VARIANTS, variant)
