"""Expressions in image sequences on SASE-FE: thesis 004, sections 7.1 and 7.2; image_sequences spec 8."""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs import sequences as seq

FAMILY = seq.FAMILY
DATASET = "SASE-FE"

_12 = {"task": "sase12"}


def _face(head: str, **change) -> dict:
    return {**seq.FACE, **change, "model.head": head}


VARIANTS = {
    "sase6_cnn_face_unfrozen_flat": seq.variant(
        {**seq.UNFROZEN, **_face("flat")}, "nothing frozen, no pooling, no dense layer", "7.1", 0.284269
    ),
    "sase6_cnn_face_first_fc3": seq.variant(
        {**seq.FIRST_FROZEN, **_face("fc3")}, "first layers frozen, 3 FC, no pooling", "7.1", 0.197020
    ),
    "sase6_cnn_face_frozen_fc3": seq.variant(_face("fc3"), "convolutions frozen, 3 FC", "7.1", 0.428151),
    "sase6_cnn_face_frozen_gap_fc3": seq.variant(_face("gap_fc3"), "average pooling, 3 FC", "7.1", 0.420702),
    "sase6_cnn_face_frozen_gmp_fc3": seq.variant(
        _face("gmp_fc3"), "max pooling, 3 FC: the reference", "7.1", 0.437561
    ),
    "sase6_cnn_face_frozen_flat": seq.variant(_face("flat"), "no pooling, no dense layer", "7.1", 0.425015),
    "sase6_cnn_face_frozen_gap": seq.variant(
        _face("gap"), "average pooling, no dense layer", "7.1", 0.422662
    ),
    "sase6_cnn_face_frozen_gmp": seq.variant(_face("gmp"), "max pooling, no dense layer", "7.1", 0.431092),
    "sase12_cnn_face": seq.variant({**_12, **seq.FACE}, "CNN, Face", "7.4", 0.280677),
}


def get_config(variant: str = "sase6_cnn_face_frozen_gmp_fc3") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small."""
    return base.apply(seq.sequences(), VARIANTS, variant, demo_size=seq.demo_sequences)
