"""Which network of torch has the outputs of ours, and how it takes our weights."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from emojax.errors import CheckpointError
from emojax.models.constants import CONSTANTS
from emojax.models.gcn import dense_adjacency
from emojax.pretrained.architecture import Architecture
from emojax.pretrained.catalogue import architecture, architectures
from emojax.pretrained.convert import abstract_shapes
from emojax.pretrained.layouts import flatten, unflatten
from emojax.pretrained.native import Weights
from emojax.pretrained.runs import is_run, load_any, origin, read_weights

_GCN = "head/gcn"
_SQUARINGS = 20


@dataclasses.dataclass(frozen=True)
class ForTorch:
    """What goes to torch.

    Attributes:
        weights: as an architecture of the catalogue.
        words: ``[n, d]`` word vectors that the network of a label graph is given with the images; None for the others.
        outputs: names of the outputs in order; empty where they are not known.
    """

    weights: Weights
    words: np.ndarray | None = None
    outputs: tuple[str, ...] = ()


def for_torch(path: str | pathlib.Path, part: str = "backbone", arch: str | None = None) -> ForTorch:
    """A file of emojax, or one part or all of a run.

    Args:
        path: file, or work directory.
        part: of a run: module path of a part, or ``all``.
        arch: of a part: see `runs.load_any`.

    Raises:
        CheckpointError: as `runs.load_any`; all of a run is asked for, and no torch code has its network.
    """
    if part != "all" or not is_run(path):
        return ForTorch(load_any(path, part=part, arch=arch))
    restored, variables = read_weights(path)
    variables |= flatten({CONSTANTS: restored.variables.get(CONSTANTS, {})})
    weights = whole_network(variables, restored.config.to_dict(), origin(path, restored, variables))
    labels = restored.recipe.labels
    dimensions = labels.dimensions if architecture(weights.arch).backbone else ()
    return ForTorch(weights, variables.get(f"constants/{_GCN}/nodes"), (*labels.classes, *dimensions))


def whole_network(variables: Mapping[str, np.ndarray], config: Mapping[str, Any], source: Mapping) -> Weights:
    """All of a face run, as the architecture whose torch code gives the same outputs.

    Args:
        variables: of the run by path, ``params/...``, ``batch_stats/...``, ``constants/...``.
        config: resolved config of the run.
        source: what is known of its origin, see `Weights.info`.

    Raises:
        CheckpointError: no torch code has this network.
    """
    arch = _architecture_of(config)
    network = {p: v for p, v in variables.items() if p.split("/")[0] in ("params", "batch_stats")}
    if not arch.backbone:
        network = {_beside_backbone(p, arch): v for p, v in network.items()}
    kernels = [v for p, v in network.items() if arch.is_head(p) and v.ndim == 2]
    classes = kernels[0].shape[-1] if kernels else 0
    _require_sizes(arch, network, classes)
    constants = {}
    if "A" in arch.constants:
        graph = unflatten({p: v for p, v in variables.items() if p.startswith(f"constants/{_GCN}/")})
        constants["A"] = authors_matrix(dense_adjacency(graph["constants"]["head"]["gcn"]))
    info = {**source, "num_classes": classes, "image_size": 112 if config.get("image_size") == 112 else 227}
    return Weights(arch.name, network, constants, info)


def authors_matrix(adjacency: np.ndarray) -> np.ndarray:
    """The matrix ``A [n, n]`` from which the authors' code makes the one that multiplies the node vectors.

    The code multiplies by ``(A D)^T D``, D the rows' sums to the power -1/2 (spec 4.7). With u the positive vector of
    ``adjacency^T u = u``, ``A = diag(u) adjacency^T diag(u)`` has the row sums u^2, so D is 1 / u.

    Raises:
        CheckpointError: no such matrix.
    """
    transposed = np.asarray(adjacency, np.float64).T
    power = (transposed + np.eye(len(transposed))) / 2  # its powers converge to what has the eigenvalue 1
    for _ in range(_SQUARINGS):
        power = power @ power
        power /= max(power.max(), np.finfo(float).tiny)
    u = power.sum(axis=1)
    matrix = u[:, None] * transposed * u
    sums = matrix.sum(axis=1)
    if (sums > 0).all():
        scale = np.diag(sums**-0.5)
        if np.allclose((matrix @ scale).T @ scale, adjacency, atol=1e-6):
            return matrix.astype(np.float32)
    raise CheckpointError(
        "The label graph of this run is no normalised matrix, so the authors' code cannot make it. Export the "
        "backbone: --part backbone."
    )


def _architecture_of(config: Mapping[str, Any]) -> Architecture:
    model = config.get("model", {})
    for arch in architectures().values():
        settings = arch.settings
        sizes = arch.image_sizes or (config.get("image_size"),)
        fits = settings and arch.torch_code and all(model.get(k) == v for k, v in settings.items())
        if fits and config.get("family") == "faces" and config.get("image_size") in sizes:
            return arch
    described = ", ".join(
        f"{k} {model[k]}" for k in ("net", "backbone", "head", "pool", "final_relu") if k in model
    )
    raise CheckpointError(
        f"No code for torch is known that has the whole network of this run ({described}); name a part of it, e.g. "
        "--part backbone."
    )


def _beside_backbone(path: str, arch: Architecture) -> str:
    """Our path in a face network -> path in a backbone with its classifier."""
    return path.replace("/backbone/", "/", 1).replace("/head/expression/", f"/{arch.heads[0]}/", 1)


def _require_sizes(arch: Architecture, network: Mapping[str, np.ndarray], classes: int) -> None:
    wanted = abstract_shapes(arch.name, classes)
    found = {p: v.shape for p, v in network.items()}
    words = f"params/{_GCN}/layer_0/kernel"
    if words in found and words in wanted:  # vectors of any size
        wanted = {**wanted, words: (found[words][0], wanted[words][1])}
    if found != wanted:
        differing = sorted(p for p in found.keys() | wanted.keys() if found.get(p) != wanted.get(p))
        raise CheckpointError(
            f"The network of this run is like torch's {arch.name}, but {', '.join(differing[:3])} differ; name a part "
            "of it, e.g. --part backbone."
        )


def advice(weights: Weights, path: str) -> list[str]:
    """How torch takes what `convert.export_weights` gave, as lines of Python."""
    arch = architecture(weights.arch)
    if not arch.torch_code:
        return [f"# no code for torch has {arch.name}: names are emojax's with dots, layouts are torch's"]
    classes = weights.info.get("num_classes", 0)
    is_headless = bool(arch.heads) and not classes
    words = weights.variables.get(f"params/{_GCN}/layer_0/kernel", np.zeros((0, 0))).shape[0]
    code = arch.torch_code.format(
        classes=classes or arch.num_classes, words=words, size=weights.info.get("image_size", arch.image_size)
    )
    origin = [f"# with the code of {arch.published[0].where}"] if arch.backbone else []
    strict, note = "", ""
    if is_headless or arch.unused:
        strict = ", strict=False"
        note = "  # its unused classifier is missing" if arch.unused else "  # its classifier stays random"
    load = f"model.load_state_dict(safetensors.torch.load_file({path!r}){strict}){note}"
    return [*origin, f"model = {code}", load]
