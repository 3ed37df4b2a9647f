"""Checkpoints of a run: the best by validation metric and the latest, written in the background.

A checkpoint holds the state, where the loader continues, the config, the label names and their order, the
data set's content hash, the metrics, and a checksum of each array. It does not depend on the number of devices.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any, TypedDict

import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from emojax.engine.checksums import array_names, checksums, json_checksum, verify
from emojax.engine.monitor import Monitor
from emojax.engine.state import TrainState
from emojax.errors import CheckpointError
from emojax.files import explained
from emojax.schema import Mismatch, check

_FOLDER = "checkpoints"
_PARTS = ("_CHECKPOINT_METADATA", "state", "meta")  # of a finished checkpoint
_SUMS, _META_SUM = "checksums", "meta_checksum"


class _Labels(TypedDict):
    classes: list[str]
    dimensions: list[str]


class _Data(TypedDict):
    name: str
    content_hash: str


class _Log(TypedDict):
    sums: dict[str, float]
    count: int


class Meta(TypedDict):
    """What a checkpoint says of its run; see `emojax.engine.run.Run.meta`."""

    config: dict[str, Any]
    labels: _Labels
    dataset: _Data
    initialised_from: dict[str, Any]
    loader: dict[str, Any]
    log: _Log
    early_stopping: dict[str, Any]
    checksums: dict[str, int]


class Checkpoints:
    """The checkpoints of one work directory.

    Args:
        workdir: the run's folder.
        monitor: name of the metric that makes a checkpoint the best; of equal ones the later.
        direction: ``larger`` or ``smaller`` is better.
    """

    def __init__(self, workdir: str | pathlib.Path, monitor: str, direction: str = "larger"):
        self.folder = pathlib.Path(workdir).absolute() / _FOLDER
        score = Monitor(monitor, direction).score
        keep = checkpoint_managers.AnyPreservationPolicy(
            [
                checkpoint_managers.LatestN(1),
                checkpoint_managers.BestN(get_metric_fn=score, n=1, keep_checkpoints_without_metrics=False),
            ]
        )
        options = ocp.CheckpointManagerOptions(
            preservation_policy=keep, best_fn=score, best_mode="max", create=False
        )
        try:
            self._manager = ocp.CheckpointManager(self.folder, options=options)
        except OSError as error:
            raise CheckpointError(f"Cannot use {self.folder} for checkpoints: {error}.") from error

    def create(self) -> None:
        """Makes the folder; before that, nothing is written."""
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)

    def latest_step(self) -> int | None:
        return max(self.steps(), default=None)

    def best_step(self) -> int | None:
        return self._manager.best_step()

    def steps(self) -> list[int]:
        """Steps of the finished checkpoints, ascending."""
        return [step for step in self._folders() if self._is_finished(step)]

    def require_finished(self) -> None:
        """Raises CheckpointError for a numbered folder that is no finished checkpoint: it would block later ones."""
        for step in self._folders():
            if not self._is_finished(step):
                raise CheckpointError(
                    f"{self.folder / str(step)} is not a finished checkpoint: files are missing. {self._way_on(step)}"
                )

    def _folders(self) -> list[int]:
        return sorted(int(path.name) for path in self.folder.glob("[0-9]*") if path.name.isdigit())

    def _is_finished(self, step: int) -> bool:
        return all((self.folder / str(step) / part).exists() for part in _PARTS)

    def _way_on(self, step: int) -> str:
        """How to do without the checkpoint of a step."""
        others = [other for other in self.steps() if other != step]
        then = f"training resumes from step {others[-1]}" if others else "training starts again from step 0"
        there = f" (there are the checkpoints of steps {', '.join(map(str, others))})" if others else ""
        return f"Move or delete that folder: then {then}{there}."

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
        meta = {**meta, _SUMS: checksums(state)}
        meta[_META_SUM] = json_checksum(meta)
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
                f"Could not write {what} under {self.folder}: {_first_line(error)}. Free some space or mend the "
                f"folder, then run the same command again: it goes on from the last finished checkpoint."
            ) from error

    def read_meta(self, step: int) -> Meta:
        """Config, labels, data hash and loader state of a checkpoint; CheckpointError where it is damaged."""
        meta = self._restore(step, ocp.args.Composite(meta=ocp.args.JsonRestore()))["meta"]
        try:
            check(meta, Meta)
        except Mismatch as error:
            raise self._unreadable(step, f"in meta, {error}") from error
        if meta.pop(_META_SUM, None) != json_checksum(meta):
            raise self._unreadable(step, "meta is not what was saved (wrong checksum)")
        return meta

    def read_metrics(self, step: int) -> dict[str, float] | None:
        return self._manager.metrics(step)

    def restore(self, step: int, like: TrainState) -> TrainState:
        """Restores a state with the shapes, dtypes and shardings of `like` (`Run.abstract_state`).

        Raises:
            CheckpointError: the checkpoint is damaged (names the first array whose checksum is wrong), belongs to
                another network, or is of another step than its folder says.
        """
        _require_same_tree(self._saved_shapes(step), like, self.folder / str(step))
        state = self._restore(step, ocp.args.Composite(state=ocp.args.StandardRestore(like)))["state"]
        try:
            verify(state, self.read_meta(step)[_SUMS], "state")
        except CheckpointError as error:
            raise self._unreadable(step, str(error)) from error
        if int(state.step) != step:
            raise self._unreadable(step, f"it holds the state of step {int(state.step)}")
        return state

    def _saved_shapes(self, step: int) -> dict[str, tuple[int, ...]]:
        try:
            with ocp.StandardCheckpointer() as reader:
                found = reader.metadata(self.folder / str(step) / "state").item_metadata
                tree = getattr(found, "tree", None)
        except Exception as error:
            raise self._unreadable(step, _first_line(error)) from error
        if tree is None:
            raise self._unreadable(step, "its list of arrays is missing")
        return {name: tuple(leaf.shape) for name, leaf in array_names(tree).items()}

    def _restore(self, step: int, args):
        try:
            return self._manager.restore(step, args=args)
        except Exception as error:
            raise self._unreadable(step, _first_line(error)) from error

    def _unreadable(self, step: int, reason: str) -> CheckpointError:
        folder = self.folder / str(step)
        return CheckpointError(
            f"The checkpoint {folder} is damaged: {reason.rstrip('.')}. {self._way_on(step)}"
        )

    def resolve(self, which: str) -> int:
        """Step number of ``best``, ``latest`` or a number.

        Raises:
            CheckpointError: there is none; lists those that exist.
        """
        steps = self.steps()
        if not steps:
            raise CheckpointError(
                f"There is no finished checkpoint under {self.folder}. Train first: "
                f"python -m emojax.train --config ... --workdir {self.folder.parent}"
            )
        if which == "latest":
            return steps[-1]
        if which == "best":
            return steps[-1] if self.best_step() is None else self.best_step()
        if which.isdigit() and int(which) in steps:
            return int(which)
        raise CheckpointError(f"There is no checkpoint of step {which!r}; there are best, latest, {steps}.")


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


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0][:300] if text else 'no message'}"
