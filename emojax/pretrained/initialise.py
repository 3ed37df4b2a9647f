"""Puts pretrained weights into the fresh variables of a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from emojax.errors import CheckpointError, ConfigError
from emojax.pretrained.architecture import IMAGENET, Architecture, InputCoding
from emojax.pretrained.catalogue import architecture
from emojax.pretrained.coding import to_coding
from emojax.pretrained.convert import backbone_of
from emojax.pretrained.layouts import flatten, unflatten
from emojax.pretrained.native import Weights, load_weights, sha256
from emojax.pretrained.runs import fingerprint, is_run, load_any, read_weights

_SHOWN = 5


def initialise(
    variables: Mapping[str, Any],
    init_from: str | Mapping[str, str],
    *,
    part: str = "backbone",
    adjacency: np.ndarray | None = None,
    reads: InputCoding | None = IMAGENET,
) -> tuple[dict[str, Any], dict[str, dict]]:
    """Fresh variables with pretrained ones in place.

    Args:
        variables: ``{"params": ..., "batch_stats": ...}`` of the whole network.
        init_from: what `config.init_from` says: a file that ``python -m emojax.pretrained import`` wrote;
            the work directory of a run (parameters and statistics of its best checkpoint, all that this
            network has too); or a mapping from parts of the network (module paths, e.g. ``body``) to files,
            or to runs whose backbone is taken; so is that of a file of a whole network.
        part: module path of the backbone that a single file goes to. A file of a whole network, e.g. of an
            Emotion-GCN, goes to the whole network.
        adjacency: ``[9, 9]``, the matrix that the network's graph multiplies by; an imported Emotion-GCN was
            trained with one and is refused under another.
        reads: how this network's pixels are coded; None: as the file says. Weights that were trained on the
            channels in the other order are turned; a file of any other coding is told in `coding` of its record.

    Returns:
        The variables, and for each part a record for the log: ``file``, ``sha256``, ``arch``, ``loaded``
        (number of arrays), ``adapted`` (arrays fitted to the number of input channels), ``coding`` (empty, or
        how the pixels differ from those that the file was trained on), ``left_out`` (of the file), ``fresh``
        (of a run: arrays that it does not have in this shape).

    Raises:
        CheckpointError: a file cannot be read or does not fit, with the names of the arrays.
        ConfigError: a part that the network does not have.
    """
    flat = flatten(variables)
    record = {}
    if isinstance(init_from, str) and is_run(init_from):
        record["network"], loaded = _from_run(flat, init_from)
        flat.update(loaded)
        jobs = {}
    else:
        jobs = {part: init_from} if isinstance(init_from, str) else init_from
    for target, path in jobs.items():
        weights = _load(path)
        if not isinstance(init_from, str):
            weights = backbone_of(weights)
        target = "" if architecture(weights.arch).backbone else target
        record[target or "network"], loaded = _from_weights(flat, weights, path, target, adjacency, reads)
        flat.update(loaded)
    # Memory of the file is not kept: the arrays are the run's own.
    return jax.tree.map(jnp.asarray, unflatten(flat)), record


def _load(path: str) -> Weights:
    try:
        return load_any(path)
    except CheckpointError as error:
        raise CheckpointError(f"config.init_from: {error}") from error


def load_backbone(path: str, arch: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Variables of one architecture from a file of emojax, without classifiers, and what is known of them.

    Args:
        path: file that ``python -m emojax.pretrained import`` wrote.
        arch: the architecture that it has to be; any when None.

    Returns:
        ``({"params": ..., "batch_stats": ...}, metadata)``; metadata has ``file``, ``sha256``, ``arch``,
        ``source``, ``source_sha256``, ``flavour``, ``input`` and ``num_classes``.

    Raises:
        CheckpointError: missing, damaged, not our format, or of another architecture.
    """
    weights = backbone_of(load_weights(path))
    if arch is not None and weights.arch != arch:
        raise CheckpointError(f"{path} holds weights of {weights.arch}, but {arch} is asked for.")
    is_head = architecture(weights.arch).is_head
    trunk = {p: v for p, v in weights.variables.items() if not is_head(p)}
    metadata = {"file": str(path), "sha256": sha256(path), "arch": weights.arch, **weights.info}
    return unflatten(trunk), metadata


def adapt_input_channels(kernel: np.ndarray, channels: int) -> np.ndarray:
    """A first convolution ``[H, W, C, F]`` for another number of input channels: averaged and repeated.

    The rule of temporal segment networks (Wang et al., ECCV 2016) for stacks of optical flow (10 channels)
    and RGB differences (15).
    """
    mean = kernel.mean(axis=2, keepdims=True, dtype=np.float64).astype(kernel.dtype)
    return np.repeat(mean, channels, axis=2)


def _from_weights(
    flat: Mapping[str, Any],
    weights: Weights,
    path: str,
    part: str,
    adjacency: np.ndarray | None,
    reads: InputCoding | None,
) -> tuple[dict, dict[str, np.ndarray]]:
    arch = architecture(weights.arch)
    place = _placer(part)
    wanted = {p: v.shape for p, v in flat.items() if _is_under(p, part)}
    if not wanted:
        parts = sorted({_part(p) for p in flat})
        raise ConfigError(f"config.init_from names the part {part!r}; the network has {', '.join(parts)}.")
    if adjacency is not None and "A" in weights.constants:
        _require_same_graph(path, weights.constants["A"], adjacency)
    loaded, adapted, left_out, misfits, coding = {}, [], [], [], ""
    for theirs, value in weights.variables.items():
        ours = place(theirs)
        if ours not in wanted:
            known_head = arch.is_head(theirs)
            (left_out if known_head else misfits).append(theirs if known_head else f"{theirs} (unknown here)")
            continue
        if value.shape != wanted[ours] and _is_first_conv(arch.first_conv, theirs, value.shape, wanted[ours]):
            value = adapt_input_channels(value, wanted[ours][2])
            adapted.append(ours)
        elif reads and theirs == f"params/{arch.first_conv}/kernel" and _tells_coding(arch, weights, path):
            value, coding = to_coding(value, InputCoding.from_json(weights.info["input"]), reads)
        if value.shape != wanted[ours]:
            misfits.append(f"{theirs} (has {list(value.shape)}, needs {list(wanted[ours])})")
        loaded[ours] = value
    misfits += [f"{p} (missing)" for p in wanted if p not in loaded]
    if misfits:
        hint = _hint(weights, misfits)
        raise CheckpointError(
            f"{path} holds {weights.arch}, which does not fit {part or 'the network'}: "
            f"{', '.join(misfits[:_SHOWN])}{', ...' if len(misfits) > _SHOWN else ''}.{hint}"
        )
    digest = weights.info["source_sha256"] if is_run(path) else sha256(path)
    record = _record(path, digest, weights.arch, loaded, adapted)
    return {**record, "coding": coding, "left_out": left_out, "source": weights.info}, loaded


def _from_run(flat: Mapping[str, Any], path: str) -> tuple[dict, dict[str, np.ndarray]]:
    """All arrays of a run that this network has in the same shape; new heads stay fresh."""
    restored, variables = read_weights(path)
    loaded = {p: v for p, v in variables.items() if p in flat and flat[p].shape == v.shape}
    fresh = [p for p in flat if p not in loaded]
    # What convolves is a backbone and has to be whole, whatever its name; heads may be new.
    heads = ("head", "decoder")
    convolving = {_part(p) for p, v in flat.items() if v.ndim == 4 and not _part(p).startswith(heads)}
    broken = [p for p in fresh if _part(p) in convolving]
    if broken or not loaded:
        raise CheckpointError(
            f"The run {path} does not fit this network: {', '.join(broken[:_SHOWN])} would stay random. Only "
            "heads may differ; choose the run's own config.model."
        )
    left_out = [p for p in variables if p not in loaded]
    record = _record(path, fingerprint(variables), f"run, step {restored.step}", loaded, [])
    return {**record, "left_out": left_out, "fresh": fresh}, loaded


def _part(path: str) -> str:
    """``backbone`` of ``params/backbone/conv0/kernel``."""
    return path.split("/")[1]


def _record(path: str, digest: str, arch: str, loaded: Mapping, adapted: list[str]) -> dict:
    return {"file": str(path), "sha256": digest, "arch": arch, "loaded": len(loaded), "adapted": adapted}


def _placer(part: str):
    """Path in a file -> path in the network."""
    return lambda path: path.replace("/", f"/{part}/", 1) if part else path


def _is_under(path: str, part: str) -> bool:
    return not part or path.split("/", 1)[1].startswith(f"{part}/")


def _tells_coding(arch: Architecture, weights: Weights, path: str) -> bool:
    """Whether it is known which pixels the weights were trained on; a run's are those of its own system."""
    return "input" in weights.info and arch.reads_pixels and not is_run(path)


def _is_first_conv(module: str, path: str, theirs: tuple, ours: tuple) -> bool:
    same_but_channels = len(theirs) == 4 and theirs[:2] == ours[:2] and theirs[3] == ours[3]
    return path == f"params/{module}/kernel" and same_but_channels


def _require_same_graph(path: str, matrix: np.ndarray, adjacency: np.ndarray) -> None:
    """The authors' code multiplies by ``(A D)^T D``, D the rows' sums to the power -1/2 (spec 4.7)."""
    scale = np.diag(matrix.sum(axis=1) ** -0.5)
    theirs = (matrix @ scale).T @ scale
    if theirs.shape != adjacency.shape or not np.allclose(theirs, adjacency, atol=1e-4):
        raise CheckpointError(
            f"{path} was trained with another label graph than this config's; take AffectNet's training "
            "labels, config.model.gcn.p=0.5 and config.model.gcn.transpose=True, as the variant :code_parity."
        )


def _hint(weights: Weights, misfits: list[str]) -> str:
    arch = architecture(weights.arch)
    if "A" in arch.constants and any("layer_0" in m for m in misfits):
        return " The authors used 300-d GloVe: set config.model.gcn.word_vectors to glove.6B.300d.txt."
    if any("attributes/kernel (missing)" in m for m in misfits):
        return " Import it again with --attributes W_sceneattribute_wideresnet18.npy."
    if arch.config:
        return f" {arch.config} builds its network; for another one import the backbone: --without-head."
    return ""
