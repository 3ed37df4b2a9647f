"""Writers of the formats of `emojax.export`."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from emojax import systems
from emojax.engine.model_folder import RECIPE_FILE, write_model
from emojax.engine.restored import Restored
from emojax.errors import ConfigError, OutputError
from emojax.files import replacing, write_json, write_text
from emojax.pretrained.convert import export_weights
from emojax.pretrained.export import advice, for_torch
from emojax.pretrained.native import write_safetensors

STABLEHLO = "model.stablehlo"
_USAGE = """\
# Runs the exported network with JAX alone.
import json, pathlib
import jax, numpy as np

folder = pathlib.Path(__file__).parent
network = jax.export.deserialize((folder / "{file}").read_bytes())
labels = json.loads((folder / "{recipe}").read_text())["recipe"]["labels"]
images = np.zeros((2, {size}, {size}, 3), np.uint8)  # RGB crops of faces; any number of them
outputs = network.call(images)
print(labels["classes"], {{name: value.shape for name, value in outputs.items()}})
"""


def require_free(folder: pathlib.Path) -> None:
    """Raises OutputError unless the folder is new or empty: files of another export would be mixed in."""
    if folder.exists() and (not folder.is_dir() or any(os.scandir(folder))):
        raise OutputError(f"{folder} is there and not empty. Choose another --to, or delete it.")


def write_folder(folder: pathlib.Path, restored: Restored, workdir: pathlib.Path) -> list[str]:
    """The self-contained folder, with what evaluations of the run have fitted: an SVM, thresholds."""
    write_model(folder, restored)
    fitted = [f"fitted/{name}" for name in (f"{restored.step}.npz", f"thresholds_{restored.step}.npz")]
    fitted = [name for name in fitted if (workdir / name).is_file()]
    for name in fitted:
        with replacing(folder / name) as temporary:
            temporary.write_bytes((workdir / name).read_bytes())
    return ["model.safetensors", RECIPE_FILE, *fitted]


def write_stablehlo(folder: pathlib.Path, restored: Restored, workdir: pathlib.Path) -> list[str]:
    """Network, weights and normalisation as one StableHLO file for CPUs, GPUs and TPUs; the batch size is free.

    Raises:
        ConfigError: a system that reads other things than one picture.
    """
    system = systems.build(restored.config, restored.recipe)
    if set(system.inputs.features) - {"image", "face_mask"}:
        raise ConfigError(
            f"StableHLO takes systems that read one picture; {system.config.name!r} reads "
            f"{', '.join(system.inputs.features)}. Use --format folder."
        )
    size = restored.recipe.feature("image").shape[0]
    variables = jax.tree.map(np.asarray, restored.variables)  # constants of the program

    def network(images):
        return system.predict(
            variables, {"image": images, "mask": jax.numpy.ones(images.shape[0], np.float32)}
        )

    images = jax.ShapeDtypeStruct(jax.export.symbolic_shape(f"batch, {size}, {size}, 3"), np.uint8)
    exported = jax.export.export(jax.jit(network), platforms=("cpu", "cuda", "tpu"))(images)
    with replacing(folder / STABLEHLO) as temporary:
        temporary.write_bytes(exported.serialize())
    write_text(folder / "usage.py", _USAGE.format(file=STABLEHLO, recipe=RECIPE_FILE, size=size))
    return [STABLEHLO, "usage.py", *_write_recipe(folder, restored)]


def write_torch(folder: pathlib.Path, restored: Restored, workdir: pathlib.Path) -> list[str]:
    """A state dict in safetensors, and ``usage.py`` that builds the network in torch.

    Raises:
        CheckpointError: no torch code has this network.
    """
    found = for_torch(workdir, "all")
    write_safetensors(export_weights(found.weights), {"format": "pt"}, folder / "model.safetensors")
    lines = ["import safetensors.torch, torch, torchvision", *advice(found.weights, "model.safetensors")]
    written = ["model.safetensors", "usage.py"]
    if found.words is not None:
        with replacing(folder / "words.npy") as temporary, temporary.open("wb") as file:
            np.save(file, found.words)
        lines.append("# words = torch.from_numpy(numpy.load('words.npy')); model(images, words[None])")
        written.append("words.npy")
    lines.append(f"# outputs: {', '.join(found.outputs)}")
    write_text(folder / "usage.py", "\n".join(lines) + "\n")
    return [*written, *_write_recipe(folder, restored)]


def _write_recipe(folder: pathlib.Path, restored: Restored) -> list[str]:
    content: dict[str, Any] = {
        "schema": 1,
        "config": restored.meta["config"],
        "recipe": restored.meta["recipe"],
    }
    write_json(folder / RECIPE_FILE, content)
    return [RECIPE_FILE]


WRITERS: dict[str, Callable[[pathlib.Path, Restored, pathlib.Path], list[str]]] = {
    "folder": write_folder,
    "stablehlo": write_stablehlo,
    "torch": write_torch,
}
