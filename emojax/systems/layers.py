"""The layers of a network: what each gives and how many parameters it has, from shapes alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import flax.linen as nn
import jax


@dataclasses.dataclass(frozen=True)
class Layer:
    """A module of a network that has parameters of its own.

    Attributes:
        path: names of the modules around it and its own, e.g. ``frames/face/conv1_1``.
        kind: name of its class.
        output: shape of what it gives for one example; empty where it gives several arrays.
        parameters: its own, without those of modules inside it.
        trained: whether the config trains it.
    """

    path: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    trained: bool


def layers(system: Any) -> list[Layer]:
    """The layers of a system in the order in which an example passes them; nothing is computed."""
    calls: dict[tuple[str, ...], tuple[str, tuple[int, ...]]] = {}

    def record(call, args, kwargs, context: nn.module.InterceptorContext):
        outputs = call(*args, **kwargs)
        if context.method_name == "__call__":
            shape = tuple(outputs.shape) if hasattr(outputs, "shape") else ()
            calls.setdefault(context.module.path, (type(context.module).__name__.lstrip("_"), shape))
        return outputs

    with nn.intercept_methods(record):
        variables = jax.eval_shape(lambda key: system.init(key), jax.random.key(0))
    counts: dict[tuple[str, ...], int] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables["params"]):
        module = tuple(entry.key for entry in path)[:-1]
        counts[module] = counts.get(module, 0) + leaf.size
    order = [path for path in calls if path in counts] + [path for path in counts if path not in calls]
    trains = "optimizer" in system.config  # a network of random weights has none
    return [
        Layer("/".join(path), *calls.get(path, ("", ())), counts[path], trains and not system.is_frozen(path))
        for path in order
    ]


def layer_lines(found: list[Layer]) -> list[str]:
    """A table, one layer a line, and the sums."""
    cells = [("layer", "module", "output", "parameters", "")]
    for layer in found:
        shape = " x ".join(map(str, layer.output))
        cells.append(
            (layer.path, layer.kind, shape, f"{layer.parameters:,}", "" if layer.trained else "frozen")
        )
    widths = [max(len(row[i]) for row in cells) for i in range(5)]
    lines = [
        "  ".join(c.rjust(w) if i == 3 else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths))).rstrip()
        for row in cells
    ]
    total, trained = sum(one.parameters for one in found), sum(one.parameters for one in found if one.trained)
    return [*lines, f"{total:,} parameters, {trained:,} trained"]
