"""What each JAX primitive of a trained network is in ONNX."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from emojax.exports.to_onnx import indexing
from emojax.exports.to_onnx.graph import Graph, Tensor

# One node of the same meaning: they broadcast, so axes of length 1 stay as they are.
_ELEMENTWISE = {
    "abs": "Abs",
    "add": "Add",
    "add_any": "Add",
    "and": "And",
    "atan": "Atan",
    "ceil": "Ceil",
    "cos": "Cos",
    "div": "Div",
    "eq": "Equal",
    "erf": "Erf",
    "exp": "Exp",
    "floor": "Floor",
    "ge": "GreaterOrEqual",
    "gt": "Greater",
    "le": "LessOrEqual",
    "log": "Log",
    "logistic": "Sigmoid",
    "lt": "Less",
    "max": "Max",
    "min": "Min",
    "mul": "Mul",
    "neg": "Neg",
    "not": "Not",
    "or": "Or",
    "pow": "Pow",
    "round": "Round",
    "sign": "Sign",
    "sin": "Sin",
    "sqrt": "Sqrt",
    "sub": "Sub",
    "tanh": "Tanh",
}
_REDUCTIONS = {
    "reduce_max": "ReduceMax",
    "reduce_min": "ReduceMin",
    "reduce_prod": "ReduceProd",
    "reduce_sum": "ReduceSum",
}
_SAME = ("copy", "copy_p", "name", "optimization_barrier", "pvary", "reduce_precision", "stop_gradient")


def _elementwise(graph: Graph, kind: str, args: Sequence[Tensor], dtype) -> Tensor:
    rank = max(len(t.shape) for t in args)
    shapes = [(1,) * (rank - len(t.shape)) + tuple(t.shape) for t in args]
    shape = [next((size for size in sizes if size != 1), 1) for sizes in zip(*shapes)]
    return graph.add(kind, args, shape, dtype)


def _one_node(kind: str):
    return lambda graph, eqn, args: _elementwise(graph, kind, args, eqn.outvars[0].aval.dtype)


def _scalar(graph: Graph, value, like: Tensor) -> Tensor:
    return graph.constant(np.asarray(value, like.dtype))


def _rsqrt(graph, eqn, args):
    root = _elementwise(graph, "Sqrt", args, args[0].dtype)
    return _elementwise(graph, "Reciprocal", [root], root.dtype)


def _integer_pow(graph, eqn, args):
    return _elementwise(graph, "Pow", [args[0], _scalar(graph, eqn.params["y"], args[0])], args[0].dtype)


def _square(graph, eqn, args):
    return _elementwise(graph, "Mul", [args[0], args[0]], args[0].dtype)


def _log1p(graph, eqn, args):
    more = _elementwise(graph, "Add", [args[0], _scalar(graph, 1, args[0])], args[0].dtype)
    return _elementwise(graph, "Log", [more], more.dtype)


def _expm1(graph, eqn, args):
    power = _elementwise(graph, "Exp", args, args[0].dtype)
    return _elementwise(graph, "Sub", [power, _scalar(graph, 1, power)], power.dtype)


def _erfc(graph, eqn, args):
    erf = _elementwise(graph, "Erf", args, args[0].dtype)
    return _elementwise(graph, "Sub", [_scalar(graph, 1, erf), erf], erf.dtype)


def _ne(graph, eqn, args):
    return _elementwise(graph, "Not", [_elementwise(graph, "Equal", args, np.bool_)], np.bool_)


def _clamp(graph, eqn, args):
    low, x, high = args
    return _elementwise(graph, "Min", [_elementwise(graph, "Max", [x, low], x.dtype), high], x.dtype)


def _select(graph, eqn, args):
    which, *cases = args
    if len(cases) != 2:
        raise NotImplementedError(f"a choice between {len(cases)} arrays")
    return _elementwise(graph, "Where", [graph.cast(which, np.bool_), cases[1], cases[0]], cases[0].dtype)


def _convert(graph, eqn, args):
    return graph.cast(args[0], eqn.params["new_dtype"])


def _broadcast(graph, eqn, args):
    """Axes of length 1 take the places of the new ones: whoever needs them at full length expands them."""
    shape = [1] * len(eqn.params["shape"])
    for axis, size in zip(eqn.params["broadcast_dimensions"], args[0].shape):
        shape[axis] = size
    return graph.reshape(args[0], tuple(shape))


def _reshape(graph, eqn, args):
    return graph.reshape(args[0], eqn.outvars[0].aval.shape)


def _transpose(graph, eqn, args):
    return graph.transpose(args[0], eqn.params["permutation"])


def _concatenate(graph, eqn, args):
    out = eqn.outvars[0].aval
    return graph.add("Concat", args, out.shape, out.dtype, axis=eqn.params["dimension"])


def _split(graph, eqn, args):
    outputs = [(v.aval.shape, v.aval.dtype) for v in eqn.outvars]
    sizes = graph.integers(eqn.params["sizes"])
    return graph.add_many("Split", [args[0], sizes], outputs, axis=eqn.params["axis"])


def _pad(graph, eqn, args):
    x, value = args
    before, after, inner = zip(*eqn.params["padding_config"])
    if any(inner) or min(*before, *after) < 0:
        raise NotImplementedError("padding between values, or by less than nothing")
    pads = graph.integers([*before, *after])
    return graph.add("Pad", [x, pads, value], eqn.outvars[0].aval.shape, x.dtype)


def _reduction(kind: str):
    def rule(graph, eqn, args):
        axes, out = graph.integers(eqn.params["axes"]), eqn.outvars[0].aval
        return graph.add(kind, [args[0], axes], out.shape, out.dtype, keepdims=0)

    return rule


def _argmax(graph, eqn, args):
    out = eqn.outvars[0].aval
    (axis,) = eqn.params["axes"]
    return graph.cast(graph.add("ArgMax", args, out.shape, np.int64, axis=axis, keepdims=0), out.dtype)


def _cumsum(graph, eqn, args):
    axis = graph.constant(np.int64(eqn.params["axis"]))
    reverse = int(eqn.params["reverse"])
    return graph.add("CumSum", [args[0], axis], args[0].shape, args[0].dtype, reverse=reverse)


def _dot_general(graph, eqn, args):
    (left, right), out = args, eqn.outvars[0].aval
    (contract_l, contract_r), (batch_l, batch_r) = eqn.params["dimension_numbers"]
    left, right = (graph.cast(x, out.dtype) for x in (left, right))
    last_by_first = (tuple(contract_l), tuple(contract_r)) == ((len(left.shape) - 1,), (0,))
    if last_by_first and not batch_l and len(right.shape) == 2:
        return graph.add("MatMul", [left, right], out.shape, out.dtype)
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    names_l = [next(letters) for _ in left.shape]
    names_r = [next(letters) for _ in right.shape]
    for ours, theirs in (*zip(batch_l, batch_r), *zip(contract_l, contract_r)):
        names_r[theirs] = names_l[ours]
    shared = [names_l[i] for i in (*batch_l, *contract_l)]
    result = [names_l[i] for i in batch_l] + [n for n in (*names_l, *names_r) if n not in shared]
    equation = f"{''.join(names_l)},{''.join(names_r)}->{''.join(result)}"
    return graph.add("Einsum", [left, right], out.shape, out.dtype, equation=equation)


def _conv(graph, eqn, args):
    p, out = eqn.params, eqn.outvars[0].aval
    spec = p["dimension_numbers"]
    if p["batch_group_count"] != 1 or any(d != 1 for d in p["lhs_dilation"]):
        raise NotImplementedError("a transposed convolution")
    if any(n < 0 for pair in p["padding"] for n in pair):
        raise NotImplementedError("a convolution with negative padding")
    x = graph.transpose(graph.cast(args[0], out.dtype), spec.lhs_spec)
    kernel = graph.transpose(graph.cast(args[1], out.dtype), spec.rhs_spec)
    result = graph.add(
        "Conv",
        [x, kernel],
        [out.shape[i] for i in spec.out_spec],
        out.dtype,
        group=p["feature_group_count"],
        strides=list(p["window_strides"]),
        dilations=list(p["rhs_dilation"]),
        pads=[before for before, _ in p["padding"]] + [after for _, after in p["padding"]],
    )
    return graph.transpose(result, np.argsort(spec.out_spec))


def _pooling(kind: str):
    """Windows over all axes but the first and the last, as images and clips have them."""

    def rule(graph, eqn, args):
        p, (x,), out = eqn.params, args, eqn.outvars[0].aval
        window, strides, padding = p["window_dimensions"], p["window_strides"], p["padding"]
        ends = (window[0], window[-1], strides[0], strides[-1], *padding[0], *padding[-1])
        dilated = any(n != 1 for n in (*p["base_dilation"], *p["window_dilation"]))
        if ends != (1, 1, 1, 1, 0, 0, 0, 0) or dilated:
            raise NotImplementedError("pooling over examples or channels, or with gaps")
        order = (0, len(window) - 1, *range(1, len(window) - 1))
        inner = padding[1:-1]
        attributes = {
            "kernel_shape": list(window[1:-1]),
            "strides": list(strides[1:-1]),
            "pads": [before for before, _ in inner] + [after for _, after in inner],
        }
        if kind == "AveragePool":
            attributes["count_include_pad"] = 1
        shape = [out.shape[i] for i in order]
        pooled = graph.add(kind, [graph.transpose(x, order)], shape, out.dtype, **attributes)
        if kind == "AveragePool":
            places = _scalar(graph, np.prod(window), x)
            pooled = graph.add("Mul", [pooled, places], shape, out.dtype)
        return graph.transpose(pooled, np.argsort(order))

    return rule


Rule = Callable[[Graph, object, Sequence[Tensor]], Tensor | list[Tensor]]
BROADCASTING: dict[str, Rule] = {
    **{name: _one_node(kind) for name, kind in _ELEMENTWISE.items()},
    **dict.fromkeys(_SAME, lambda graph, eqn, args: list(args)),
    "broadcast_in_dim": _broadcast,
    "clamp": _clamp,
    "convert_element_type": _convert,
    "erfc": _erfc,
    "expm1": _expm1,
    "integer_pow": _integer_pow,
    "log1p": _log1p,
    "ne": _ne,
    "rsqrt": _rsqrt,
    "select_n": _select,
    "square": _square,
}
WHOLE: dict[str, Rule] = {
    **{name: _reduction(kind) for name, kind in _REDUCTIONS.items()},
    "argmax": _argmax,
    "concatenate": _concatenate,
    "conv_general_dilated": _conv,
    "cumsum": _cumsum,
    "dot_general": _dot_general,
    "dynamic_slice": indexing.dynamic_slice,
    "expand_dims": _reshape,
    "gather": indexing.gather,
    "pad": _pad,
    "reduce_window_max": _pooling("MaxPool"),
    "reduce_window_sum": _pooling("AveragePool"),
    "reshape": _reshape,
    "rev": indexing.reverse,
    "slice": indexing.static_slice,
    "split": _split,
    "squeeze": _reshape,
    "transpose": _transpose,
}
