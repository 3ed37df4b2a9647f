"""The constant tensors of an ONNX file, from its protocol buffer; enough to take weights out of one."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import numpy as np

_GRAPH, _INITIALIZER = 7, 5  # fields of ModelProto and GraphProto
_DIMS, _TYPE, _NAME, _RAW = 1, 2, 8, 9  # fields of TensorProto
_FLOAT = 1


def read_initializers(path: pathlib.Path) -> dict[str, np.ndarray]:
    """float32 tensors by name."""
    (graph,) = (value for field, value in _fields(memoryview(path.read_bytes())) if field == _GRAPH)
    tensors = {}
    for field, value in _fields(graph):
        if field != _INITIALIZER:
            continue
        content: dict[int, list] = {}
        for key, part in _fields(value):
            content.setdefault(key, []).append(part)
        if content[_TYPE] == [_FLOAT]:
            name = bytes(content[_NAME][0]).decode()
            tensors[name] = np.frombuffer(content[_RAW][0], np.float32).reshape(content[_DIMS])
    return tensors


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
        else:
            size, at = _varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = data[at : at + size], at + size
        yield tag >> 3, value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
