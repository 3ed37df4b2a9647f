"""Weights of a trained run (a work directory of `emojax.train`), parameters and statistics only."""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Mapping

import jax
import numpy as np
import orbax.checkpoint as ocp

from emojax.errors import CheckpointError
from emojax.pretrained.architecture import IMAGENET
from emojax.pretrained.catalogue import architecture
from emojax.pretrained.layouts import flatten
from emojax.pretrained.native import Weights, load_weights

_CHECKPOINTS = "checkpoints"
_CONFIG = "config.json"


def is_run(path: str | pathlib.Path) -> bool:
    return (pathlib.Path(path) / _CHECKPOINTS).is_dir()


def read_run(workdir: str | pathlib.Path) -> tuple[int, dict[str, np.ndarray]]:
    """The best checkpoint of a run, or its latest when none was evaluated.

    Returns:
        ``(step, variables by path)``, e.g. ``params/backbone/conv0/kernel``; not the optimiser's state.

    Raises:
        CheckpointError: there is no finished checkpoint, or it is damaged.
    """
    folder = pathlib.Path(workdir).absolute() / _CHECKPOINTS
    steps = sorted(int(p.name) for p in folder.glob("[0-9]*") if p.name.isdigit())
    if not steps:
        raise CheckpointError(f"There is no finished checkpoint under {folder}.")
    step = _best(folder, steps)
    state = folder / str(step) / "state"
    try:
        with ocp.PyTreeCheckpointer() as reader:
            saved = reader.metadata(state).item_metadata.tree
            like = {k: jax.tree.map(lambda x: np.empty(x.shape, x.dtype), saved[k]) for k in _COLLECTIONS}
            as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), like)
            arguments = ocp.args.PyTreeRestore(item=like, restore_args=as_numpy, partial_restore=True)
            tree = reader.restore(state, args=arguments)
    except Exception as error:  # Orbax and TensorStore raise many types
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        raise CheckpointError(f"The checkpoint {state.parent} cannot be read: {reason}.") from error
    return step, flatten({"params": tree["params"], **tree["model_state"]})


_COLLECTIONS = ("params", "model_state")


def _best(folder: pathlib.Path, steps: list[int]) -> int:
    """The step with the best value of the metric that the run monitors; the latest when none has one."""
    scores = {}
    for step in steps:
        metrics, meta = folder / str(step) / "metrics" / "metrics", folder / str(step) / "meta" / "metadata"
        if metrics.is_file() and meta.is_file():
            monitor = json.loads(meta.read_text()).get("monitor")
            value = json.loads(metrics.read_text()).get(monitor)
            scores |= {} if value is None else {step: value}
    return max(scores, key=scores.get) if scores else steps[-1]


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
        part: of a run: module path of the part, or ``all`` for a whole Emotion-GCN.
        arch: of a run: the part's architecture; that of ``config.model.backbone`` when None.

    Raises:
        CheckpointError: the run has no such part; tells those that it has.
    """
    if not is_run(path):
        return load_weights(path)
    step, variables = read_run(path)
    if part == "all":
        arch, chosen = arch or "emotion_gcn", variables
    else:
        chosen = _subtree(variables, part)
        if not chosen:
            parts = sorted({"/".join(k.split("/")[1:-1][:1]) for k in variables})
            raise CheckpointError(f"The network of {path} has no part {part!r}; it has {', '.join(parts)}.")
    arch = architecture(arch or _backbone_of(path)).name
    info = {
        "source": f"{path} step {step}",
        "source_sha256": fingerprint(variables),
        "flavour": "torch",
        "input": IMAGENET.__dict__,
        "num_classes": 0,
    }
    return Weights(arch, chosen, {}, info)


def _subtree(variables: Mapping[str, np.ndarray], part: str) -> dict[str, np.ndarray]:
    """Variables under one module path, with that path taken away."""
    result = {}
    for path, value in variables.items():
        collection, rest = path.split("/", 1)
        if rest.startswith(f"{part}/"):
            result[f"{collection}/{rest.removeprefix(f'{part}/')}"] = value
    return result


def _backbone_of(workdir: str | pathlib.Path) -> str:
    try:
        return json.loads((pathlib.Path(workdir) / _CONFIG).read_text())["model"]["backbone"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{workdir}/{_CONFIG} does not tell the backbone; pass --arch.") from error
