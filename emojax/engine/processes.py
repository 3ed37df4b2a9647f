"""Several processes that train one network, one or more devices each: their start, and what they must agree on.

Process 0 leads: it alone writes logs, tables and reports, and holds the work directory, which all must see.
"""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from collections.abc import Callable, Iterator

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from emojax.errors import ConfigError, EmojaxError, TrainingError

_ADDRESS, _COUNT, _INDEX = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"
_MESSAGE_BYTES = 2048


def initialize(*, distributed: bool = False) -> None:
    """Joins the other processes of this run; does nothing where neither the argument nor the environment asks for it.

    Args:
        distributed: find the others through the cluster (Slurm, Open MPI, TPU pods, Kubernetes: JAX's own detection).

    Raises:
        ConfigError: only a part of `JAX_COORDINATOR_ADDRESS`, `JAX_NUM_PROCESSES` and `JAX_PROCESS_ID` is set, or there
            is no cluster, or the others cannot be reached.
    """
    given = _from_environment()
    if not given and not distributed:
        return
    # Its handler of SIGTERM would hide that signal from ours, which hears Ctrl-C, too; see `agreed_stop`.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(**given, shutdown_timeout_seconds=60)
    except (ValueError, RuntimeError, TypeError, OSError, KeyError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ConfigError(
            f"Cannot join the other processes: {reason[0][:300].rstrip('.')}. On a cluster, start one task a process "
            f"with --distributed; elsewhere set {_ADDRESS} (host:port of process 0), {_COUNT} and {_INDEX}."
        ) from error


def _from_environment() -> dict:
    there = [name for name in (_ADDRESS, _COUNT, _INDEX) if os.environ.get(name)]
    if not there:
        return {}
    missing = [name for name in (_ADDRESS, _COUNT, _INDEX) if name not in there]
    if missing:
        raise ConfigError(
            f"{' and '.join(there)} is set, {' and '.join(missing)} is not: set all three for a run of several "
            "processes, or none."
        )
    try:
        count, index = int(os.environ[_COUNT]), int(os.environ[_INDEX])
    except ValueError as error:
        raise ConfigError(f"{_COUNT} and {_INDEX} must be whole numbers: {error}.") from error
    if ":" not in os.environ[_ADDRESS]:
        raise ConfigError(f"{_ADDRESS} is {os.environ[_ADDRESS]!r}; it must be host:port.")
    return {"coordinator_address": os.environ[_ADDRESS], "num_processes": count, "process_id": index}


def alone() -> bool:
    """Whether this is the only process of the run."""
    return jax.process_count() == 1


def leads() -> bool:
    """Whether this is process 0, the one that writes."""
    return jax.process_index() == 0


@contextlib.contextmanager
def agreed() -> Iterator[None]:
    """What fails in one process fails in all, with the message of the first that failed; waits for all.

    The block must not wait for other processes itself: one of them may have failed before.
    """
    error: EmojaxError | None = None
    try:
        yield
    except EmojaxError as failure:
        error = failure
    if jax.process_count() == 1:
        if error is not None:
            raise error
        return
    messages = _gathered(f"{platform.node()}: {error}" if error else "")
    if error is not None:
        raise error
    failed = [(i, message) for i, message in enumerate(messages) if message]
    if failed:
        raise TrainingError(f"Process {failed[0][0]} has stopped. On {failed[0][1]}")


@contextlib.contextmanager
def others_explained() -> Iterator[None]:
    """Turns what JAX raises when another process has died into one line."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if jax.process_count() == 1:
            raise
        reason = " ".join(str(error).split())[:200]
        raise TrainingError(
            f"Another process of this run has ended, or cannot be reached ({reason}). See the output of the others; "
            "the same command resumes from the last checkpoint."
        ) from error


@contextlib.contextmanager
def ending_at_once(tell: Callable[[EmojaxError], int]) -> Iterator[None]:
    """Ends one of several processes where it fails: the regular end would wait for the others, which wait for it.

    Args:
        tell: prints an error and returns the exit status.
    """
    try:
        yield
    except EmojaxError as error:
        if jax.process_count() == 1:
            raise
        status = tell(error)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


class AgreedStop:
    """Whether any process has been asked to stop: the same answer in all, one step late where there are several.

    The flags are added up on the devices behind each step, and the sum is read after the next one: no process waits.

    Args:
        mesh: the devices of the run.
    """

    def __init__(self, mesh: Mesh):
        self._mesh, self._pending = mesh, None
        rows = jax.sharding.NamedSharding(mesh, P(mesh.axis_names[0]))
        self._sharding = rows
        self._any = jax.jit(lambda flags: flags.max(), out_shardings=jax.sharding.NamedSharding(mesh, P()))

    def __call__(self, requested: bool) -> bool:
        """To be called once a step in every process, in the same order with other collective work."""
        if jax.process_count() == 1:
            return requested
        answer = self._pending is not None and bool(self._pending)
        local = len([d for d in self._mesh.devices.flat if d.process_index == jax.process_index()])
        flags = jax.make_array_from_process_local_data(self._sharding, np.full(local, requested))
        self._pending = self._any(flags)
        return answer


def _gathered(message: str) -> list[str]:
    """The message of each process, in their order."""
    row = np.zeros(_MESSAGE_BYTES, np.uint8)
    data = np.frombuffer(message.encode()[:_MESSAGE_BYTES], np.uint8)
    row[: len(data)] = data
    rows = np.asarray(multihost_utils.process_allgather(row))
    return [bytes(row).rstrip(b"\0").decode(errors="replace") for row in rows]
