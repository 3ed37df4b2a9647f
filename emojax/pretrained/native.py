"""Our own file of weights: safetensors with variables by path and a header that says where they come from."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from emojax.errors import CheckpointError, OutputError
from emojax.files import parse_json, replacing
from emojax.pretrained.layouts import unflatten
from emojax.pretrained.readers import read_file

_FORMAT = "emojax-weights-1"
_CONSTANTS = "constants/"
_MEND = "Import the published file again."


class _Input(TypedDict):
    order: str
    scale: float
    mean: list[float]
    std: list[float]


class _Info(TypedDict, total=False):
    source: str
    source_sha256: str
    flavour: str
    input: _Input
    num_classes: int


@dataclasses.dataclass(frozen=True)
class Weights:
    """Weights of one architecture.

    Attributes:
        arch: name of the architecture.
        variables: float32 arrays by path, ``params/...`` and ``batch_stats/...``.
        constants: arrays that belong to the network but are not trained, by name.
        info: ``source`` (file name), ``source_sha256``, ``flavour``, ``input`` (see `InputCoding`),
            ``num_classes``.
    """

    arch: str
    variables: dict[str, np.ndarray]
    constants: dict[str, np.ndarray]
    info: dict[str, Any]

    def tree(self) -> dict[str, Any]:
        """Nested variables, ``{"params": ..., "batch_stats": ...}``, as a Flax module takes them."""
        return unflatten(self.variables)


def save_weights(weights: Weights, path: str | pathlib.Path) -> None:
    """Writes a file; it appears whole or not at all.

    Raises:
        CheckpointError: the disk is full or the folder cannot be written.
    """
    tensors = {**weights.variables, **{_CONSTANTS + k: v for k, v in weights.constants.items()}}
    header = {"format": _FORMAT, "arch": weights.arch, "info": json.dumps(weights.info)}
    write_safetensors(tensors, header, path)


def write_safetensors(
    tensors: Mapping[str, np.ndarray], header: dict[str, str], path: str | pathlib.Path
) -> None:
    """Writes arrays by name; the file appears whole or not at all.

    Raises:
        CheckpointError: the disk is full or the folder cannot be written.
    """
    in_order = {k: np.asarray(v, order="C") for k, v in tensors.items()}  # `ascontiguousarray` has no scalars
    try:
        with replacing(path) as temporary:
            save_file(in_order, temporary, header)
    except (OutputError, SafetensorError) as error:
        raise CheckpointError(f"Cannot write {path}: {error}") from error


def load_weights(path: str | pathlib.Path, arch: str | None = None) -> Weights:
    """Reads a file that ``python -m emojax.pretrained import`` wrote.

    Args:
        path: the file.
        arch: the architecture it has to be; any when None.

    Raises:
        CheckpointError: missing, damaged, not our format (tells the command that makes it), or other weights; an
            array that is not finite.
    """
    source = read_file(path)
    if source.metadata.get("format") != _FORMAT:
        raise CheckpointError(
            f"{path} is not a file of emojax but {source.flavour} weights. Import it first: python -m "
            f"emojax.pretrained import --arch {arch or 'NAME'} {path} --out {arch or 'NAME'}.safetensors"
        )
    found = source.metadata.get("arch", "")
    if arch is not None and found != arch:
        raise CheckpointError(f"{path} holds weights of {found}, but {arch} is asked for.")
    info = parse_json(
        source.metadata.get("info", ""), _Info, what=f"{path}'s header", error=CheckpointError, mend=_MEND
    )
    for name, value in source.tensors.items():
        is_real = np.issubdtype(value.dtype, np.floating)
        if not is_real or not np.isfinite(value).all():
            reason = "holds NaN or infinity" if is_real else f"is {value.dtype}"
            raise CheckpointError(f"{path} is of no use: {name} {reason}. {_MEND}")
    constants = {k.removeprefix(_CONSTANTS): v for k, v in source.tensors.items() if k.startswith(_CONSTANTS)}
    variables = {k: v for k, v in source.tensors.items() if not k.startswith(_CONSTANTS)}
    return Weights(found, variables, constants, info)


def sha256(path: str | pathlib.Path) -> str:
    """Hash of a file, hexadecimal.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"Cannot read {path}: {error.strerror}.") from error
