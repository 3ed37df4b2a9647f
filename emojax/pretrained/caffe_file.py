"""Reads the weights of a file of C3D's Caffe, without Caffe: a protocol buffer of layers, each with its arrays.

Fields (``caffe.proto`` of facebookarchive/C3D): a network's layers are 2; a layer's name is 4 and its arrays 6; an
array's five axes (number, channels, length, height, width) are 1 to 5 and its float32 values 6.
"""

from __future__ import annotations

import math
import pathlib
from collections.abc import Iterator

import numpy as np

from emojax.errors import CheckpointError

_LAYERS, _NAME, _ARRAYS, _VALUES = 2, 4, 6, 6
_AXES = range(1, 6)
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_LEAVES = ("weight", "bias")


def is_caffe(head: bytes) -> bool:
    """Whether a file may begin so: with the name of a network, which is text, or with a layer."""
    return head[:1] == b"\x12" or (head[:1] == b"\x0a" and head[2 : 2 + min(head[1], 100)].isascii())


def read_caffe(path: pathlib.Path) -> dict[str, np.ndarray]:
    """``layer.weight`` and ``layer.bias`` -> array; axes of length 1 in front are left out.

    Raises:
        CheckpointError: it is no such file.
    """
    tensors = {}
    for field, layer in _fields(memoryview(path.read_bytes())):
        if field != _LAYERS or not isinstance(layer, memoryview):
            continue
        parts = list(_fields(layer))
        names = [bytes(value).decode() for field, value in parts if field == _NAME]
        arrays = [_array(value) for field, value in parts if field == _ARRAYS]
        if len(arrays) > len(_LEAVES) or (arrays and not names):
            raise CheckpointError("it is a protocol buffer, but none of C3D's Caffe")
        tensors |= {f"{names[0]}.{leaf}": array for leaf, array in zip(_LEAVES, arrays)}
    if not tensors:
        raise CheckpointError("it is no torch, safetensors, Keras or .npz file, nor one of C3D's Caffe")
    return tensors


def _array(message: memoryview) -> np.ndarray:
    fields = dict(_fields(message))
    axes = [fields.get(axis) for axis in _AXES]
    values = fields.get(_VALUES)
    if not all(isinstance(axis, int) for axis in axes) or not isinstance(values, memoryview):
        raise CheckpointError("its arrays do not have the five axes of C3D's Caffe")
    if 4 * math.prod(axes) != len(values):
        raise CheckpointError(f"an array of {axes} has {len(values) // 4:,} values")
    while len(axes) > 1 and axes[0] == 1:
        axes.pop(0)
    return np.frombuffer(values, "<f4").reshape(axes)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(number, value) of each field of a message; an array's or text's value is its bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
        elif kind in (_BYTES, _EIGHT_BYTES, _FOUR_BYTES):
            size, at = _varint(message, at) if kind == _BYTES else ({1: 8, 5: 4}[kind], at)
            value, at = message[at : at + size], at + size
        else:
            raise CheckpointError(f"its byte {at} begins no field of a protocol buffer")
        if at > len(message):
            raise CheckpointError("it ends in the middle of a layer")
        yield tag >> 3, value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, least first, and where it ends."""
    number = 0
    for shift in range(0, 64, 7):
        if at >= len(message):
            raise CheckpointError("it ends in the middle of a layer")
        byte, at = message[at], at + 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise CheckpointError("it holds a number of more than 64 bits")
