"""Slices and indices in ONNX."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from emojax.exports.to_onnx.graph import Graph, Tensor


def _cut(graph: Graph, x: Tensor, starts, limits, strides, shape) -> Tensor:
    axes = [i for i in range(len(shape)) if (starts[i], limits[i], strides[i]) != (0, x.shape[i], 1)]
    if not axes:
        return x
    inputs = [graph.integers([starts[i] for i in axes]), graph.sizes([limits[i] for i in axes])]
    inputs += [graph.integers(axes), graph.integers([strides[i] for i in axes])]
    return graph.add("Slice", [x, *inputs], shape, x.dtype)


def static_slice(graph: Graph, eqn, args: Sequence[Tensor]) -> Tensor:
    p = eqn.params
    strides = p["strides"] or (1,) * len(p["start_indices"])
    return _cut(graph, args[0], p["start_indices"], p["limit_indices"], strides, eqn.outvars[0].aval.shape)


def dynamic_slice(graph: Graph, eqn, args: Sequence[Tensor]) -> Tensor:
    x, *starts = args
    sizes, axes, ends, begins = eqn.params["slice_sizes"], [], [], []
    for axis, (size, start) in enumerate(zip(sizes, starts)):
        if size == x.shape[axis]:
            continue
        start = graph.reshape(graph.cast(start, np.int64), (1,))
        inside = graph.add("Max", [start, graph.integers([0])], (1,), np.int64)
        inside = graph.add("Min", [inside, graph.integers([x.shape[axis] - size])], (1,), np.int64)
        begins.append(inside)
        ends.append(graph.add("Add", [inside, graph.integers([size])], (1,), np.int64))
        axes.append(axis)
    if not axes:
        return x
    limits = [graph.add("Concat", part, (len(axes),), np.int64, axis=0) for part in (begins, ends)]
    return graph.add("Slice", [x, *limits, graph.integers(axes)], eqn.outvars[0].aval.shape, x.dtype)


def reverse(graph: Graph, eqn, args: Sequence[Tensor]) -> Tensor:
    axes = list(eqn.params["dimensions"])
    limits = [[-1] * len(axes), [np.iinfo(np.int64).min] * len(axes), axes, [-1] * len(axes)]
    return graph.add("Slice", [args[0], *map(graph.integers, limits)], args[0].shape, args[0].dtype)


def gather(graph: Graph, eqn, args: Sequence[Tensor]) -> Tensor:
    """Indexing: a slice, whole slices at places of some axes, or `take_along_axis`."""
    (x, places), p, out = args, eqn.params, eqn.outvars[0].aval
    numbers, sizes = p["dimension_numbers"], p["slice_sizes"]
    axes, common = tuple(numbers.start_index_map), tuple(numbers.operand_batching_dims)
    if places.value is not None and math.prod(places.shape[:-1]) == 1 and not common:
        starts = dict(zip(axes, places.value.ravel().tolist()))
        starts = [starts.get(axis, 0) for axis in range(len(sizes))]
        limits = [start + size for start, size in zip(starts, sizes)]
        return graph.reshape(_cut(graph, x, starts, limits, [1] * len(sizes), sizes), out.shape)
    whole = all(n == (1 if i in (*axes, *common) else x.shape[i]) for i, n in enumerate(sizes))
    side_by_side = axes == tuple(range(axes[0], axes[0] + len(axes)))
    if not whole or not side_by_side or tuple(numbers.collapsed_slice_dims) != axes:
        raise NotImplementedError("this way of picking values by index")
    x, places = _one_axis(graph, x, places, axes)
    if common:
        return _gather_along(graph, x, places, axes[0], numbers, out)
    first, count = axes[0], len(places.shape)
    offsets = [i if i < first else i + count for i in range(len(numbers.offset_dims))]
    indices, offsets = iter(range(first, first + count)), iter(offsets)
    order = [next(offsets) if i in numbers.offset_dims else next(indices) for i in range(len(out.shape))]
    shape = (*x.shape[:first], *places.shape, *x.shape[first + 1 :])
    return graph.transpose(graph.add("Gather", [x, places], shape, x.dtype, axis=first), order)


def _one_axis(graph: Graph, x: Tensor, places: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """The axes as one, and int64 places on it that are inside."""
    sizes = x.shape[axes[0] : axes[-1] + 1]
    if places.value is not None:
        inside = np.clip(places.value, 0, np.array(sizes) - 1)
        steps = [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]
        whole = (*x.shape[: axes[0]], math.prod(sizes), *x.shape[axes[-1] + 1 :])
        return graph.reshape(x, whole), graph.constant((inside * steps).sum(axis=-1).astype(np.int64))
    if len(axes) > 1:
        raise NotImplementedError("places of several axes that depend on the input")
    places = graph.cast(graph.reshape(places, places.shape[:-1]), np.int64)
    places = graph.add("Max", [places, graph.constant(np.int64(0))], places.shape, np.int64)
    return x, graph.add("Min", [places, graph.constant(np.int64(sizes[0] - 1))], places.shape, np.int64)


def _gather_along(graph: Graph, x: Tensor, places: Tensor, axis: int, numbers, out) -> Tensor:
    """One index for each entry of the leading axes, and whole slices behind them: GatherND counts those axes."""
    common = tuple(numbers.operand_batching_dims)
    lead = len(common)
    if common != tuple(range(lead)) or tuple(numbers.start_indices_batching_dims) != common or axis != lead:
        raise NotImplementedError("this way of picking values by index")
    places = graph.reshape(places, (*places.shape, 1))
    found = (*places.shape[:-1], *x.shape[lead + 1 :])
    result = graph.add("GatherND", [x, places], found, x.dtype, batch_dims=lead)
    return graph.reshape(result, out.shape)
