"""Small files in every accepted format, written without torch: what a reader has to understand."""

from __future__ import annotations

import collections
import io
import json
import pickle
import struct
import sys
import types
import zipfile

import h5py
import numpy as np

_STORAGES = {
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "float64": "DoubleStorage",
    "int64": "LongStorage",
}


class _Persistent:
    def __init__(self, identifier):
        self.identifier = identifier


class _Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return value.identifier if isinstance(value, _Persistent) else None


def _torch_names():
    """Stand-ins for torch's names, so that a pickle can refer to them where torch is absent."""
    module = types.ModuleType("torch")
    for name in _STORAGES.values():
        setattr(module, name, type(name, (), {"__module__": "torch"}))
    utils = types.ModuleType("torch._utils")

    def _rebuild_tensor_v2(*args):
        raise AssertionError("never called")

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    module._utils = utils
    return module, utils


class _Tensor:
    def __init__(self, storage, array, rebuild):
        self._arguments = (storage, 0, array.shape, tuple(s // array.itemsize for s in array.strides))
        self._rebuild = rebuild

    def __reduce__(self):
        return self._rebuild, (*self._arguments, False, collections.OrderedDict())


def torch_zip(path, content: dict) -> None:
    """What ``torch.save`` of torch 1.6 and later writes; nested dicts of arrays and plain values."""
    pickled, arrays = _pickle(content, view=())
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for i, array in enumerate(arrays):
            archive.writestr(f"archive/data/{i}", array.tobytes())
        archive.writestr("archive/version", "3\n")


def torch_stream(path, content: dict) -> None:
    """What ``torch.save`` wrote before torch 1.6: five pickles, then the storages."""
    pickled, arrays = _pickle(content, view=(None,))
    system = {
        "protocol_version": 1001,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    first = [pickle.dumps(value, protocol=2) for value in (0x1950A86A20F9469CFC6C, 1001, system)]
    keys = pickle.dumps([str(i) for i in range(len(arrays))], protocol=2)
    storages = [struct.pack("<q", array.size) + array.tobytes() for array in arrays]
    path.write_bytes(b"".join([*first, pickled, keys, *storages]))


def _pickle(content: dict, view: tuple) -> tuple[bytes, list[np.ndarray]]:
    """(pickle of the content that points to storages, the storages); `view` ends each pointer."""
    saved = {k: sys.modules.get(k) for k in ("torch", "torch._utils")}
    module, utils = _torch_names()
    sys.modules.update({"torch": module, "torch._utils": utils})
    arrays = []

    def convert(value):
        if type(value) in (dict, collections.OrderedDict):
            return collections.OrderedDict((k, convert(v)) for k, v in value.items())
        if not isinstance(value, np.ndarray) or value.dtype.name not in _STORAGES:
            return value
        arrays.append(np.ascontiguousarray(value))
        kind = getattr(module, _STORAGES[value.dtype.name])
        storage = _Persistent(("storage", kind, str(len(arrays) - 1), "cpu", value.size, *view))
        return _Tensor(storage, arrays[-1].reshape(value.shape), utils._rebuild_tensor_v2)

    try:
        buffer = io.BytesIO()
        _Pickler(buffer, protocol=2).dump(convert(content))
    finally:
        for name, original in saved.items():
            sys.modules.pop(name) if original is None else sys.modules.__setitem__(name, original)
    return buffer.getvalue(), arrays


def keras_zip(path, layers: dict[str, tuple[str, list[np.ndarray]]]) -> None:
    """What ``model.save("model.keras")`` of Keras 3 writes: layer -> (class, its arrays in order)."""
    config = {"layers": [{"class_name": c, "config": {"name": n}} for n, (c, _) in layers.items()]}
    buffer, counts = io.BytesIO(), collections.Counter()
    with h5py.File(buffer, "w") as file:
        for kind, arrays in layers.values():
            snake = _SNAKE_CASE[kind]
            group = f"{snake}_{counts[kind]}" if counts[kind] else snake
            counts[kind] += 1
            for i, array in enumerate(arrays):
                file[f"layers/{group}/vars/{i}"] = array
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Functional", "config": config}))
        archive.writestr("model.weights.h5", buffer.getvalue())


_SNAKE_CASE = {
    "Conv2D": "conv2d",
    "SeparableConv2D": "separable_conv2d",
    "BatchNormalization": "batch_normalization",
    "Dense": "dense",
}
