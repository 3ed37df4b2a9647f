"""Reads what torch saved, without torch; see `pickled` for what becomes of the pickle in it.

``torch.save`` writes a pickle whose tensors point into storages: beside it in a zip archive (torch 1.6 and
later), or behind it in the same stream (before; most published files).
"""

from __future__ import annotations

import dataclasses
import io
import pathlib
import struct
import zipfile
from typing import Any

import numpy as np

from emojax.errors import CheckpointError
from emojax.pretrained.pickled import ArrayUnpickler, Storage
from emojax.pretrained.state_dict import find_tensors, other_state_dicts

_MAGIC = 0x1950A86A20F9469CFC6C  # first pickle of a stream written before torch 1.6


@dataclasses.dataclass(frozen=True)
class Pickled:
    """What a pickle holds.

    Attributes:
        tensors: arrays by name.
        inert: names of the other objects, which were not made.
        others: names of further state dicts of the same size.
    """

    tensors: dict[str, np.ndarray]
    inert: tuple[str, ...]
    others: tuple[str, ...] = ()


def is_torch_zip(path: pathlib.Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(n.rsplit("/", 1)[-1] == "data.pkl" for n in archive.namelist())


def read_zip(path: pathlib.Path, key: str | None = None) -> Pickled:
    """The state dict that ``torch.save`` (1.6 and later) wrote.

    Args:
        path: the file.
        key: see `state_dict.find_tensors`.

    Raises:
        CheckpointError: damaged, or without a state dict.
    """
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        (pickle_name,) = (n for n in names if n.rsplit("/", 1)[-1] == "data.pkl")
        folder = pickle_name.removesuffix("data.pkl")
        if f"{folder}constants.pkl" in names:
            raise CheckpointError(
                "it is a TorchScript program. Where torch is installed, save its weights alone: "
                "torch.save(torch.jit.load(FILE).state_dict(), NEW_FILE)"
            )
        order = archive.read(f"{folder}byteorder").decode() if f"{folder}byteorder" in names else "little"

        def load(storage: Storage) -> np.ndarray:
            return _from_bytes(archive.read(f"{folder}data/{storage.key}"), storage, order)

        unpickler = ArrayUnpickler(io.BytesIO(archive.read(pickle_name)), load)
        return _read(unpickler.load(), unpickler, key)


def read_stream(path: pathlib.Path, key: str | None = None) -> Pickled:
    """The state dict that ``torch.save`` wrote before torch 1.6, or a plain pickle of NumPy arrays.

    Arguments and errors as `read_zip`.
    """
    with open(path, "rb") as file:
        first = ArrayUnpickler(file)
        content = first.load()
        if not isinstance(content, int) or content != _MAGIC:
            return _read(content, first, key)
        ArrayUnpickler(file).load()  # protocol version
        little_endian = ArrayUnpickler(file).load().get("little_endian", True)
        places: dict[str, tuple[int, int]] = {}

        def load(storage: Storage) -> np.ndarray:
            start, size = places[storage.key]
            file.seek(start)
            raw = file.read(size * storage.dtype.itemsize)
            whole = dataclasses.replace(storage, start=0, size=size)
            flat = _from_bytes(raw, whole, "little" if little_endian else "big")
            return flat[storage.start : storage.start + storage.size]

        unpickler = ArrayUnpickler(file, load)
        content = unpickler.load()
        for storage_key in ArrayUnpickler(file).load():
            (size,) = struct.unpack("<q" if little_endian else ">q", file.read(8))
            places[storage_key] = file.tell(), size
            file.seek(size * unpickler.item_sizes[storage_key], io.SEEK_CUR)
        return _read(content, unpickler, key)


def _read(content: Any, unpickler: ArrayUnpickler, key: str | None) -> Pickled:
    inert = tuple(sorted(unpickler.inert))
    try:
        tensors = find_tensors(content, key)
    except CheckpointError as error:
        asked = f" (it also asks for {', '.join(inert[:3])}; nothing is executed)" if inert else ""
        raise CheckpointError(f"{error}{asked}") from error
    others = other_state_dicts(content, tensors) if key is None else ()
    return Pickled({name: tensor.array() for name, tensor in tensors.items()}, inert, others)


def _from_bytes(raw: bytes, storage: Storage, order: str) -> np.ndarray:
    if len(raw) < storage.size * storage.dtype.itemsize:
        raise CheckpointError(f"it is truncated: storage {storage.key} has {len(raw)} bytes")
    flat = np.frombuffer(raw, storage.dtype, storage.size)
    return flat.byteswap() if order == "big" else flat
