"""The compiled step: one per-device program mapped over the `data` axis.

Every random number of a step comes from (seed, step, position in the global batch), so the result does
not depend on the number of devices and a resumed run draws the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from emojax.engine.mesh import DATA_AXIS
from emojax.engine.state import TrainState

Batch = dict[str, jax.Array]
Logs = dict[str, jax.Array]
Update = Callable[[TrainState, Batch, jax.Array], tuple[TrainState, Logs]]

# On CPUs XLA would run independent convolutions side by side (the streams of a person), each on all cores: they get
# in each other's way. One after the other, two tiny ResNets take 25 ms a step, not 35, and three ResNet-18 at 224 px
# 1.42 s, not 1.51, in 733 MiB, not 1,300 (2 cores, 2026-11-26).
_COMPILER_OPTIONS = {"cpu": {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}}


def gradient_update(loss: Callable, tx: optax.GradientTransformation) -> Update:
    """The update of a system with one loss and one optimiser.

    Args:
        loss: ``(params, model_state, batch, key) -> (scalar, (model_state, logs))``, float32 scalar of the
            global batch, equal on every device.
        tx: the optimiser.

    Returns:
        ``update(state, batch, key) -> (state, logs)``; logs hold `loss` and `grad_norm` besides the loss's.
    """

    def update(state: TrainState, batch: Batch, key: jax.Array) -> tuple[TrainState, Logs]:
        grads_of = jax.value_and_grad(loss, has_aux=True)
        (value, (model_state, logs)), grads = grads_of(state.params, state.model_state, batch, key)
        grads = jax.lax.pmean(grads, DATA_AXIS)
        updates, opt_state = tx.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        new_state = TrainState(state.step + 1, params, model_state, opt_state)
        return new_state, {"loss": value, "grad_norm": optax.tree.norm(grads), **logs}

    return update


def make_train_step(update: Update, mesh: Mesh, seed: int):
    """Compiled ``(state, batch) -> (state, logs)``; the state's buffers are donated.

    Args:
        update: the system's update, run on each device with its rows of the batch.
        mesh: devices; the batch is split over its `data` axis, the state is replicated.
        seed: seed of the run.
    """

    def device_step(state: TrainState, batch: Batch) -> tuple[TrainState, Logs]:
        return update(state, batch, jax.random.fold_in(jax.random.key(seed), state.step))

    mapped = jax.shard_map(
        device_step, mesh=mesh, in_specs=(P(), P(DATA_AXIS)), out_specs=(P(), P()), check_vma=False
    )
    return jax.jit(mapped, donate_argnums=0, compiler_options=_compiler_options(mesh))


def make_predict_step(predict: Callable[[Any, Batch], dict[str, jax.Array]], mesh: Mesh):
    """Compiled ``(variables, batch) -> outputs``, each output ``[B, ...]`` replicated on every device."""

    def device_predict(variables, batch):
        outputs = predict(variables, batch)
        return jax.tree.map(lambda x: jax.lax.all_gather(x, DATA_AXIS, tiled=True), outputs)

    mapped = jax.shard_map(
        device_predict, mesh=mesh, in_specs=(P(), P(DATA_AXIS)), out_specs=P(), check_vma=False
    )
    return jax.jit(mapped, compiler_options=_compiler_options(mesh))


def _compiler_options(mesh: Mesh) -> dict[str, str]:
    return _COMPILER_OPTIONS.get(mesh.devices.flat[0].platform, {})


def sample_keys(key: jax.Array, rows: int) -> jax.Array:
    """One key a row of this device's batch, by its position in the global batch; shape ``[rows]``."""
    first = jax.lax.axis_index(DATA_AXIS) * rows
    return jax.vmap(lambda i: jax.random.fold_in(key, i))(first + jnp.arange(rows))
