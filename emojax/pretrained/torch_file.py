"""Reads the tensors of torch's files without torch and without executing what a pickle asks for.

``torch.save`` writes a pickle whose tensors point into storages: beside it in a zip archive (torch 1.6 and
later), or behind it in the same stream (before; most published files). Of the pickle only containers, numbers
and tensors are accepted: the names it may look up are those of `_ALLOWED`, and none of them is torch's own.
"""

from __future__ import annotations

import collections
import dataclasses
import io
import math
import pathlib
import pickle
import re
import struct
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import ml_dtypes
import numpy as np

from emojax.errors import CheckpointError

_MAGIC = 0x1950A86A20F9469CFC6C  # first pickle of a stream written before torch 1.6
_DTYPES = {
    "FloatStorage": np.dtype(np.float32),
    "DoubleStorage": np.dtype(np.float64),
    "HalfStorage": np.dtype(np.float16),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype(np.int64),
    "IntStorage": np.dtype(np.int32),
    "ShortStorage": np.dtype(np.int16),
    "CharStorage": np.dtype(np.int8),
    "ByteStorage": np.dtype(np.uint8),
    "BoolStorage": np.dtype(np.bool_),
}


@dataclasses.dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype
    size: int
    start: int = 0  # in elements, for the views of the old format


@dataclasses.dataclass(frozen=True)
class TorchTensor:
    """A tensor of the file, read when `array` is called."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    load: Callable[[_Storage], np.ndarray]

    def array(self) -> np.ndarray:
        """The values, an own copy.

        Raises:
            CheckpointError: the tensor reaches beyond its storage, or the file ends before it.
        """
        flat = self.load(self.storage)
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        sound = min((*self.shape, *self.strides, self.offset, 0)) >= 0 and math.prod(self.shape) <= flat.size
        if not sound or (last >= flat.size and 0 not in self.shape):
            raise CheckpointError(f"a tensor of shape {self.shape} reaches beyond its storage")
        bytes_per_step = [s * flat.itemsize for s in self.strides]
        view = np.lib.stride_tricks.as_strided(
            flat[self.offset :], self.shape, bytes_per_step, writeable=False
        )
        return view.copy()


def is_torch_zip(path: pathlib.Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(n.rsplit("/", 1)[-1] == "data.pkl" for n in archive.namelist())


def read_zip(path: pathlib.Path) -> Any:
    """The object that ``torch.save`` (1.6 and later) wrote, tensors as `TorchTensor`.

    Raises:
        CheckpointError: damaged, or it wants to run code.
    """
    archive = zipfile.ZipFile(path)  # stays open for the tensors, which are read later
    names = set(archive.namelist())
    (pickle_name,) = (n for n in names if n.rsplit("/", 1)[-1] == "data.pkl")
    folder = pickle_name.removesuffix("data.pkl")
    if f"{folder}constants.pkl" in names:
        raise CheckpointError(
            "it is a TorchScript program. Where torch is installed, save its weights alone: "
            "torch.save(torch.jit.load(FILE).state_dict(), NEW_FILE)"
        )
    order = archive.read(f"{folder}byteorder").decode() if f"{folder}byteorder" in names else "little"

    def load(storage: _Storage) -> np.ndarray:
        return _from_bytes(archive.read(f"{folder}data/{storage.key}"), storage, order)

    return _Unpickler(io.BytesIO(archive.read(pickle_name)), load).load()


def read_stream(path: pathlib.Path) -> Any:
    """The object that ``torch.save`` wrote before torch 1.6, tensors as `TorchTensor`.

    Raises:
        CheckpointError: not such a file, damaged, or it wants to run code.
    """
    with open(path, "rb") as file:
        if _Unpickler(file).load() != _MAGIC:
            raise CheckpointError("it is a pickle, but not one that torch.save wrote")
        _Unpickler(file).load()  # protocol version
        little_endian = _Unpickler(file).load().get("little_endian", True)
        places: dict[str, tuple[int, int]] = {}

        def load(storage: _Storage) -> np.ndarray:
            start, size = places[storage.key]
            with open(path, "rb") as data:
                data.seek(start)
                raw = data.read(size * storage.dtype.itemsize)
            whole = dataclasses.replace(storage, start=0, size=size)
            flat = _from_bytes(raw, whole, "little" if little_endian else "big")
            return flat[storage.start : storage.start + storage.size]

        unpickler = _Unpickler(file, load)
        content = unpickler.load()
        for key in _Unpickler(file).load():
            (size,) = struct.unpack("<q" if little_endian else ">q", file.read(8))
            places[key] = file.tell(), size
            file.seek(size * unpickler.item_sizes[key], io.SEEK_CUR)
    return content


def find_state_dict(content: Any) -> dict[str, TorchTensor]:
    """The state dict in what was saved: itself, or under a usual name.

    Raises:
        CheckpointError: there is none; tells what there is.
    """
    candidates = [content]
    if isinstance(content, Mapping):
        candidates += [content[k] for k in ("state_dict", "model_state_dict", "model") if k in content]
    for candidate in candidates:
        if not isinstance(candidate, Mapping):
            continue
        tensors = {k: v for k, v in candidate.items() if isinstance(v, TorchTensor)}
        if tensors and len(tensors) == len(candidate):
            return tensors
    keys = list(content)[:12] if isinstance(content, Mapping) else type(content).__name__
    raise CheckpointError(
        f"it holds no state dict (looked under state_dict, model_state_dict, model); it has {keys}"
    )


def _from_bytes(raw: bytes, storage: _Storage, order: str) -> np.ndarray:
    if len(raw) < storage.size * storage.dtype.itemsize:
        raise CheckpointError(f"it is truncated: storage {storage.key} has {len(raw)} bytes")
    flat = np.frombuffer(raw, storage.dtype, storage.size)
    return flat.byteswap() if order == "big" else flat


class _Unpickler(pickle.Unpickler):
    """Looks up only `_ALLOWED` names, so that no code of the file or of a library runs."""

    def __init__(self, file, load: Callable[[_Storage], np.ndarray] | None = None):
        # Files of Python 2 hold byte strings.
        super().__init__(file, encoding="latin1")
        self._load = load
        self.item_sizes: dict[str, int] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module in ("torch", "torch.cuda") and name in _DTYPES:
            return _DTYPES[name]
        if module == "torch" and re.fullmatch(r"(b?float|int|uint|bool|complex)\d*", name):
            return name
        if (module, name) in _TENSOR_BUILDERS:
            return getattr(self, _TENSOR_BUILDERS[module, name])
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        raise CheckpointError(
            f"its pickle asks for {module}.{name}. Only tensors in plain containers are read, and nothing is "
            "executed. If you trust the file, save its weights alone where it was made: "
            "torch.save(model.state_dict(), NEW_FILE)"
        )

    def persistent_load(self, identifier: Any) -> _Storage:
        kind, dtype, key, _, size, *view = identifier
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise CheckpointError(f"its pickle points to {kind!r}, which is not a storage of tensors")
        self.item_sizes[str(key)] = dtype.itemsize
        if view and view[0] is not None:
            _, start, size = view[0]
            return _Storage(str(key), dtype, size, start)
        return _Storage(str(key), dtype, size)

    def _tensor(self, storage: _Storage, offset: int, shape: tuple, strides: tuple, *_: Any) -> TorchTensor:
        return TorchTensor(storage, offset, tuple(shape), tuple(strides), self._load)

    def _parameter(self, data: TorchTensor, *_: Any) -> TorchTensor:
        return data


_TENSOR_BUILDERS = {
    ("torch._utils", "_rebuild_tensor"): "_tensor",
    ("torch._utils", "_rebuild_tensor_v2"): "_tensor",
    ("torch._utils", "_rebuild_parameter"): "_parameter",
}


class _Inert:
    """Stands for a value of no interest (command line arguments, a learning rate); keeps and does nothing."""

    def __init__(self, *_: Any):
        pass

    def __setstate__(self, _: Any) -> None:
        pass


def _inert(*_: Any) -> _Inert:
    return _Inert()


_ALLOWED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch", "Size"): tuple,
    ("torch", "device"): _inert,
    ("torch.serialization", "_get_layout"): _inert,
    ("argparse", "Namespace"): _Inert,
    ("collections", "Counter"): _Inert,
    ("_codecs", "encode"): _inert,
    ("numpy", "dtype"): _Inert,
    ("numpy.core.multiarray", "scalar"): _inert,
    ("numpy._core.multiarray", "scalar"): _inert,
}
