"""Expressions in image sequences on SASE-FE: thesis 004, sections 7.1 and 7.2; image_sequences spec 8."""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs import sequences as seq

FAMILY = seq.FAMILY
DATASET = "SASE-FE"

_12 = {"task": "sase12"}
_ON_CNN = {**_12, "needs": "sase12_cnn_frontal"}


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
    "sase6_cnn_frontal_soft": seq.variant(seq.FRONTAL_SOFT, "soft symmetry", "7.2", 0.454692),
    "sase6_cnn_frontal": seq.variant(seq.FRONTAL, "no symmetry", "7.2", 0.594999),
    "sase6_two_stream": seq.variant(seq.TWO_STREAM, "Face and Frontalization", "7.3", 0.583234),
    "sase12_cnn_face": seq.variant({**_12, **seq.FACE}, "CNN, Face", "7.4", 0.280677),
    "sase12_cnn_frontal": seq.variant({**_12, **seq.FRONTAL}, "CNN, Frontalization", "7.4, 7.8", 0.286630),
    "sase12_two_stream": seq.variant({**_12, **seq.TWO_STREAM}, "two streams", "7.4, 7.8", 0.320647),
    "sase12_cnn_geometry": seq.variant(
        {**_12, **seq.GEOMETRY}, "Frontalization and geometry", "7.4, 7.8", 0.299450
    ),
    "sase12_c3d": seq.variant({**_12, **seq.C3D}, "C3D from scratch", "7.5, 7.8", 0.128125),
    "sase12_lstm_features": seq.variant(
        {**_ON_CNN, **seq.LSTM_FEATURES}, "LSTM on 100 components of fc7", "7.5, 7.8", 0.159200
    ),
    "sase12_lstm_image": seq.variant(
        {**_ON_CNN, **seq.LSTM_IMAGE}, "CNN and LSTM, end to end", "7.5", 0.148684
    ),
    "sase12_gru_features": seq.variant(
        {**_ON_CNN, **seq.GRU_FEATURES}, "GRU on 100 components of fc7", "7.5, 7.8", 0.183311
    ),
    "sase12_gru_image": seq.variant({**_ON_CNN, **seq.GRU_IMAGE}, "CNN and GRU, end to end", "7.5", 0.084134),
    # Without a number in the thesis.
    "sase12_cnn_soft": seq.variant({**_12, **seq.FRONTAL_SOFT}, "CNN, soft symmetry"),
    "sase6_geometry_only": seq.variant(seq.GEOMETRY_ONLY, "geometry alone"),
    "sase12_geometry_only": seq.variant({**_12, **seq.GEOMETRY_ONLY}, "geometry alone"),
    "sase12_c3d_sports1m": seq.variant({**_12, **seq.C3D_SPORTS1M}, "C3D from Sports-1M weights"),
    "sase12_c3d_uniform": seq.variant(
        {**_12, **seq.C3D, **seq.UNIFORM}, "C3D, 5 frames spread over the window"
    ),
    "sase12_gru_features_uniform": seq.variant(
        {**_ON_CNN, **seq.GRU_FEATURES, **seq.UNIFORM}, "GRU, 5 frames spread over the window"
    ),
    "sase12_gru_features_one_layer": seq.variant(
        {**_ON_CNN, **seq.GRU_FEATURES, **seq.ONE_LAYER}, "GRU of one layer and two dense layers"
    ),
    "sase12_gru_features_fc7_linear": seq.variant(
        {**_ON_CNN, **seq.GRU_FEATURES, "model.feature": "fc7_linear"}, "GRU on fc7 before its ReLU"
    ),
}


def get_config(variant: str = "sase6_cnn_face_frozen_gmp_fc3") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small, ``VARIANT@keras2018`` trains as Keras did."""
    return base.apply(seq.sequences(), VARIANTS, variant, demo_size=seq.demo_sequences, recipes=seq.RECIPES)
