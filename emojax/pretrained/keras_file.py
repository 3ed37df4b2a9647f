"""Reads the weights of Keras files (.h5 of any version, .keras, .weights.h5) with h5py alone."""

from __future__ import annotations

import collections
import io
import json
import math
import pathlib
import re
import zipfile
from collections.abc import Iterator, Sequence

import h5py
import numpy as np

from emojax.errors import CheckpointError

# What a variable's name ends with, over all versions of Keras -> one name. Keras 1 called the running
# variance `running_std`, though it was the variance.
_VARIABLES = (
    (r"depthwise_kernel", "depthwise_kernel"),
    (r"pointwise_kernel", "pointwise_kernel"),
    (r"kernel|W", "kernel"),
    (r"bias|b", "bias"),
    (r"gamma", "gamma"),
    (r"beta", "beta"),
    (r"moving_mean|running_mean", "moving_mean"),
    (r"moving_variance|running_std", "moving_variance"),
)


def is_keras_zip(path: pathlib.Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return "model.weights.h5" in archive.namelist()


def read_keras_zip(path: pathlib.Path) -> dict[str, np.ndarray]:
    """``layer/variable -> array`` of a ``.keras`` file; layers of nested models have their own names."""
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
        weights = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(weights, "r") as file:
        return _unique(_read_layers(file, config))


def read_h5(path: pathlib.Path) -> dict[str, np.ndarray]:
    """``layer/variable -> array`` of a ``.h5`` file; layers of nested models have their own names.

    Raises:
        CheckpointError: it holds no Keras weights, or weights without the names of their layers.
    """
    with h5py.File(path, "r") as file:
        if "layers" in file:
            return _unique(_read_layers(file, None))
        root = file.get("model_weights", file)
        if "layer_names" not in root.attrs and "layer_names0" not in root.attrs:
            raise CheckpointError("it is an HDF5 file, but not one that Keras wrote (no layer_names)")
        return _unique(_read_legacy(root))


def _read_legacy(root: h5py.Group) -> Iterator[tuple[str, np.ndarray]]:
    """Keras 1 and 2: a group for each top-level layer, with the names of its weights in order."""
    for layer in _names(root, "layer_names"):
        weights = _names(root[layer], "weight_names")
        scopes = {w.rsplit("/", 1)[0] for w in weights if "/" in w}
        for weight in weights:
            # Several scopes: a nested model. One scope is the layer, at times with a session's suffix.
            name = weight.rsplit("/", 1)[0].removeprefix(f"{layer}/") if len(scopes) > 1 else layer
            yield f"{name}/{_variable(weight)}", _array(root[layer][weight])


def _names(group: h5py.Group, attribute: str) -> list[str]:
    """A list attribute, which Keras splits into numbered parts when it is long."""
    parts = [attribute] if attribute in group.attrs else []
    while f"{attribute}{len(parts)}" in group.attrs:
        parts.append(f"{attribute}{len(parts)}")
    values = [v for part in parts for v in group.attrs[part]]
    return [v.decode() if isinstance(v, bytes) else str(v) for v in values]


def _variable(weight: str) -> str:
    stem = re.sub(r"(:\d+)?$", "", weight.rsplit("/", 1)[-1])
    stem = re.sub(r"_\d+$", "", stem)
    for pattern, name in _VARIABLES:
        if re.search(rf"(^|_)({pattern})$", stem):
            return name
    return stem


def _read_layers(group: h5py.Group, config: dict | None) -> Iterator[tuple[str, np.ndarray]]:
    """Keras 3: groups named by class and count; a layer's name is an attribute or in the model's config."""
    names = _config_names(config) if config else {}
    for key, layer in group.get("layers", {}).items():
        variables = layer.get("vars", {})
        name, nested = names.get(key, (None, None))
        name = getattr(variables, "attrs", {}).get("name", name)
        arrays = [_array(variables[k]) for k in sorted(variables, key=int)]
        if arrays and name is None:
            raise CheckpointError(
                "it holds weights without the names of their layers (an early Keras 3 .weights.h5); save the "
                "model as .keras or .h5 instead"
            )
        for variable, array in zip(_variable_names(arrays), arrays, strict=True):
            yield f"{name}/{variable}", array
        yield from _read_layers(layer, nested)


def _config_names(config: dict) -> dict[str, tuple[str, dict | None]]:
    """Group name -> (layer name, nested model's config); a group is a class in snake case and a count."""
    counts: collections.Counter[str] = collections.Counter()
    names = {}
    for layer in config["config"].get("layers", []):
        key = re.sub(r"\W+", "", layer["class_name"])
        key = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", key)
        key = re.sub(r"([a-z])([A-Z])", r"\1_\2", key).lower()
        group = f"{key}_{counts[key]}" if counts[key] else key
        counts[key] += 1
        names[group] = layer["config"]["name"], layer if "layers" in layer["config"] else None
    return names


def _variable_names(arrays: Sequence[np.ndarray]) -> Sequence[str]:
    """Names of the variables of a Keras 3 layer, which are stored by number."""
    dimensions = [a.ndim for a in arrays]
    if dimensions == [1, 1, 1, 1]:
        return "gamma", "beta", "moving_mean", "moving_variance"
    if dimensions[:2] == [4, 4]:
        return ("depthwise_kernel", "pointwise_kernel", "bias")[: len(arrays)]
    if dimensions in ([], [2], [4], [2, 1], [4, 1]):
        return ("kernel", "bias")[: len(arrays)]
    return [f"variable{i}" for i in range(len(arrays))]


def _array(dataset: h5py.Dataset) -> np.ndarray:
    """The numbers of a dataset; one that claims far more than the whole file could hold is damaged."""
    claimed = math.prod(dataset.shape) * dataset.dtype.itemsize  # h5py's own count overflows
    if claimed > _LARGEST_RATIO * dataset.file.id.get_filesize():
        raise CheckpointError(f"its dataset {dataset.name} claims {claimed:,} bytes")
    return np.asarray(dataset)


_LARGEST_RATIO = 100  # of what is stored to the file that holds it, compressed


def _unique(items: Iterator[tuple[str, np.ndarray]]) -> dict[str, np.ndarray]:
    result: dict[str, np.ndarray] = {}
    for name, array in items:
        if name in result:
            raise CheckpointError(f"two of its layers have the name {name.rsplit('/', 1)[0]!r}")
        result[name] = array
    return result
