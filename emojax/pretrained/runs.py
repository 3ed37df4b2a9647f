"""Weights of a trained run (a work directory of `emojax.train`): its best checkpoint, parameters and statistics."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Mapping

import numpy as np

from emojax.engine.model_folder import is_model
from emojax.engine.restore import FOLDER, Restored, read_variables
from emojax.errors import CheckpointError
from emojax.models.constants import CONSTANTS
from emojax.pretrained.architecture import IMAGENET
from emojax.pretrained.catalogue import architecture, architectures
from emojax.pretrained.convert import abstract_shapes
from emojax.pretrained.layouts import flatten
from emojax.pretrained.native import Weights, load_weights


def is_run(path: str | pathlib.Path) -> bool:
    """Whether a folder holds a run, or the model of one that was exported."""
    return (pathlib.Path(path) / FOLDER).is_dir() or is_model(path)


def read_weights(workdir: str | pathlib.Path) -> tuple[Restored, dict[str, np.ndarray]]:
    """The best checkpoint of a run, and what of its variables is trained or measured.

    Returns:
        The checkpoint, and its parameters and statistics by path, e.g. ``params/backbone/conv0/kernel``; not the
        constants, which belong to the data of the run.

    Raises:
        CheckpointError: there is no finished checkpoint, or it is damaged, or its training had failed: an array is not
            finite.
    """
    restored = read_variables(workdir)
    variables = flatten({k: v for k, v in restored.variables.items() if k != CONSTANTS})
    for name, value in variables.items():
        if np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
            raise CheckpointError(
                f"{restored.where} is of no use: {name} holds NaN or infinity. Name another run, or train it again."
            )
    return restored, variables


def fingerprint(variables: Mapping[str, np.ndarray]) -> str:
    """sha256 of the values, names and shapes of variables, hexadecimal."""
    digest = hashlib.sha256()
    for path in sorted(variables):
        digest.update(f"{path} {variables[path].shape} {variables[path].dtype}\n".encode())
        digest.update(np.ascontiguousarray(variables[path]).tobytes())
    return digest.hexdigest()


def load_any(path: str | pathlib.Path, *, part: str = "backbone", arch: str | None = None) -> Weights:
    """Weights of a file of emojax, or of one part of a run.

    Args:
        path: file, or work directory.
        part: of a run: module path of the part.
        arch: of a run: the part's architecture; what the run's config says when None.

    Raises:
        CheckpointError: the run has no such part; tells those that it has. The part has another architecture.
    """
    if not is_run(path):
        return load_weights(path)
    restored, variables = read_weights(path)
    chosen = _subtree(variables, part)
    if not chosen:
        parts = sorted({"/".join(k.split("/")[1:-1][:1]) for k in variables})
        raise CheckpointError(f"The network of {path} has no part {part!r}; it has {', '.join(parts)}.")
    name = architecture(arch or _architecture_of(restored, part)).name
    if chosen.keys() != abstract_shapes(name, 0).keys():
        raise CheckpointError(
            f"The part {part!r} of {path} is no {name}: its layers are others. Only backbones have an architecture "
            "that other programs know; see python -m emojax.pretrained list."
        )
    return Weights(name, chosen, {}, origin(path, restored, variables))


def origin(path: str | pathlib.Path, restored: Restored, variables: Mapping[str, np.ndarray]) -> dict:
    """What is known of weights that come from a run; see `Weights.info`."""
    return {
        "source": f"{path} step {restored.step}",
        "source_sha256": fingerprint(variables),
        "flavour": "torch",
        "input": IMAGENET.__dict__,
        "num_classes": 0,
    }


def _subtree(variables: Mapping[str, np.ndarray], part: str) -> dict[str, np.ndarray]:
    """Variables under one module path, with that path taken away."""
    result = {}
    for path, value in variables.items():
        collection, rest = path.split("/", 1)
        if rest.startswith(f"{part}/"):
            result[f"{collection}/{rest.removeprefix(f'{part}/')}"] = value
    return result


def _architecture_of(restored: Restored, part: str) -> str:
    model = restored.config.get("model", {})
    own = model.get(part)  # e.g. of the depth stream
    name = own if own in architectures() else model.get("backbone")
    if not name:
        raise CheckpointError(f"The config in {restored.where} names no backbone; pass --arch.")
    return name
