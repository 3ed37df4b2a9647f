"""Turns a traced function into the nodes of an ONNX graph."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import jax
import numpy as np
import onnx
from jax.extend.core import Literal
from onnx import helper

from emojax.errors import ConfigError
from emojax.exports.inference import free_batch
from emojax.exports.to_onnx.graph import OPSET, Graph, Tensor
from emojax.exports.to_onnx.operators import BROADCASTING, WHOLE

_INNER = {  # primitives that stand for what is inside them, and the parameter that holds it
    "checkpoint": "jaxpr",
    "closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "remat2": "jaxpr",
}
_LARGEST = 1 << 22  # values of a constant that is computed here and not in the graph


def convert(function, variables, inputs: Mapping[str, jax.ShapeDtypeStruct], symbol) -> onnx.ModelProto:
    """An ONNX model of ``function(variables, inputs)``, a mapping of arrays, with the variables as constants.

    What depends on the variables alone is computed here: scales of batch norms, a label graph's classifiers.

    Args:
        function: pure and traceable.
        variables: NumPy arrays, a tree.
        inputs: shapes whose first size is `symbol`.
        symbol: the free batch size, of `jax.export.symbolic_shape`.

    Raises:
        ConfigError: a primitive has no counterpart here, or the batch size cannot stay free.
    """
    with free_batch():
        traced = jax.jit(function).trace(variables, dict(inputs))
    graph = Graph()
    leaves = jax.tree_util.tree_leaves_with_path(variables)
    constants = [
        graph.constant(v, jax.tree_util.keystr(path, simple=True, separator="/")) for path, v in leaves
    ]
    given = [Tensor(name, tuple(s.shape), np.dtype(s.dtype)) for name, s in sorted(inputs.items())]
    graph.symbol = symbol
    # Of an input that is always read: the others may be left out of the model.
    first = given[[t.name for t in given].index(next(iter(inputs)))]
    graph.batch = graph.add("Shape", [first], (1,), np.int64, start=0, end=1).name
    closed = traced.jaxpr
    found = _trace(graph, closed.jaxpr, closed.consts, [*constants, *given])
    names = sorted(jax.eval_shape(function, variables, dict(inputs)))
    outputs = []
    for name, tensor, var in zip(names, found, closed.jaxpr.outvars, strict=True):
        tensor = graph.full(tensor, var.aval.shape)
        graph.nodes.append(helper.make_node("Identity", [graph.name_of(tensor)], [name]))
        outputs.append(Tensor(name, tensor.shape, tensor.dtype))
    model = helper.make_model(
        graph.proto(given, outputs, "emojax"), opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10
    )
    model.producer_name = "emojax"
    return model


def _trace(graph: Graph, jaxpr, consts: Sequence, args: Sequence[Tensor]) -> list[Tensor]:
    known = dict(zip(jaxpr.constvars, [graph.constant(np.asarray(c)) for c in consts]))
    known |= dict(zip(jaxpr.invars, args, strict=True))

    def read(var) -> Tensor:
        return graph.constant(np.asarray(var.val, var.aval.dtype)) if isinstance(var, Literal) else known[var]

    for eqn in _needed(jaxpr):
        results = _result(graph, eqn, [read(var) for var in eqn.invars])
        known |= dict(zip(eqn.outvars, results, strict=True))
    return [read(var) for var in jaxpr.outvars]


def _needed(jaxpr) -> list:
    """The equations on which the results depend: what else a network computes need not have a counterpart."""
    wanted, kept = {v for v in jaxpr.outvars if not isinstance(v, Literal)}, []
    for eqn in reversed(jaxpr.eqns):
        if wanted.intersection(eqn.outvars):
            kept.append(eqn)
            wanted.update(v for v in eqn.invars if not isinstance(v, Literal))
    return kept[::-1]


def _result(graph: Graph, eqn, args: list[Tensor]) -> list[Tensor]:
    name = eqn.primitive.name
    if name in _INNER:
        inner = eqn.params[_INNER[name]]
        return _trace(graph, getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), args)
    if _is_constant(eqn, args):
        values = eqn.primitive.bind(*(t.value for t in args), **eqn.params)  # JAX computes it, here
        values = values if eqn.primitive.multiple_results else [values]
        return [graph.constant(np.asarray(value)) for value in values]
    try:
        if name in BROADCASTING:
            found = BROADCASTING[name](graph, eqn, args)
        elif name in WHOLE or name in _CONTROL:
            args = [graph.full(tensor, var.aval.shape) for tensor, var in zip(args, eqn.invars)]
            found = (WHOLE | _CONTROL)[name](graph, eqn, args)
        else:
            raise NotImplementedError("no rule")
    except NotImplementedError as error:
        raise ConfigError(
            f"the network uses JAX's {name} ({error}), for which emojax has no ONNX operator"
        ) from None
    return found if isinstance(found, list) else [found]


def _is_constant(eqn, args: Sequence[Tensor]) -> bool:
    shapes = [var.aval.shape for var in eqn.outvars]
    if any(jax.export.is_symbolic_dim(size) for shape in shapes for size in shape):
        return False
    if any(t.value is None or t.shape != v.aval.shape for t, v in zip(args, eqn.invars)):
        return False
    return sum(map(math.prod, shapes)) <= max(_LARGEST, sum(t.value.size for t in args))


def _scan(graph: Graph, eqn, args: list[Tensor]) -> list[Tensor]:
    """A loop over the first axis, e.g. of an LSTM."""
    p, closed = eqn.params, eqn.params["jaxpr"]
    fixed, carried = args[: p["num_consts"]], args[p["num_consts"] :][: p["num_carry"]]
    series = args[p["num_consts"] + p["num_carry"] :]
    body = Graph(graph)
    state = [Tensor(body.new_name("state"), t.shape, t.dtype) for t in carried]
    steps = [Tensor(body.new_name("step"), t.shape[1:], t.dtype) for t in series]
    results = _trace(body, closed.jaxpr, closed.consts, [*fixed, *state, *steps])
    ends = []
    for tensor, var in zip(results, closed.jaxpr.outvars):
        tensor = body.full(tensor, var.aval.shape)
        ends.append(body.add("Identity", [tensor], tensor.shape, tensor.dtype))
    inputs = steps
    if not series:  # ONNX wants something to loop over
        series = [graph.constant(np.arange(p["length"], dtype=np.int32))]
        inputs = [Tensor(body.new_name("step"), (), np.dtype(np.int32))]
    outputs = [(tuple(v.aval.shape), v.aval.dtype) for v in eqn.outvars]
    backwards = {"scan_input_directions": len(series), "scan_output_directions": len(outputs) - len(carried)}
    directions = {name: [1] * count for name, count in backwards.items() if count and p["reverse"]}
    return graph.add_many(
        "Scan",
        [*carried, *series],
        outputs,
        body=body.proto([*state, *inputs], ends, body.new_name("body")),
        num_scan_inputs=len(series),
        **directions,
    )


def _cond(graph: Graph, eqn, args: list[Tensor]) -> list[Tensor]:
    """The branch that is always taken."""
    which, *rest = args
    if which.value is None:
        raise NotImplementedError("a branch that depends on the input")
    branch = eqn.params["branches"][int(which.value)]
    return _trace(graph, branch.jaxpr, branch.consts, rest)


_CONTROL = {"scan": _scan, "cond": _cond}
