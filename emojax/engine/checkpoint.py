"""Checkpoints of a run: the best by validation metric and the latest, written in the background.

A checkpoint holds the state, where the loader continues, the config, the label names and their order, the
data set's content hash and the metrics. It does not depend on the number of devices.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from emojax.engine.monitor import Monitor
from emojax.engine.state import TrainState
from emojax.errors import CheckpointError

_FOLDER = "checkpoints"


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
        options = ocp.CheckpointManagerOptions(preservation_policy=keep, best_fn=score, best_mode="max")
        try:
            self._manager = ocp.CheckpointManager(self.folder, options=options)
        except OSError as error:
            raise CheckpointError(f"Cannot use {self.folder} for checkpoints: {error}.") from error

    def latest_step(self) -> int | None:
        return self._manager.latest_step()

    def best_step(self) -> int | None:
        return self._manager.best_step()

    def steps(self) -> list[int]:
        return sorted(self._manager.all_steps())

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
        items = ocp.args.Composite(state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(dict(meta)))
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
            write()
        except Exception as error:  # Orbax and TensorStore raise many types
            what = "a checkpoint" if step is None else f"the checkpoint of step {step} (or the one before)"
            raise CheckpointError(
                f"Could not write {what} under {self.folder}: {_first_line(error)}. Free some space or mend the "
                f"folder, then run the same command again: it goes on from the last finished checkpoint."
            ) from error

    def read_meta(self, step: int) -> dict[str, Any]:
        """Config, labels, data hash and loader state of a checkpoint."""
        return self._restore(step, ocp.args.Composite(meta=ocp.args.JsonRestore()))["meta"]

    def read_metrics(self, step: int) -> dict[str, float] | None:
        return self._manager.metrics(step)

    def restore(self, step: int, like: TrainState) -> TrainState:
        """Restores a state with the shapes, dtypes and shardings of `like` (`Run.abstract_state`).

        Raises:
            CheckpointError: the checkpoint is damaged or belongs to another network.
        """
        _require_same_tree(self._saved_shapes(step), like, self.folder / str(step))
        return self._restore(step, ocp.args.Composite(state=ocp.args.StandardRestore(like)))["state"]

    def _saved_shapes(self, step: int) -> dict[str, tuple[int, ...]]:
        try:
            with ocp.StandardCheckpointer() as reader:
                tree = reader.metadata(self.folder / str(step) / "state").item_metadata.tree
        except Exception as error:
            raise self._unreadable(step, error) from error
        return {_path_name(p): tuple(m.shape) for p, m in jax.tree_util.tree_leaves_with_path(tree)}

    def _restore(self, step: int, args):
        try:
            return self._manager.restore(step, args=args)
        except Exception as error:
            raise self._unreadable(step, error) from error

    def _unreadable(self, step: int, error: Exception) -> CheckpointError:
        others = [s for s in self.steps() if s != step]
        hint = f" Other checkpoints: {others} (--step N)." if others else ""
        return CheckpointError(
            f"The checkpoint of step {step} under {self.folder} cannot be read: {_first_line(error)}.{hint}"
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


def _path_name(path) -> str:
    return "/".join(str(getattr(k, "key", getattr(k, "name", getattr(k, "idx", k)))) for k in path)


def _require_same_tree(saved: Mapping[str, tuple], like: TrainState, where) -> None:
    wanted = {_path_name(p): tuple(x.shape) for p, x in jax.tree_util.tree_leaves_with_path(like)}
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
