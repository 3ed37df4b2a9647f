"""Finished expression networks of others become model folders: mini-Xception (Keras), face-api's network (tfjs)."""

from __future__ import annotations

import hashlib
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from emojax.data.recipe import Feature, Recipe
from emojax.engine.model_folder import write_model
from emojax.engine.restored import Restored
from emojax.errors import CheckpointError
from emojax.files import parse_json, read_bytes
from emojax.labels import Labels
from emojax.models.expression_nets import NETS
from emojax.pretrained import keras_names
from emojax.pretrained.layouts import flatten, unflatten
from emojax.pretrained.readers import read_file

_MANIFEST = "-weights_manifest.json"
_TYPES = {
    "float32": np.dtype("<f4"),
    "int32": np.dtype("<i4"),
    "uint8": np.dtype("u1"),
    "uint16": np.dtype("<u2"),
}


def import_expression(file: pathlib.Path, folder: pathlib.Path) -> str:
    """Writes the model folder of a file: ``*.hdf5`` of mini-Xception, or face-api's ``*-weights_manifest.json``.

    Returns:
        Name of the network.

    Raises:
        CheckpointError: the file is damaged, or holds another network.
    """
    name = "face_api" if file.name.endswith(_MANIFEST) else "mini_xception"
    net = NETS[name]()
    example = jnp.zeros((1, net.image_size, net.image_size, 3), jnp.uint8)
    shapes = jax.eval_shape(lambda: net.init(jax.random.key(0), example))
    shapes = {path: leaf.shape for path, leaf in flatten(shapes).items()}
    read = _from_tfjs if name == "face_api" else _from_keras
    found = read(file, shapes)
    for path, shape in shapes.items():
        if path not in found or found[path].shape != shape:
            there = found[path].shape if path in found else "nothing"
            raise CheckpointError(f"{file} is no {name}: {path} needs {shape}, it has {there}.")
    write_model(folder, _restored(name, net, unflatten({p: found[p] for p in shapes}), file))
    return name


def _from_keras(file: pathlib.Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    tensors = read_file(file).tensors
    names = keras_names.keras_tensors(keras_names.own_names, shapes)
    return {p: t.layout.from_source(tensors[t.name]) for p, t in names.items() if t.name in tensors}


def _from_tfjs(file: pathlib.Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    found = {}
    for name, value in _read_tfjs(file).items():
        *modules, last = name.split("/")
        if last in ("filters", "weights"):
            path = [*modules, "kernel"]
        elif last == "depthwise_filter":
            path, value = [*modules, "depthwise", "kernel"], value.transpose(0, 1, 3, 2)
        elif last == "pointwise_filter":
            path = [*modules, "pointwise", "kernel"]
        else:
            own = "/".join(("params", *modules, "bias")) in shapes
            path = [*modules, "bias"] if own else [*modules, "pointwise", "bias"]
        found["/".join(("params", *path))] = value
    return found


def _read_tfjs(file: pathlib.Path) -> dict[str, np.ndarray]:
    """Tensors of a weights manifest of TensorFlow.js; quantised ones become ``q * scale + min``."""
    manifest = parse_json(
        read_bytes(file, error=CheckpointError), list, what=str(file), error=CheckpointError
    )
    tensors = {}
    try:
        for group in manifest:
            paths = [pathlib.PurePosixPath(p).name for p in group["paths"]]
            data = b"".join(read_bytes(file.parent / path, error=CheckpointError) for path in paths)
            start = 0
            for weight in group["weights"]:
                packed = weight.get("quantization")
                kind = _TYPES[packed["dtype"] if packed else weight["dtype"]]
                count = math.prod(weight["shape"])
                values = np.frombuffer(data, kind, count, start).astype(np.float32)
                start += count * kind.itemsize
                if packed:
                    values = values * np.float32(packed["scale"]) + np.float32(packed["min"])
                tensors[weight["name"]] = values.reshape(weight["shape"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"{file} is no weights manifest of TensorFlow.js that can be read: {error}."
        ) from error
    return tensors


def _restored(name: str, net, variables: dict[str, Any], file: pathlib.Path) -> Restored:
    labels, size = Labels(net.classes), net.image_size
    features = {"image": Feature("image", (size, size, 3), "raw"), "label": Feature("int")}
    recipe = Recipe(name, labels, features, {}, {"align": "none", "box_margin": net.box_margin})
    config = {
        "name": name,
        "family": "ready",
        "preparation": "folder",
        "data_dir": "data/own",
        "seed": 0,
        "precision": "float32",
        "num_classes": 0,
        "image_size": size,
        "batch_size": 32,
        "eval_batch_size": 32,
        "model": {"net": name},
        "run": {"threads": 0, "deterministic": False},
    }
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    meta = {
        "config": config,
        "recipe": recipe.to_json(),
        "dataset": {"name": name, "content_hash": ""},
        "initialised_from": {"network": {"file": file.name, "arch": name, "sha256": digest[:16]}},
        "notes": ["weights of others, imported whole"],
        "total_steps": 0,
        "monitor": {"metric": "accuracy", "direction": "larger", "value": None},
    }
    return Restored(0, 0, variables, meta, file)
