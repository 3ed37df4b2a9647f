"""The model card of an export: made from the run, for a reader who has nothing else."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping

from emojax import systems
from emojax.engine.restored import Restored
from emojax.errors import CheckpointError
from emojax.files import read_json, write_text

_CROP = ("align", "crop_anchor", "align_integer", "box_margin", "faces")  # parameters of the preparation
_LIMITS = """\
The model estimates how an expression would be labelled by the annotators of its training data. It does not know what a
person feels, and must not be used to decide about people. Accuracy differs between groups of people, cameras, poses and
cultures; measure it on your own data first. Faces that are unlike the training data get an answer, too: the
probabilities are no measure of doubt."""
_USES = {
    "folder": "    python -m emojax.predict --model {folder} photo.jpg\n\nIn Python: `emojax.load({folder!r})`.",
    "stablehlo": "    python usage.py\n\nNeeds JAX alone; any batch size. Give it crops made as described below.",
    "onnx": "    python usage.py\n\nNeeds onnxruntime alone; any batch size. Give it crops made as described below. "
    "The outputs are those of the system: `links` in recipe.json says how logits become probabilities.",
    "torch": "    python usage.py\n\nGive the network images normalised as described below.",
}


def write(folder: pathlib.Path, restored: Restored, workdir: pathlib.Path, kind: str) -> None:
    """Writes ``README.md`` of an export.

    Args:
        folder: of the export.
        restored: what was exported.
        workdir: of the run, whose ``metrics.json`` is quoted where it is of the same checkpoint.
        kind: format of the export.
    """
    system = systems.build(restored.config, restored.recipe)
    recipe, config = restored.recipe, restored.config
    sections = {
        "Use": _USES[kind].format(folder=folder.name),
        "Outputs": _outputs(recipe.labels),
        "Input": _inputs(recipe),
        "Training data": _data(restored),
        "Result": _result(workdir, restored.step),
        "Intended use and limits": _LIMITS,
        "Training": f"System `{config.name}` (family {config.family}), checkpoint of step {restored.step} of "
        f"{restored.meta['total_steps']}, seed {config.seed}. Protocol: {system.protocol}. The whole config is in "
        "recipe.json.",
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    write_text(folder / "README.md", f"# {config.name}\n\n{body}\n")


def _outputs(labels) -> str:
    lines = (
        [f"- classes in the order of the probabilities: {', '.join(labels.classes)}"]
        if labels.classes
        else []
    )
    lines += (
        [f"- values on the scale from -1 to 1, not clipped: {', '.join(labels.dimensions)}"]
        if labels.dimensions
        else []
    )
    return "\n".join(lines)


def _inputs(recipe) -> str:
    pictures = {name: f.shape for name, f in recipe.features.items() if f.kind == "image"}
    sizes = ", ".join(f"{name} {' x '.join(map(str, shape))}" for name, shape in pictures.items())
    made = {
        k: v
        for k, v in recipe.build.items()
        if k in ("align", "crop_anchor", "align_integer", "box_margin", "crop")
    }
    crop = f" Crop of the faces: {json.dumps(made)}." if made else ""
    return (
        f"uint8 RGB pictures: {sizes}. The network divides by 255 and normalises with ImageNet's mean (0.485, 0.456, "
        f"0.406) and deviation (0.229, 0.224, 0.225) itself; torch code has to do so before.{crop}"
    )


def _data(restored: Restored) -> str:
    statistics, data = restored.recipe.statistics, restored.meta["dataset"]
    counts = statistics.get("counts")
    by_class = ""
    if counts and len(counts) == len(restored.recipe.labels.classes):
        by_class = ": " + ", ".join(f"{n} {c:,}" for n, c in zip(restored.recipe.labels.classes, counts))
    size = (
        f"{statistics['num_samples']:,} training records{by_class}. " if "num_samples" in statistics else ""
    )
    return f"{data['name']}. {size}Content hash {data['content_hash'][:16]}."


def _result(workdir: pathlib.Path, step: int) -> str:
    try:
        found = read_json(workdir / "metrics.json", dict, error=CheckpointError)
    except CheckpointError:
        return "Not evaluated: run `python -m emojax.evaluate` before the export to have the metrics here."
    if found.get("step") != step or not isinstance(found.get("metrics"), Mapping):
        return f"The last evaluation was of another checkpoint than that of step {step}."
    lines = [f"| {k} | {v:.4f} |" for k, v in found["metrics"].items() if isinstance(v, float)]
    return f"{found.get('protocol', '')}\n\n| metric | value |\n|---|---|\n" + "\n".join(lines)
