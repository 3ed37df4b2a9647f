"""Writers of the formats of `emojax.export`."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Sequence

import jax
import numpy as np

from emojax.engine.model_folder import RECIPE_FILE, write_model
from emojax.engine.restored import Restored
from emojax.errors import ConfigError, OutputError
from emojax.exports.inference import free_batch, inference
from emojax.exports.recipe import write_recipe
from emojax.files import replacing, write_text
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
inputs = {inputs}  # any number of examples; pictures are RGB
outputs = network.call(inputs)
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

    It takes pictures ``[N, size, size, 3]``; where the system reads more, a dictionary of arrays.

    Raises:
        ConfigError: a system without a network, or one whose batch size cannot stay free.
    """
    found = inference(restored.config, restored.recipe)
    variables = jax.tree.map(np.asarray, restored.variables)  # constants of the program

    def export(names: Sequence[str]):
        one_picture = names == ["image"]
        inputs = {name: found.inputs[name] for name in names}

        def network(given):
            return found.function(variables, {"image": given} if one_picture else given)

        of_platforms = jax.export.export(jax.jit(network), platforms=("cpu", "cuda", "tpu"))
        return of_platforms(inputs["image"] if one_picture else inputs)

    names = sorted(found.inputs)
    try:
        with free_batch():
            exported = export(names)
    except ConfigError as error:
        raise ConfigError(
            f"{restored.config.name!r} cannot become StableHLO: {error}. Use --format folder."
        ) from error
    if len(exported.module_kept_var_idx) < len(names):
        names = [names[i] for i in exported.module_kept_var_idx]
        exported = export(names)
    with replacing(folder / STABLEHLO) as temporary:
        temporary.write_bytes(exported.serialize())
    arrays = {
        n: f"np.ones({(2, *found.inputs[n].shape[1:])}, np.{found.inputs[n].dtype.name})" for n in names
    }
    by_name = ", ".join(f"{name!r}: {array}" for name, array in arrays.items())
    inputs = arrays["image"] if names == ["image"] else "{" + by_name + "}"
    write_text(folder / "usage.py", _USAGE.format(file=STABLEHLO, recipe=RECIPE_FILE, inputs=inputs))
    return [STABLEHLO, "usage.py", *write_recipe(folder, restored)]


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
    return [*written, *write_recipe(folder, restored)]


def write_onnx(folder: pathlib.Path, restored: Restored, workdir: pathlib.Path) -> list[str]:
    """See `emojax.exports.to_onnx.file.write_onnx`."""
    try:
        from emojax.exports.to_onnx import file
    except ImportError as error:
        raise ConfigError(
            f'ONNX needs a package that is not installed ({error.name}): pip install "emojax[onnx]", or pip install '
            "onnx onnxruntime"
        ) from None
    return file.write_onnx(folder, restored)


WRITERS: dict[str, Callable[[pathlib.Path, Restored, pathlib.Path], list[str]]] = {
    "folder": write_folder,
    "stablehlo": write_stablehlo,
    "torch": write_torch,
    "onnx": write_onnx,
}
