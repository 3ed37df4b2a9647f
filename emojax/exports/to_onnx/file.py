"""``model.onnx``: a trained network for onnxruntime, checked against JAX when it is written."""

from __future__ import annotations

import json
import pathlib

import jax
import numpy as np
from onnx import helper

from emojax.engine.model_folder import RECIPE_FILE
from emojax.engine.restored import Restored
from emojax.errors import ConfigError, OutputError
from emojax.exports.inference import MASK, Inference, inference
from emojax.exports.recipe import described, write_recipe
from emojax.exports.to_onnx.trace import convert
from emojax.files import replacing, write_text

ONNX = "model.onnx"
TOLERANCE = 1e-4  # absolute below one, relative above
_USAGE = """\
# Runs the exported network with onnxruntime alone.
import json, pathlib
import numpy as np, onnxruntime

folder = pathlib.Path(__file__).parent
network = onnxruntime.InferenceSession(folder / "{file}", providers=["CPUExecutionProvider"])
labels = json.loads((folder / "{recipe}").read_text())["recipe"]["labels"]
types = {{"tensor(uint8)": np.uint8, "tensor(int32)": np.int32, "tensor(float)": np.float32}}
inputs = {{}}
for given in network.get_inputs():  # pictures are RGB; the first size is free
    inputs[given.name] = np.ones([2, *given.shape[1:]], types[given.type])
names = [output.name for output in network.get_outputs()]
outputs = dict(zip(names, network.run(None, inputs)))
print(labels["classes"], {{name: value.shape for name, value in outputs.items()}})
"""


def write_onnx(folder: pathlib.Path, restored: Restored) -> list[str]:
    """Network, weights and normalisation in one file, float32, the batch size free; with ``usage.py``.

    The file's metadata hold what ``recipe.json`` holds.

    Raises:
        ConfigError: the network cannot be written as ONNX.
        OutputError: onnxruntime predicts other numbers than JAX.
    """
    config = restored.config
    config.precision = "float32"
    found = inference(config, restored.recipe)
    variables = jax.tree.map(np.asarray, restored.variables)
    try:
        model = convert(found.function, variables, found.inputs, found.batch)
    except ConfigError as error:
        raise ConfigError(f"{config.name!r} cannot become ONNX: {error}. Use --format folder.") from None
    helper.set_model_props(model, {key: json.dumps(value) for key, value in described(restored).items()})
    data = model.SerializeToString()
    difference = check(data, found, variables)
    with replacing(folder / ONNX) as temporary:
        temporary.write_bytes(data)
    write_text(folder / "usage.py", _USAGE.format(file=ONNX, recipe=RECIPE_FILE))
    print(
        "onnxruntime is not installed, so the file is unchecked: pip install onnxruntime"
        if difference is None
        else f"onnxruntime and JAX differ by at most {difference:.1e} on random input"
    )
    return [ONNX, "usage.py", *write_recipe(folder, restored)]


def check(data: bytes, found: Inference, variables) -> float | None:
    """Largest difference between onnxruntime and JAX on three random examples; None without onnxruntime.

    Raises:
        OutputError: it is above `TOLERANCE`.
    """
    try:
        import onnxruntime
    except ImportError:
        return None
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    inputs = random_inputs(found, 3)
    expected = jax.jit(found.function)(variables, inputs)
    results = session.run(None, {given.name: inputs[given.name] for given in session.get_inputs()})
    worst = 0.0
    for output, ours in zip(session.get_outputs(), results, strict=True):
        theirs = np.asarray(expected[output.name])
        difference = float(np.max(np.abs(ours - theirs) / np.maximum(1, np.abs(theirs))))
        if not difference <= TOLERANCE:  # NaN, too
            raise OutputError(
                f"The ONNX file would not be right: {output.name} differs from JAX's by {difference:.1e}. Please "
                "report this with the config of the run."
            )
        worst = max(worst, difference)
    return worst


def random_inputs(found: Inference, count: int) -> dict[str, np.ndarray]:
    """Examples of a system's shapes; all frames of clips are real."""
    rng, inputs = np.random.default_rng(0), {}
    for name, spec in found.inputs.items():
        shape = (count, *spec.shape[1:])
        values = rng.integers(0, 256, shape) if spec.dtype == np.uint8 else rng.uniform(-1, 1, shape)
        inputs[name] = np.ones(shape, spec.dtype) if name == MASK else values.astype(spec.dtype)
    return inputs
