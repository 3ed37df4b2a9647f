"""Constants of a network: arrays that are saved with its parameters and never trained.

They stand in a collection of their own, at the path of the module that reads them. Whoever builds the network
makes them once, for a fresh run; from then on they come from the checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax

CONSTANTS = "constants"


def init_with_constants(
    net: nn.Module, constants: Mapping[str, Any], key: jax.Array, *inputs, **options
) -> dict[str, Any]:
    """Fresh variables of a network that has constants; the parameters are those of `net.init(key, ...)`.

    Args:
        net: the network.
        constants: tree of arrays; empty for a network without.
        key: for the parameters.
        inputs: of the network.
        options: of the network, not training.
    """
    given = {CONSTANTS: constants} if constants else {}
    return dict(net.apply(given, *inputs, rngs={"params": key}, mutable=True, **options)[1])


def constant(module: nn.Module, name: str) -> jax.Array:
    """A constant of a module, inside its compact method; ValueError where the variables hold none."""
    value = module.get_variable(CONSTANTS, name)
    if value is None:
        path = "/".join((*module.path, name))
        raise ValueError(f"The variables hold no constant {path}; see emojax.models.constants.")
    return value
