"""An ONNX graph under construction: nodes, constants, and shapes in which the batch size is free."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence

import jax
import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 18
Shape = tuple  # of int, and of symbolic sizes of jax.export


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
    """What a primitive reads or returns.

    Attributes:
        name: in the graph; empty for a constant that no node has read yet.
        shape: that it has in the graph. An axis may have length 1 where JAX's array repeats its values along it: ONNX
            broadcasts, so that only few operators need the array in full (`Graph.full`).
        dtype: NumPy's.
        value: of a constant.
    """

    name: str
    shape: Shape
    dtype: np.dtype
    value: np.ndarray | None = None


class Graph:
    """Nodes in the order of computation.

    Args:
        parent: graph around it, for the body of a loop: constants and names are those of the outermost graph.
    """

    def __init__(self, parent: Graph | None = None):
        self.nodes: list[onnx.NodeProto] = []
        self._root: Graph = parent._root if parent else self
        if parent is None:
            self._numbers = itertools.count()
            self._initializers: dict[str, np.ndarray] = {}
            self._names: dict[int, str] = {}  # of constants, by the identity of their tensor
            self._kept: list[Tensor] = []  # so that no identity is given twice
            self.batch: str = ""  # name of the int64 [1] tensor that holds the batch size
            self.symbol = None  # the batch size in JAX's shapes

    def constant(self, value: np.ndarray, name: str = "") -> Tensor:
        """A constant; it becomes an initialiser when a node reads it."""
        value = np.asarray(value)
        return Tensor(name, value.shape, value.dtype, value)

    def add(self, kind: str, inputs: Sequence[Tensor], shape: Iterable, dtype, **attributes) -> Tensor:
        """Adds a node with one output."""
        return self.add_many(kind, inputs, [(tuple(shape), dtype)], **attributes)[0]

    def add_many(
        self, kind: str, inputs: Sequence[Tensor], outputs: Sequence[tuple[Shape, np.dtype]], **attributes
    ) -> list[Tensor]:
        """Adds a node with outputs of the given shapes and dtypes."""
        made = [Tensor(self.new_name(kind), shape, np.dtype(dtype)) for shape, dtype in outputs]
        names = [self.name_of(tensor) for tensor in inputs]
        self.nodes.append(helper.make_node(kind, names, [t.name for t in made], made[0].name, **attributes))
        return made

    def new_name(self, kind: str) -> str:
        return f"{kind}_{next(self._root._numbers)}"

    def name_of(self, tensor: Tensor) -> str:
        """Name under which nodes read a tensor."""
        if tensor.value is None:
            return tensor.name
        root = self._root
        if id(tensor) not in root._names:
            root._names[id(tensor)] = name = tensor.name or self.new_name("constant")
            root._initializers[name] = tensor.value
            root._kept.append(tensor)
        return root._names[id(tensor)]

    def integers(self, values: Sequence[int]) -> Tensor:
        return self.constant(np.array(values, np.int64))

    def sizes(self, shape: Sequence) -> Tensor:
        """An int64 tensor of sizes, some of them multiples of the batch size."""
        if not any(map(jax.export.is_symbolic_dim, shape)):
            return self.integers(shape)
        parts = []
        for size in shape:
            if not jax.export.is_symbolic_dim(size):
                parts.append(self.integers([size]))
                continue
            factor, batch = self.multiple(size), Tensor(self._root.batch, (1,), np.dtype(np.int64))
            parts.append(
                batch if factor == 1 else self.add("Mul", [batch, self.integers([factor])], (1,), np.int64)
            )
        return self.add("Concat", parts, (len(shape),), np.int64, axis=0)

    def multiple(self, size) -> int:
        """How many times the batch size a symbolic size is.

        Raises:
            NotImplementedError: it is no whole multiple.
        """
        factor = size // self._root.symbol
        if not isinstance(factor, int):
            raise NotImplementedError(f"an array of size {size}")
        return factor

    def full(self, tensor: Tensor, shape: Shape) -> Tensor:
        """The tensor with all axes at the length that JAX's array has."""
        if tuple(tensor.shape) == tuple(shape):
            return tensor
        return self.add("Expand", [tensor, self.sizes(shape)], shape, tensor.dtype)

    def transpose(self, tensor: Tensor, order: Sequence[int]) -> Tensor:
        order = [int(axis) for axis in order]
        if order == sorted(order):
            return tensor
        if tensor.value is not None:
            return self.constant(np.ascontiguousarray(tensor.value.transpose(order)))
        return self.add("Transpose", [tensor], [tensor.shape[i] for i in order], tensor.dtype, perm=order)

    def reshape(self, tensor: Tensor, shape: Shape) -> Tensor:
        if tuple(tensor.shape) == tuple(shape):
            return tensor
        if tensor.value is not None:
            return self.constant(tensor.value.reshape(shape))
        free = [axis for axis, size in enumerate(shape) if jax.export.is_symbolic_dim(size)]
        if len(free) > 1:
            sizes = self.sizes(shape)
        else:
            sizes = self.integers([-1 if axis in free else size for axis, size in enumerate(shape)])
        return self.add("Reshape", [tensor, sizes], shape, tensor.dtype)

    def cast(self, tensor: Tensor, dtype) -> Tensor:
        dtype = np.dtype(dtype)
        if tensor.dtype == dtype:
            return tensor
        if tensor.value is not None:
            return self.constant(tensor.value.astype(dtype))
        return self.add("Cast", [tensor], tensor.shape, dtype, to=helper.np_dtype_to_tensor_dtype(dtype))

    def proto(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], name: str) -> onnx.GraphProto:
        """The finished graph: nodes that no output needs are left out, as are constants that no node reads."""
        kept, needed = [], {tensor.name for tensor in outputs}
        for node in reversed(self.nodes):
            if needed & set(node.output):
                kept.append(node)
                needed |= set(read_by(node))
        initializers = [
            numpy_helper.from_array(np.ascontiguousarray(value), key)
            for key, value in (self._initializers.items() if self._root is self else ())
            if key in needed
        ]
        used = inputs if self._root is not self else [t for t in inputs if t.name in needed]
        return helper.make_graph(
            kept[::-1], name, [_described(t) for t in used], [_described(t) for t in outputs], initializers
        )


def read_by(node: onnx.NodeProto) -> Iterator[str]:
    """Names that a node reads, and the body of a loop with it."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from read_by(inner)


def _described(tensor: Tensor) -> onnx.ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(tensor.dtype)
    sizes = [str(size) if jax.export.is_symbolic_dim(size) else size for size in tensor.shape]
    return helper.make_tensor_value_info(tensor.name, kind, sizes)
