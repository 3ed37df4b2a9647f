"""What a run carries from step to step."""

from __future__ import annotations

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax


@flax.struct.dataclass
class TrainState:
    """State of a run; a pytree that Orbax saves as it is.

    Attributes:
        step: number of finished optimiser steps, int32 scalar.
        params: trainable parameters, float32.
        model_state: collections without gradient (`batch_stats`, centres of metric losses), float32.
        opt_state: the optimiser's state; a mapping name -> state where a program has several optimisers.
    """

    step: jax.Array
    params: Any
    model_state: Any
    opt_state: optax.OptState | dict[str, optax.OptState]

    @property
    def variables(self) -> dict[str, Any]:
        """What `System.predict` takes: ``{"params": ..., **model_state}``."""
        return {"params": self.params, **self.model_state}

    @classmethod
    def create(cls, variables: dict[str, Any], opt_state) -> TrainState:
        """State of step 0 from variables and the optimiser's fresh state."""
        model_state = {k: v for k, v in variables.items() if k != "params"}
        return cls(jnp.zeros((), jnp.int32), variables["params"], model_state, opt_state)
