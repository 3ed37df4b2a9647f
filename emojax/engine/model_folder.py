"""A trained model as a folder that moves between machines: ``model.safetensors`` and ``recipe.json``.

``model.safetensors`` holds the variables by path (``params/backbone/conv0/kernel``), constants included;
``recipe.json`` what the checkpoint says of its run, in the shape that a work directory's has. Nothing is pickled.
"""

from __future__ import annotations

import os
import pathlib
from typing import Any, Literal, TypedDict

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from emojax.engine.checksums import array_names, checksums, json_checksum, verify
from emojax.engine.restored import Meta, Restored
from emojax.errors import CheckpointError
from emojax.files import read_json, replacing, write_json

MODEL_FILE, RECIPE_FILE = "model.safetensors", "recipe.json"
_SCHEMA = 1
_SUM = "checksum"
_MEND = "Copy or export the model again."
_OF_TRAINING = ("loader", "log", "early_stopping", "checksums")  # of no use to a model that is not trained on


class _File(TypedDict):
    """The file ``recipe.json`` of a model."""

    schema: Literal[1]
    step: int
    last_step: int
    meta: dict[str, Any]
    arrays: dict[str, int]
    checksum: int


def is_model(folder: str | os.PathLike) -> bool:
    """Whether a folder holds an exported model."""
    return (pathlib.Path(folder) / MODEL_FILE).is_file()


def write_model(folder: pathlib.Path, restored: Restored) -> None:
    """Writes both files; the recipe last, so where it is the model is whole.

    Raises:
        OutputError: the folder cannot be written.
    """
    arrays = {name: np.asarray(value, order="C") for name, value in array_names(restored.variables).items()}
    with replacing(folder / MODEL_FILE) as temporary:
        temporary.write_bytes(save(arrays, {"format": "emojax-model-1"}))
    meta = {name: value for name, value in restored.meta.items() if name not in _OF_TRAINING}
    content = {
        "schema": _SCHEMA,
        "config": meta["config"],
        "recipe": meta["recipe"],
        "step": restored.step,
        "last_step": restored.last_step,
        "meta": {k: v for k, v in meta.items() if k not in ("config", "recipe")},
        "arrays": checksums(restored.variables),
    }
    write_json(folder / RECIPE_FILE, {**content, _SUM: json_checksum(content)})


def read_model(folder: str | os.PathLike, which: str = "best") -> Restored:
    """The model of a folder.

    Raises:
        CheckpointError: a file is missing or damaged; another checkpoint is asked for.
    """
    folder = pathlib.Path(folder)
    content = read_json(folder / RECIPE_FILE, _File, error=CheckpointError, mend=_MEND)
    if content.pop(_SUM) != json_checksum(content):
        raise CheckpointError(f"{folder / RECIPE_FILE} is not what was written (wrong checksum). {_MEND}")
    if which not in ("best", "latest", str(content["step"])):
        raise CheckpointError(
            f"{folder} holds one checkpoint, that of step {content['step']}; there is none of step {which!r}."
        )
    empty = {"loader": {}, "log": {"sums": {}, "count": 0}, "early_stopping": {}, "checksums": {}}
    meta: Meta = {**content["meta"], **empty, "config": content["config"], "recipe": content["recipe"]}
    variables = _read_arrays(folder / MODEL_FILE)
    if missing := sorted(content["arrays"].keys() - array_names(variables).keys()):
        raise CheckpointError(f"{folder / MODEL_FILE} lacks {missing[0]}. {_MEND}")
    try:
        verify(variables, content["arrays"], MODEL_FILE)
    except CheckpointError as error:
        raise CheckpointError(f"{error} of {folder}. {_MEND}") from error
    return Restored(content["step"], content["last_step"], variables, meta, folder)


def _read_arrays(path: pathlib.Path) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    try:
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                *parents, last = name.split("/")
                node = tree
                for parent in parents:
                    node = node.setdefault(parent, {})
                node[last] = file.get_tensor(name)
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is damaged: {error}. {_MEND}") from error
    return tree
