"""Xception and VGG-16 equal Keras' networks (on JAX), read from files that Keras itself writes."""

from __future__ import annotations

import jax
import pytest

from emojax.models.backbones import create_backbone
from emojax.pretrained.convert import import_weights
from tests.models import keras_reference, torch_reference

pytestmark = pytest.mark.parity
DENSENET_STAGES = {
    "stem": "conv1_relu",
    "pool": "pool1",
    "denseblock1": "conv2_block6_concat",
    "features": "bn",
}


@pytest.mark.parametrize(
    ("arch", "name", "ending", "sizes"),
    [
        ("xception", "Xception", "h5", (227, 224, 112)),
        ("xception", "Xception", "keras", (72,)),
        ("vgg16", "VGG16", "keras", (112,)),
        ("densenet121", "DenseNet121", "weights.h5", (112,)),
    ],
)
def test_every_stage_equals_keras(tmp_path, arch, name, ending, sizes):
    model = keras_reference.network(name)
    keras_reference.randomise(model)
    file = tmp_path / f"weights.{ending}"
    model.save_weights(file) if ending == "weights.h5" else model.save(file)
    weights = import_weights(file, arch, with_head=False).weights
    net = create_backbone(arch)
    forward = jax.jit(lambda v, x: net.apply(v, x, train=False))
    stages = {"xception": keras_reference.XCEPTION_STAGES, "vgg16": keras_reference.VGG_STAGES}
    for size in sizes:
        x = torch_reference.images(size)
        theirs = keras_reference.activations(model, stages.get(arch, DENSENET_STAGES), x)
        ours = forward(weights.tree(), x)
        errors = {stage: torch_reference.relative_error(ours[stage], theirs[stage]) for stage in theirs}
        print(f"{arch} at {size} px: largest relative error {max(errors.values()):.1e}")
        assert max(errors.values()) < 1e-4, errors
