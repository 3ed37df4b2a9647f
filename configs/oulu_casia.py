"""Expressions in image sequences on OULU-CASIA: thesis 004, section 7.3; image_sequences spec 8."""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs import sequences as seq

FAMILY = seq.FAMILY
DATASET = "OULU-CASIA"

_ON_CNN = {"needs": "oulu6_cnn_frontal"}

VARIANTS = {
    "oulu6_cnn_face": seq.variant(seq.FACE, "CNN, Face", "7.6, 7.9", 0.238636),
    "oulu6_cnn_frontal": seq.variant(seq.FRONTAL, "CNN, Frontalization", "7.6, 7.8", 0.265909),
    "oulu6_two_stream": seq.variant(seq.TWO_STREAM, "two streams", "7.6, 7.8", 0.273791),
    "oulu6_cnn_geometry": seq.variant(
        seq.GEOMETRY, "Frontalization and geometry", "7.6, 7.8, 7.10", 0.441153
    ),
    "oulu6_c3d": seq.variant(seq.C3D, "C3D from scratch", "7.7, 7.8", 0.200000),
    "oulu6_lstm_features": seq.variant(
        {**_ON_CNN, **seq.LSTM_FEATURES}, "LSTM on 100 components of fc7", "7.7", 0.206225
    ),
    "oulu6_lstm_image": seq.variant(
        {**_ON_CNN, **seq.LSTM_IMAGE}, "CNN and LSTM, end to end", "7.7, 7.8", 0.220997
    ),
    "oulu6_gru_features": seq.variant(
        {**_ON_CNN, **seq.GRU_FEATURES}, "GRU on 100 components of fc7", "7.7", 0.179770
    ),
    "oulu6_gru_image": seq.variant(
        {**_ON_CNN, **seq.GRU_IMAGE}, "CNN and GRU, end to end", "7.7, 7.8", 0.224146
    ),
    # Without a number in the thesis.
    "oulu6_cnn_soft": seq.variant(seq.FRONTAL_SOFT, "CNN, soft symmetry"),
    "oulu6_geometry_only": seq.variant(seq.GEOMETRY_ONLY, "geometry alone"),
    "oulu6_c3d_sports1m": seq.variant(seq.C3D_SPORTS1M, "C3D from Sports-1M weights"),
    "oulu6_c3d_uniform": seq.variant({**seq.C3D, **seq.UNIFORM}, "C3D, 5 frames spread over the window"),
    "oulu6_gru_features_uniform": seq.variant(
        {**_ON_CNN, **seq.GRU_FEATURES, **seq.UNIFORM}, "GRU, 5 frames spread over the window"
    ),
    "oulu6_gru_features_one_layer": seq.variant(
        {**_ON_CNN, **seq.GRU_FEATURES, **seq.ONE_LAYER}, "GRU of one layer and two dense layers"
    ),
    "oulu6_gru_features_fc7_linear": seq.variant(
        {**_ON_CNN, **seq.GRU_FEATURES, "model.feature": "fc7_linear"}, "GRU on fc7 before its ReLU"
    ),
    "oulu6_cnn_frontal_cv10": seq.variant(
        {**seq.FRONTAL, "fold": "1/10"}, "the first of ten folds: set fold=K/10"
    ),
}


def get_config(variant: str = "oulu6_cnn_face") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small, ``VARIANT@keras2018`` trains as Keras did."""
    config = seq.sequences()
    config.task, config.preparation, config.data_dir = "oulu6", "oulu_casia", "data/oulu_casia"
    return base.apply(config, VARIANTS, variant, demo_size=seq.demo_sequences, recipes=seq.RECIPES)
