"""Devices as one `data` axis, and host batches placed on it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

DATA_AXIS = "data"


def data_mesh(devices=None) -> Mesh:
    """One-dimensional mesh over all devices (or the given ones), axis name ``data``."""
    devices = jax.devices() if devices is None else list(devices)
    # Auto axes: host arrays are rejected by shard_map under the default explicit axes.
    return jax.make_mesh((len(devices),), (DATA_AXIS,), axis_types=(AxisType.Auto,), devices=devices)


def replicated(mesh: Mesh) -> NamedSharding:
    return NamedSharding(mesh, P())


def batch_sharding(mesh: Mesh) -> NamedSharding:
    return NamedSharding(mesh, P(DATA_AXIS))


def put_batch(batch: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Places this process's rows ``[B / processes, ...]`` of a batch on its devices of the mesh."""
    sharding = batch_sharding(mesh)
    return {k: jax.make_array_from_process_local_data(sharding, v) for k, v in batch.items()}


def no_silent_copies() -> contextlib.AbstractContextManager:
    """Inside, a copy between host and device that the code does not ask for is an error (of this thread).

    A NumPy array among a step's arguments would be copied anew at every step, and a number read from a device would
    wait for it. `jax.device_put` and `jax.device_get` ask. CPUs share the host's memory: nothing is read across there.
    """
    return jax.transfer_guard("disallow")


def gather_rows(tree, axis_name: str | None = DATA_AXIS):
    """Inside the mapped step: every device's rows ``[b, ...]`` -> the global batch ``[B, ...]`` on each.

    The gradient of a loss of the gathered rows, averaged over devices with `pmean`, is the gradient of
    the loss on one device: the transpose (psum_scatter) adds the N equal losses, pmean divides by N.
    """
    if axis_name is None:
        return tree
    return jax.tree.map(lambda x: jax.lax.all_gather(x, axis_name, tiled=True), tree)
