"""Weights of any accepted file as arrays by name, in the layout of their source."""

from __future__ import annotations

import dataclasses
import pathlib
import pickle
import struct
import zipfile
from collections.abc import Callable

import ml_dtypes  # noqa: F401  teaches NumPy the name bfloat16, which safetensors asks for
import numpy as np
from safetensors import SafetensorError, safe_open

from emojax.errors import CheckpointError
from emojax.pretrained import keras_file, torch_file

_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    MemoryError,
    OverflowError,
    struct.error,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    SafetensorError,
)


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """What a file holds.

    Attributes:
        path: the file.
        flavour: whose names and layouts: ``torch``, ``keras`` or ``emojax``.
        tensors: arrays by name, dtypes as stored.
        metadata: the header of a safetensors file.
    """

    path: pathlib.Path
    flavour: str
    tensors: dict[str, np.ndarray]
    metadata: dict[str, str]


def read_file(path: str | pathlib.Path) -> SourceFile:
    """Reads a torch (zip or older stream), safetensors, Keras (.h5, .keras) or NumPy (.npz) file.

    The content decides, not the file's ending. Nothing in the file is executed.

    Raises:
        CheckpointError: missing, damaged, of another kind, or a pickle that wants to run code.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder; name a file of weights.")
    try:
        return _dispatch(path)
    except CheckpointError as error:
        raise CheckpointError(f"Cannot read weights from {path}: {error}.") from error
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no file {path}.") from error
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"Cannot read weights from {path}: it is damaged or truncated ({type(error).__name__}: "
            f"{reason}). Fetch it again and compare its size and sha256 with the publisher's."
        ) from error


def _dispatch(path: pathlib.Path) -> SourceFile:
    with open(path, "rb") as file:
        head = file.read(512)
    _refuse_other_kinds(head)
    metadata: dict[str, str] = {}
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        tensors = keras_file.read_h5(path)
    elif head.startswith(b"PK"):
        tensors = _read_zip(path)
    elif head[8:9] == b"{":
        tensors, metadata = _read_safetensors(path)
    elif head.startswith(b"\x80"):
        tensors = _arrays(torch_file.read_stream(path))
    else:
        raise CheckpointError("it is no torch, safetensors, Keras or .npz file")
    if not tensors:
        raise CheckpointError("it holds no tensors")
    return SourceFile(path, _flavour(tensors), tensors, metadata)


def _refuse_other_kinds(head: bytes) -> None:
    text = head.lstrip()[:200].lower()
    if not head:
        raise CheckpointError("it is empty")
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise CheckpointError("it is a web page: the download went to a login, licence or error page")
    if text.startswith(b"version https://git-lfs"):
        raise CheckpointError("it is a Git LFS pointer, not the file itself; run `git lfs pull`")
    if head.startswith(b"\x1f\x8b"):
        raise CheckpointError("it is compressed with gzip; unpack it first")
    if head[257:262] == b"ustar":
        raise CheckpointError(
            "it is a tar archive (torch before 0.1.10, or an archive of files); unpack it, or save the "
            "weights again with a newer torch"
        )


def _read_zip(path: pathlib.Path) -> dict[str, np.ndarray]:
    if torch_file.is_torch_zip(path):
        return _arrays(torch_file.read_zip(path))
    if keras_file.is_keras_zip(path):
        return keras_file.read_keras_zip(path)
    with np.load(path, allow_pickle=False) as archive:
        if not archive.files:
            raise CheckpointError("it is a zip archive, but neither torch's, nor Keras', nor a .npz")
        return {name: archive[name] for name in archive.files}


def _arrays(content) -> dict[str, np.ndarray]:
    tensors: dict[str, torch_file.TorchTensor] = torch_file.find_state_dict(content)
    return {name: tensor.array() for name, tensor in tensors.items()}


def _read_safetensors(path: pathlib.Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    with safe_open(path, "np") as file:
        get: Callable[[str], np.ndarray] = file.get_tensor
        return {name: get(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118


def _flavour(tensors: dict[str, np.ndarray]) -> str:
    if any(name.startswith(("params/", "batch_stats/")) for name in tensors):
        return "emojax"
    return "keras" if all("/" in name for name in tensors) else "torch"
