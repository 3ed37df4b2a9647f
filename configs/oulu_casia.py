"""Expressions in image sequences on OULU-CASIA: thesis 004, section 7.3; image_sequences spec 8."""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs import sequences as seq

FAMILY = seq.FAMILY
DATASET = "OULU-CASIA"

VARIANTS = {
    "oulu6_cnn_face": seq.variant(seq.FACE, "CNN, Face", "7.6", 0.238636),
}


def get_config(variant: str = "oulu6_cnn_face") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small."""
    config = seq.sequences()
    config.task, config.preparation, config.data_dir = "oulu6", "oulu_casia", "data/oulu_casia"
    return base.apply(config, VARIANTS, variant, demo_size=seq.demo_sequences)
