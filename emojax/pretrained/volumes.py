"""C3D trained on Sports-1M (Tran et al., ICCV 2015; image_sequences spec 2.5)."""

from __future__ import annotations

import flax.linen as nn

from emojax.models.c3d import C3D
from emojax.pretrained import keras_names, torch_names
from emojax.pretrained.architecture import SPORTS1M_BGR, Architecture, Published

_TERMS = "terms of the weights not known; ask their publisher"


def volume_networks() -> tuple[Architecture, ...]:
    """C3D with its 487 sports."""
    return (
        Architecture(
            "c3d",
            torch_names.c3d,
            {"torch": SPORTS1M_BGR, "keras": SPORTS1M_BGR},
            (
                Published(
                    "C3D for Caffe, Sports-1M",
                    "https://github.com/facebookarchive/C3D (conv3d_deepnetA_sport1m_iter_1900000)",
                    _TERMS,
                    321.0,
                ),
                Published(
                    "C3D for torch", "https://github.com/DavideA/c3d-pytorch (c3d.pickle)", _TERMS, 320.0
                ),
                Published(
                    "C3D for Keras",
                    "https://github.com/axon-research/c3d-keras (sports1M_weights_tf.h5, written by its converter)",
                    _TERMS,
                    320.0,
                ),
            ),
            image_size=112,
            num_classes=487,
            heads=("head", "fc8"),
            first_conv="conv1a",
            keras=keras_names.c3d,
            input_shape=(16, 112, 112, 3),
            network=_build,
            known_by=("conv3a.weight", "conv3b.weight", "fc6.weight"),
            config="configs/sasefe.py:sase12_c3d_sports1m",
        ),
    )


def _build(num_classes: int) -> tuple[nn.Module, dict]:
    return C3D(dense=num_classes > 0, num_classes=num_classes), {}
