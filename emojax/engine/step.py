"""The compiled step: one per-device program mapped over the `data` axis.

Every random number of a step comes from (seed, step, position in the global batch), so the result does
not depend on the number of devices and a resumed run draws the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from emojax.engine.compiler import compiler_options
from emojax.engine.mesh import DATA_AXIS
from emojax.engine.precision import full_products
from emojax.engine.program import Program
from emojax.engine.state import TrainState
from emojax.engine.step_logs import StepLogs

Batch = dict[str, jax.Array]


def make_train_step(
    program: Program, mesh: Mesh, seed: int, *, precision: str = "auto", deterministic: bool = False
):
    """Compiled ``(state, batch) -> (state, StepLogs)``; the state's buffers are donated.

    Args:
        program: its update runs on each device with its rows of the batch.
        mesh: devices; the batch is split over its `data` axis, the state is replicated.
        seed: seed of the run.
        precision: `config.precision`; see `full_products`.
        deterministic: `config.run.deterministic`; see `compiler_options`.
    """

    def device_step(state: TrainState, batch: Batch) -> tuple[TrainState, StepLogs]:
        key = jax.random.fold_in(jax.random.key(seed), state.step)
        with full_products(precision):
            new_state, logs = program.update(state, batch, key)
        return jax.tree.map(_like, state, new_state), StepLogs.of(logs)

    mapped = jax.shard_map(
        device_step, mesh=mesh, in_specs=(P(), P(DATA_AXIS)), out_specs=(P(), P()), check_vma=False
    )
    options = compiler_options(mesh, deterministic=deterministic)
    return jax.jit(mapped, donate_argnums=0, compiler_options=options)


def _like(old: jax.Array, new: jax.Array) -> jax.Array:
    """`new` without a weak type, which would compile the next step anew; another shape or dtype is refused."""
    new = jnp.asarray(new)
    if (old.shape, old.dtype) != (new.shape, new.dtype):
        raise TypeError(f"An update turned {old.dtype}{list(old.shape)} into {new.dtype}{list(new.shape)}.")
    return new.astype(old.dtype)


def make_predict_step(
    predict: Callable[[Any, Batch], dict[str, jax.Array]],
    mesh: Mesh,
    *,
    precision: str = "auto",
    deterministic: bool = False,
):
    """Compiled ``(variables, batch) -> outputs``, each output ``[B, ...]`` replicated on every device.

    `precision` and `deterministic` are those of `make_train_step`.
    """

    def device_predict(variables, batch):
        with full_products(precision):
            outputs = predict(variables, batch)
        return jax.tree.map(lambda x: jax.lax.all_gather(x, DATA_AXIS, tiled=True), outputs)

    mapped = jax.shard_map(
        device_predict, mesh=mesh, in_specs=(P(), P(DATA_AXIS)), out_specs=P(), check_vma=False
    )
    return jax.jit(mapped, compiler_options=compiler_options(mesh, deterministic=deterministic))


def sample_keys(key: jax.Array, position: jax.Array) -> jax.Array:
    """One key a row of this device's batch, by its place in the global batch: ``batch["position"] [b]`` -> ``[b]``.

    So what is drawn for an example depends neither on the devices nor on the processes.
    """
    return jax.vmap(lambda i: jax.random.fold_in(key, i))(position)
