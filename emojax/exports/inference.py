"""A trained system as one function of what it reads, for formats that hold a whole program."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from emojax import systems
from emojax.data.loader import as_numbers
from emojax.data.recipe import Recipe
from emojax.errors import ConfigError
from emojax.systems.base import FEATURES, OUTPUTS

MASK = "frame_mask"  # of clips: which frames are real


@dataclasses.dataclass(frozen=True)
class Inference:
    """What a format writes.

    Attributes:
        function: ``(variables, inputs) -> outputs``, both by name; inputs that no output depends on may be missing.
        inputs: name -> shape and dtype; the first size is `batch`.
        batch: the free batch size, symbolic.
    """

    function: Callable[[Any, Mapping[str, jax.Array]], dict[str, jax.Array]]
    inputs: dict[str, jax.ShapeDtypeStruct]
    batch: Any


def inference(config, recipe: Recipe) -> Inference:
    """The function of a system.

    Raises:
        ConfigError: a system without a network, or one whose input has no fixed shape.
    """
    system = systems.build(config, recipe)
    if system.is_fitted or not (system.inputs.features or system.inputs.columns):
        raise ConfigError(f"{config.name!r} is no network that reads pictures or clips.")
    (batch,) = jax.export.symbolic_shape("batch")
    inputs = _inputs(system, config, recipe, batch)

    def function(variables, given):
        rows = next(iter(given.values())).shape[0]
        unread = {
            n: jnp.ones((rows, *spec.shape[1:]), spec.dtype) for n, spec in inputs.items() if n not in given
        }
        mask, index = jnp.ones(rows, jnp.float32), jnp.zeros(rows, jnp.int32)
        answers = system.predict(variables, {**unread, **given, "mask": mask, "index": index})
        return {name: value for name, value in answers.items() if name in (*OUTPUTS, *FEATURES)}

    return Inference(function, inputs, batch)


@contextlib.contextmanager
def free_batch() -> Iterator[None]:
    """Inside, what JAX says of a function that it cannot trace for any batch size becomes a ConfigError."""
    try:
        yield
    except (TypeError, jax.core.InconclusiveDimensionOperation) as error:
        known = (jax.errors.ConcretizationTypeError, jax.core.InconclusiveDimensionOperation)
        if not isinstance(error, known) and "_DimExpr" not in str(error):
            raise
        raise ConfigError(
            "the network computes with the number of examples of a batch, e.g. a graph of all people in it, so the "
            "batch size cannot stay free"
        ) from error


def _inputs(system, config, recipe: Recipe, batch) -> dict[str, jax.ShapeDtypeStruct]:
    """Everything that a batch may hold: features, columns and, of clips, which frames are real."""
    time = system.inputs.selection(False).time
    lead = (batch,) if time is None else (batch, time)
    inputs = {}
    for name in system.inputs.features:
        feature = recipe.feature(name)
        dtype = {"image": np.uint8, "int": np.int32}.get(feature.kind, np.float32)
        inputs[name] = jax.ShapeDtypeStruct((*lead, *feature.shape), dtype)
    others = [name for name in system.inputs.columns if name not in recipe.features]  # not truth of a picture
    columns = systems.stand_in_dataset(config).columns("train") if others else None
    for name in others:
        of_sequence = name in columns.sequences
        values = as_numbers(columns.sequences if of_sequence else columns, name)
        inputs[name] = jax.ShapeDtypeStruct(
            ((batch,) if of_sequence else lead) + values.shape[1:], values.dtype
        )
    if time is not None:
        inputs[MASK] = jax.ShapeDtypeStruct(lead, np.float32)
    return inputs
