"""Keras' networks on JAX: the same weights as ours, and their stage activations."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")
if keras.backend.backend() != "jax":
    pytest.skip("Keras runs on another backend in this process", allow_module_level=True)

# our stage -> Keras layer
XCEPTION_STAGES = {
    "block1": "block1_conv2_act",
    **{f"block{i}": layer for i, layer in zip((2, 3, 4), ("add", "add_1", "add_2"), strict=True)},
    **{f"block{i}": f"add_{i - 2}" for i in range(5, 14)},
    "features": "block14_sepconv2_act",
}
VGG_STAGES = {**{f"pool{i}": f"block{i}_pool" for i in range(1, 5)}, "features": "block5_pool"}


@functools.lru_cache(maxsize=1)
def network(name: str):
    """Without its classifier, layers numbered from the start, random weights."""
    keras.backend.clear_session()
    return getattr(keras.applications, name)(weights=None, include_top=False, input_shape=(None, None, 3))


def randomise(model, seed: int = 0) -> None:
    """Non-trivial scales, shifts and running statistics."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            ranges = ((0.5, 1.5), (-0.3, 0.3), (-0.3, 0.3), (0.5, 1.5))
            shape = layer.get_weights()[0].shape
            layer.set_weights([rng.uniform(*r, shape) for r in ranges])
        elif len(layer.get_weights()) == 2 and layer.get_weights()[1].ndim == 1:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, rng.uniform(-0.1, 0.1, bias.shape)])


def activations(model, stages: Mapping[str, str], images: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs of named layers, NHWC."""
    outputs = {stage: model.get_layer(layer).output for stage, layer in stages.items()}
    part = keras.Model(model.inputs, outputs)
    return {stage: np.asarray(value) for stage, value in part(images, training=False).items()}


def xception_activations(weights: Mapping[str, np.ndarray], images: np.ndarray) -> dict[str, np.ndarray]:
    """Keras' Xception with our weights by path."""
    model = network("Xception")
    for path, value in weights.items():
        _, module, *inner, leaf = path.split("/")
        variable = _xception_layer(model, module)
        index = {"depthwise": 0, "pointwise": 1}.get(inner[0] if inner else "")
        if index is None:
            index = {"kernel": 0, "scale": 0, "bias": 1, "mean": 2, "var": 3}[leaf]
        value = value.transpose(0, 1, 3, 2) if "depthwise" in inner else value
        variable.weights[index].assign(value)
    return activations(model, XCEPTION_STAGES, images)


def _xception_layer(model, module: str):
    """Keras numbers the shortcuts in the order of the blocks."""
    numbers = {"block2": "", "block3": "_1", "block4": "_2", "block13": "_3"}
    block, _, rest = module.partition("_")
    if not rest.startswith("shortcut"):
        return model.get_layer(module)
    kind = "batch_normalization" if rest.endswith("_bn") else "conv2d"
    return model.get_layer(f"{kind}{numbers[block]}")
