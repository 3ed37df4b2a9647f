"""Face networks for people in context: thesis 000, l.6756-6760 and l.7264; context_emotion spec 5, 9.1."""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs.base import Variant

FAMILY = "emotic"
DATASET = "AffectNet"

VARIANTS = {
    "affectnet_r18": Variant(
        {}, "ResNet-18, 8 classes and valence / arousal", "", {"accuracy": 58.16, "aae": 0.164}
    ),
    "affectnet_r50": Variant(
        {"model.backbone": "resnet50", "optimizer.learning_rate": 5e-5},
        "ResNet-50, 8 classes and valence / arousal",
        "",
        {"accuracy": 60.16, "aae": 0.140},
    ),
}


def get_config(variant: str = "affectnet_r18") -> ConfigDict:
    """Config of one of `VARIANTS`: Adam, 20 epochs of batches of 64, cross-entropy and smooth L1."""
    config = base.faces()
    config.data_dir = "data/affectnet8_224"
    config.num_classes = 8
    config.image_size = 224
    config.batch_size = 64
    config.eval_batch_size = 64
    config.num_epochs = 20
    config.augment = "none"
    config.model.backbone = "resnet18"
    config.model.head = "classic"
    config.objective.expression = "unweighted"
    config.objective.auxiliary = "smooth_l1"
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 1e-5
    config.optimizer.weight_decay = 1e-5
    return base.apply(config, VARIANTS, variant, demo_size=base.demo_faces)
