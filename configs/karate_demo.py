"""The karate club in an untrained 3-layer GCN: thesis 001, figure 6.1.1; spec emotion_gcn.md 4.3, 8."""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs.base import Variant

FAMILY = "emotion_gcn"
DATASET = "Zachary's karate club (built in)"
COMMAND = "python -m emojax.systems.karate --config {spec} --out runs/{name}"

VARIANTS = {"karate_demo": Variant({}, "untrained 3-layer GCN with X = I (figure 6.1.1)")}


def get_config(variant: str = "karate_demo") -> ConfigDict:
    """Config of the one variant."""
    config = ConfigDict()
    config.name = ""
    config.family = "karate"
    config.seed = 0
    config.widths = (16, 16, 2)  # not given in the thesis
    return base.apply(config, VARIANTS, variant)
