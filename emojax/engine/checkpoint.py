"""Checkpoints of a run: the best by validation metric and the latest, written in the background.

A checkpoint holds the state, where the loader continues, the config, the recipe of the model (label names in their
order, statistics), the data set's content hash, the metrics, and a checksum of each array. It does not depend on the
number of devices.
"""

from __future__ import annotations

import contextlib
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from emojax.engine.checksums import array_names, checksums, json_checksum
from emojax.engine.monitor import Monitor
from emojax.engine.restore import META_SUM, SUMS, Stored, first_line
from emojax.engine.state import TrainState
from emojax.errors import CheckpointError
from emojax.files import explained

# Where a checkpoint goes that is no longer kept, in one rename: a run that is killed while it removes files leaves no
# half of a checkpoint under the number of a step.
_REMOVED = "removed"


class Checkpoints:
    """The checkpoints of one work directory, to write, and to resume from.

    Attributes:
        stored: what there is to read.
        folder: where they are.

    Args:
        workdir: the run's folder.
        monitor: name of the metric that makes a checkpoint the best; of equal ones the later.
        direction: ``larger`` or ``smaller`` is better.
    """

    def __init__(self, workdir: str | pathlib.Path, monitor: str, direction: str = "larger"):
        self.stored = Stored(workdir)
        self.folder = self.stored.folder
        score = Monitor(monitor, direction).score
        keep = checkpoint_managers.AnyPreservationPolicy(
            [
                checkpoint_managers.LatestN(1),
                checkpoint_managers.BestN(get_metric_fn=score, n=1, keep_checkpoints_without_metrics=False),
            ]
        )
        options = ocp.CheckpointManagerOptions(
            preservation_policy=keep, best_fn=score, best_mode="max", create=False, todelete_subdir=_REMOVED
        )
        try:
            self._manager = ocp.CheckpointManager(self.folder, options=options)
        except OSError as error:
            raise CheckpointError(f"Cannot use {self.folder} for checkpoints: {error}.") from error

    def create(self) -> None:
        """Makes the folder; before that, nothing is written."""
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        self._empty_removed()

    def latest_step(self) -> int | None:
        return max(self.steps(), default=None)

    def best_step(self) -> int | None:
        return self._manager.best_step()

    def steps(self) -> list[int]:
        """Steps of the finished checkpoints, ascending."""
        return self.stored.steps()

    def save(
        self,
        state: TrainState,
        *,
        step: int,
        meta: Mapping[str, Any],
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Starts to write a checkpoint; returns once the device's arrays are copied.

        Raises:
            CheckpointError: this or the previous write failed, e.g. on a full disk; finished checkpoints stay valid.
        """
        self._empty_removed()
        meta = {**meta, SUMS: checksums(state)}
        meta[META_SUM] = json_checksum(meta)
        items = ocp.args.Composite(state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(meta))
        self._guard(lambda: self._manager.save(step, args=items, metrics=metrics and dict(metrics)), step)

    def wait(self) -> None:
        """Blocks until the last write is complete."""
        self._guard(self._manager.wait_until_finished, None)

    def close(self) -> None:
        try:
            self.wait()
        finally:
            self._manager.close()
            self._empty_removed(and_folder=True)

    def _empty_removed(self, *, and_folder: bool = False) -> None:
        """Removes the files of checkpoints that are no longer kept.

        The folder itself stays while the manager may be moving the next checkpoint into it.
        """
        folder = self.folder / _REMOVED
        if jax.process_index() == 0 and folder.is_dir():
            for gone in folder.iterdir():
                shutil.rmtree(gone, ignore_errors=True)
            if and_folder:
                # Where something in it cannot be removed, the next run tries again.
                with contextlib.suppress(OSError):
                    folder.rmdir()

    def _guard(self, write, step: int | None) -> None:
        try:
            if write() is False:
                raise CheckpointError(
                    f"There is a later checkpoint than that of step {step} under {self.folder}."
                )
        except CheckpointError:
            raise
        except Exception as error:  # Orbax and TensorStore raise many types
            what = "a checkpoint" if step is None else f"the checkpoint of step {step} (or the one before)"
            raise CheckpointError(
                f"Could not write {what} under {self.folder}: {first_line(error)}. Free some space or mend the "
                f"folder, then run the same command again: it resumes from the last finished checkpoint."
            ) from error

    def read_metrics(self, step: int) -> dict[str, float] | None:
        return self._manager.metrics(step)

    def restore(self, step: int, like: TrainState) -> TrainState:
        """Restores a state with the shapes, dtypes and shardings of `like` (`Run.abstract_state`).

        Raises:
            CheckpointError: the checkpoint is damaged (names the first array whose checksum is wrong), belongs to
                another network, or is of another step than its folder says.
        """
        _require_same_tree(self.stored.shapes(step), like, self.folder / str(step))
        try:
            arguments = ocp.args.Composite(state=ocp.args.StandardRestore(like))
            state = self._manager.restore(step, args=arguments)["state"]
        except Exception as error:
            raise self.stored.damaged(step, first_line(error)) from error
        self.stored.verify(step, state)
        return state


def _require_same_tree(saved: Mapping[str, tuple], like: TrainState, where) -> None:
    wanted = {name: tuple(leaf.shape) for name, leaf in array_names(like).items()}
    for name in sorted(saved.keys() | wanted.keys()):
        if saved.get(name) == wanted.get(name):
            continue
        there = f"shape {saved[name]}" if name in saved else "no such array"
        here = f"shape {wanted[name]}" if name in wanted else "none"
        raise CheckpointError(
            f"The checkpoint {where} belongs to another network: {name} has {there} there, {here} in this config."
        )
