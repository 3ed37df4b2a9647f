"""How arrays are laid out in the sources and in our variables, and variables by path."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Layout:
    """How an array of a source becomes ours, and back. Wrong shapes are left to the caller's comparison."""

    from_source: Callable[[np.ndarray], np.ndarray]
    to_source: Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class SourceTensor:
    """Name and layout, in a source, of one of our variables."""

    name: str
    layout: Layout


SAME = Layout(lambda x: x, lambda x: x)
TRANSPOSED = Layout(np.transpose, np.transpose)
# torch OIHW, ours HWIO, and OITHW, THWIO; also depthwise, (C, 1, H, W) and (H, W, 1, C)
TORCH_CONV = Layout(
    lambda x: x.transpose(*range(2, x.ndim), 1, 0) if x.ndim >= 4 else x,
    lambda x: x.transpose(-1, -2, *range(x.ndim - 2)),
)
# Keras (H, W, C, 1), ours (H, W, 1, C)
KERAS_DEPTHWISE = Layout(
    lambda x: x.transpose(0, 1, 3, 2) if x.ndim == 4 else x, lambda x: x.transpose(0, 1, 3, 2)
)
# torch [1], ours a scalar
ONE_NUMBER = Layout(lambda x: x.reshape(()) if x.size == 1 else x, lambda x: x.reshape(1))


def torch_dense_after_map(channels: int) -> Layout:
    """A dense layer on a flattened square map: inputs in (C, H, W) order in torch, (H, W, C) in ours."""

    def from_source(x: np.ndarray) -> np.ndarray:
        side = round((x.shape[-1] / channels) ** 0.5)
        if x.ndim != 2 or side * side * channels != x.shape[1]:
            return np.transpose(x)
        return x.reshape(-1, channels, side, side).transpose(2, 3, 1, 0).reshape(x.shape[1], -1)

    def to_source(x: np.ndarray) -> np.ndarray:
        side = round((x.shape[0] / channels) ** 0.5)
        return x.reshape(side, side, channels, -1).transpose(3, 2, 0, 1).reshape(-1, x.shape[0])

    return Layout(from_source, to_source)


def flatten(tree: Mapping, prefix: Sequence[str] = ()) -> dict:
    """Nested variables -> leaves by path, e.g. ``params/conv0/kernel``."""
    flat = {}
    for key, value in tree.items():
        path = (*prefix, key)
        flat.update(flatten(value, path) if isinstance(value, Mapping) else {"/".join(path): value})
    return flat


def unflatten(flat: Mapping) -> dict:
    """Leaves by path -> nested variables."""
    tree: dict = {}
    for path, value in flat.items():
        *modules, leaf = path.split("/")
        node = tree
        for module in modules:
            node = node.setdefault(module, {})
        node[leaf] = value
    return tree
