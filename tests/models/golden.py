"""Weights that every machine can make alike, and the few activations that are compared.

``scripts/make_golden_activations.py`` runs them through torchvision and Keras once; the tests run them
through ours, also where neither is installed.
"""

from __future__ import annotations

import pathlib
import zlib
from collections.abc import Mapping

import numpy as np

FILE = pathlib.Path(__file__).with_name("golden_activations.npz")
SAMPLES = 48  # values kept of each stage
# backbone -> image size, an odd one where the network takes it
SIZES = {
    "densenet121": 75,
    "resnet18": 75,
    "resnet50": 75,
    "vgg16_bn": 75,
    "wide_resnet18_places": 75,
    "xception": 75,
    "breg_next50": 32,
    "cnn_m": 75,
}


def variables(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Non-trivial weights and running statistics by path, from NumPy's frozen legacy generator."""
    return {path: _values(path, shape) for path, shape in shapes.items()}


def _values(path: str, shape: tuple[int, ...]) -> np.ndarray:
    random = np.random.RandomState(zlib.crc32(path.encode()))
    leaf = path.rsplit("/", 1)[1]
    if leaf == "kernel":
        values = random.standard_normal(shape) * (2 / np.prod(shape[:-1])) ** 0.5
    elif leaf in ("scale", "var"):
        values = random.uniform(0.5, 1.5, shape)
    else:
        values = random.uniform(-0.3, 0.3, shape)
    return values.astype(np.float32)


def image(size: int) -> np.ndarray:
    """``[1, size, size, 3]``, standard normal."""
    return np.random.RandomState(0).standard_normal((1, size, size, 3)).astype(np.float32)


def sample(stage: str, activation: np.ndarray) -> np.ndarray:
    """`SAMPLES` values of a stage, at places that its name fixes, and its largest absolute value."""
    flat = np.asarray(activation, np.float32).ravel()
    places = np.random.RandomState(zlib.crc32(stage.encode())).randint(0, flat.size, SAMPLES)
    return np.append(flat[places], np.abs(flat).max())
