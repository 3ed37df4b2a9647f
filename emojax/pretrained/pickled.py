"""Unpickles the tensors of torch and the arrays of NumPy, and nothing else.

A pickle builds its objects by calling what it names. Here every name is one of `_PLAIN`, a maker of tensors of
this module, or an `Inert` class: an object that keeps what the pickle gives it and does nothing. So a file with
anything beside its tensors (a logger, command line arguments, paths) is read, and nothing of it is executed.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import pickle
import re
from collections.abc import Callable
from typing import Any, ClassVar

import ml_dtypes
import numpy as np

from emojax.errors import CheckpointError

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
    "ComplexFloatStorage": np.dtype(np.complex64),
    "ComplexDoubleStorage": np.dtype(np.complex128),
    "QInt8Storage": np.dtype(np.int8),
    "QUInt8Storage": np.dtype(np.uint8),
    "QInt32Storage": np.dtype(np.int32),
}
_NUMBERS = re.compile(r"[<>|=]?[biuf][1248]")  # NumPy's names of the types that are read


@dataclasses.dataclass(frozen=True)
class Storage:
    """Where the numbers of a tensor are: `size` elements from `start` of the storage `key` of the file."""

    key: str
    dtype: np.dtype
    size: int
    start: int = 0  # for the views of torch before 1.6


class Tensor:
    """An array of the file."""

    shape: tuple[int, ...]

    def array(self) -> np.ndarray:
        """The values, an own copy.

        Raises:
            CheckpointError: the file does not hold all of them.
        """
        raise NotImplementedError


class TorchTensor(Tensor):
    """A view of a storage, read when `array` is called."""

    def __init__(self, storage: Storage, offset: int, shape, strides, load: Callable[[Storage], np.ndarray]):
        self.storage, self.offset, self.shape, self.strides = storage, offset, tuple(shape), tuple(strides)
        self.load = load

    def array(self) -> np.ndarray:
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


class Inert:
    """Stands for an object of no interest.

    Attributes:
        name: what the pickle asked for, e.g. ``pathlib.PosixPath``.
        entries: what was put into it by key.
        state: what it was to consist of.
    """

    name = ""
    entries: dict[Any, Any]
    state: Any

    def __new__(cls, *_: Any, **__: Any):  # a pickle may leave `__init__` out
        made = super().__new__(cls)
        made.entries, made.state = {}, None
        return made

    def __init__(self, *_: Any, **__: Any):
        pass

    def __call__(self, *_: Any, **__: Any) -> Inert:
        return Inert()

    def __setitem__(self, key: Any, value: Any) -> None:
        self.entries[key] = value

    def append(self, _: Any) -> None:
        """Takes an element of a list and forgets it."""

    add = append


class _DType(Inert):
    """NumPy's description of a type of numbers."""

    def __init__(self, kind: Any = None, *_: Any):
        self.kind = kind if isinstance(kind, str) else ""

    def resolve(self) -> np.dtype | None:
        """None where the elements are no numbers."""
        if not _NUMBERS.fullmatch(self.kind):
            return None
        order = self.state[1] if isinstance(self.state, tuple) else "="
        return np.dtype(self.kind).newbyteorder(order if order in ("<", ">") else "=")


class NumPyArray(Inert, Tensor):
    """An array that NumPy pickled; `state` is (version, shape, dtype, column-major, bytes)."""

    @property
    def is_numeric(self) -> bool:
        """Whether its elements are numbers and not objects."""
        parts = self.state
        return isinstance(parts, tuple) and isinstance(parts[-3], _DType) and parts[-3].resolve() is not None

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.state[-4])

    def array(self) -> np.ndarray:
        *_, shape, dtype, by_columns, raw = self.state
        raw = raw.encode("latin1") if isinstance(raw, str) else bytes(raw)  # Python 2 wrote strings
        flat = np.frombuffer(raw, dtype.resolve())
        if math.prod(shape) != flat.size:
            raise CheckpointError(f"an array of shape {tuple(shape)} has {flat.size} values")
        native = flat.astype(flat.dtype.newbyteorder("="))
        return native.reshape(shape, order="F" if by_columns else "C")

    @classmethod
    def from_buffer(cls, raw: Any, dtype: Any, shape: Any, order: Any = "C") -> NumPyArray:
        """As pickle's protocol 5 describes it."""
        made = cls()
        made.state = (tuple(shape), dtype, order == "F", raw)
        return made


class ArrayUnpickler(
    pickle._Unpickler
):  # the one in Python: its memo costs what it holds, whatever a file says
    """Makes containers, numbers, `Tensor` and `Inert`.

    Args:
        file: where the pickle starts.
        load: reads a storage; None where the pickle has none.

    Attributes:
        item_sizes: bytes per element of each storage that was pointed to.
        inert: names of what was asked for and not made.
    """

    def __init__(self, file, load: Callable[[Storage], np.ndarray] | None = None):
        super().__init__(file, encoding="latin1")  # files of Python 2 hold byte strings
        self._load_storage = load
        self.item_sizes: dict[str, int] = {}
        self.inert: set[str] = set()

    def load_build(self) -> None:
        """Gives an object its state: never calls it, never touches anything but an `Inert`."""
        state = self.stack.pop()
        if isinstance(self.stack[-1], Inert):
            self.stack[-1].state = state

    dispatch: ClassVar = {**pickle._Unpickler.dispatch, pickle.BUILD[0]: load_build}

    def find_class(self, module: str, name: str) -> Any:
        if module in ("torch", "torch.cuda") and name in _DTYPES:
            return _DTYPES[name]
        if module == "torch" and re.fullmatch(r"(b?float|int|uint|bool|complex)\d*", name):
            return name
        if (module, name) in _MAKERS:
            return getattr(self, _MAKERS[module, name])
        if (module, name) in _PLAIN:
            return _PLAIN[module, name]
        self.inert.add(f"{module}.{name}")
        return type("Inert", (Inert,), {"name": f"{module}.{name}"})

    def persistent_load(self, pid: Any) -> Any:
        if pid[0] == "module":  # torch's own record of a class and its source
            return pid[1]
        kind, dtype, key, _, size, *view = pid
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise CheckpointError(f"its pickle points to {kind!r}, which is not a storage of tensors")
        self.item_sizes[str(key)] = dtype.itemsize
        if view and view[0] is not None:
            _, start, size = view[0]
            return Storage(str(key), dtype, size, start)
        return Storage(str(key), dtype, size)

    def _tensor(self, storage: Any, offset: int, shape: tuple, strides: tuple, *_: Any) -> Tensor | Inert:
        if not isinstance(storage, Storage) or self._load_storage is None:
            return Inert()
        return TorchTensor(storage, offset, shape, strides, self._load_storage)

    def _parameter(self, data: Any, *_: Any) -> Any:
        return data

    def _subclass(self, make: Any, _: Any, arguments: tuple, *__: Any) -> Any:
        own = isinstance(make, type(self._tensor)) and make.__self__ is self
        return make(*arguments) if own else Inert()

    def _array(self, *_: Any) -> NumPyArray:
        return NumPyArray()

    def _no_bytes(self, *arguments: Any) -> bytes | Inert:
        """How Python 3 writes empty bytes in the protocols of Python 2."""
        return Inert() if arguments else b""

    def _encode(self, text: Any, encoding: Any = "", *_: Any) -> Any:
        """How Python 3 writes bytes in the protocols of Python 2."""
        sound = isinstance(text, str) and encoding in ("latin1", "latin-1")
        return text.encode("latin1") if sound else Inert()


_MAKERS = {
    ("torch._utils", "_rebuild_tensor"): "_tensor",
    ("torch._utils", "_rebuild_tensor_v2"): "_tensor",
    ("torch._utils", "_rebuild_parameter"): "_parameter",
    ("torch._utils", "_rebuild_parameter_with_state"): "_parameter",
    ("torch._tensor", "_rebuild_from_type_v2"): "_subclass",
    ("numpy.core.multiarray", "_reconstruct"): "_array",
    ("numpy._core.multiarray", "_reconstruct"): "_array",
    ("_codecs", "encode"): "_encode",
    ("__builtin__", "bytes"): "_no_bytes",
}
_PLAIN = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch", "Size"): tuple,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("numpy", "dtype"): _DType,
    ("numpy", "ndarray"): NumPyArray,
    ("numpy.core.numeric", "_frombuffer"): NumPyArray.from_buffer,
    ("numpy._core.numeric", "_frombuffer"): NumPyArray.from_buffer,
}
