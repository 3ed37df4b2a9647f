"""Weights of any accepted file as arrays by name, in the layout of their source."""

from __future__ import annotations

import dataclasses
import pathlib

import ml_dtypes  # noqa: F401  teaches NumPy the name bfloat16, which safetensors asks for
import numpy as np
from safetensors import safe_open

from emojax.errors import CheckpointError
from emojax.pretrained import caffe_file, keras_file, torch_file
from emojax.pretrained.memory import bounded_memory


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """What a file holds.

    Attributes:
        path: the file.
        flavour: whose names and layouts: ``torch`` (Caffe's are the same), ``keras`` or ``emojax``.
        tensors: arrays by name, dtypes as stored.
        metadata: the header of a safetensors file.
        inert: names of other objects that a pickle asked for; they were not made.
        others: names of further state dicts of a pickle, which have as many tensors.
    """

    path: pathlib.Path
    flavour: str
    tensors: dict[str, np.ndarray]
    metadata: dict[str, str]
    inert: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def read_file(path: str | pathlib.Path, key: str | None = None) -> SourceFile:
    """Reads a torch (zip or older stream), pickled NumPy, safetensors, Keras (.h5, .keras), .npz or C3D Caffe file.

    The content decides, not the file's ending. Nothing in the file is executed.

    Args:
        path: the file.
        key: of a pickle: which of its containers, e.g. ``ema.state_dict``; None looks for the usual ones.

    Raises:
        CheckpointError: missing, damaged, of another kind, or without tensors.
    """
    path = pathlib.Path(path)
    head = _read_head(path)
    try:
        with bounded_memory(path):
            return _dispatch(path, head, key)
    except CheckpointError as error:
        raise CheckpointError(f"Cannot read weights from {path}: {error}.") from error
    except Exception as error:  # half a dozen parsers, each with its own errors for flipped and missing bytes
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"Cannot read weights from {path}: it is damaged or truncated ({type(error).__name__}: "
            f"{reason}). Fetch it again and compare its size and sha256 with the publisher's."
        ) from error


def _read_head(path: pathlib.Path) -> bytes:
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder; name a file of weights.")
    if path.exists() and not path.is_file():
        raise CheckpointError(f"{path} is a pipe or a device; name a file of weights.")
    try:
        with open(path, "rb") as file:
            return file.read(512)
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no file {path}.") from error
    except OSError as error:
        raise CheckpointError(f"Cannot read {path}: {error.strerror}.") from error


def _dispatch(path: pathlib.Path, head: bytes, key: str | None) -> SourceFile:
    is_safetensors = _is_safetensors(
        head
    )  # first: the length of its header may look like any other beginning
    if not is_safetensors:
        _refuse_other_kinds(head)
        if head.startswith(_ZIP) and torch_file.is_torch_zip(path):
            return _from_pickle(path, torch_file.read_zip(path, key))
        if head.startswith((b"\x80", *_OLD_PICKLES)):
            return _from_pickle(path, torch_file.read_stream(path, key))
    if key is not None:
        raise CheckpointError(f"it is no pickle, so there is nothing under {key}: leave --key out")
    metadata: dict[str, str] = {}
    if is_safetensors:
        tensors, metadata = _read_safetensors(path)
    elif head.startswith(b"\x89HDF\r\n\x1a\n"):
        tensors = keras_file.read_h5(path)
    elif head.startswith(_ZIP):
        tensors = _read_zip(path)
    elif caffe_file.is_caffe(head):
        tensors = caffe_file.read_caffe(path)
    else:
        raise CheckpointError("it is no torch, safetensors, Keras or .npz file, nor one of C3D's Caffe")
    return SourceFile(path, _flavour(tensors), tensors, metadata)


_ZIP = b"PK\x03\x04"
_OLD_PICKLES = (b"(dp", b"}q\x00", b"ccollections\nOrderedDict\n")  # protocols 0 and 1, of Python 2


def _from_pickle(path: pathlib.Path, found: torch_file.Pickled) -> SourceFile:
    return SourceFile(path, _flavour(found.tensors), found.tensors, {}, found.inert, found.others)


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
    if keras_file.is_keras_zip(path):
        return keras_file.read_keras_zip(path)
    with np.load(path, allow_pickle=False) as archive:
        if not archive.files:
            raise CheckpointError("it is a zip archive, but neither torch's, nor Keras', nor a .npz")
        return {name: archive[name] for name in archive.files}


def _read_safetensors(path: pathlib.Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    with safe_open(path, "np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118


def _is_safetensors(head: bytes) -> bool:
    """It starts with the length of its header, any bytes, and the header with a brace."""
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _LONGEST_HEADER


_LONGEST_HEADER = 100_000_000  # of the format's own library


def _flavour(tensors: dict[str, np.ndarray]) -> str:
    if not tensors:
        raise CheckpointError("it holds no tensors")
    if any(name.startswith(("params/", "batch_stats/")) for name in tensors):
        return "emojax"
    return "keras" if all("/" in name for name in tensors) else "torch"
