"""What finished checkpoints hold, read without the data, the network or the optimiser of their run.

`read_variables` is the one reader of trained weights: evaluation, figures, `init_from` and export use it.
"""

from __future__ import annotations

import errno
import json
import math
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from emojax.engine.checksums import array_names, json_checksum, verify
from emojax.engine.model_folder import is_model, read_model
from emojax.engine.monitor import Monitor
from emojax.engine.restored import Meta, Restored
from emojax.engine.workdir import outdated
from emojax.errors import CheckpointError
from emojax.files import read_json
from emojax.schema import Mismatch, check

FOLDER = "checkpoints"
SUMS, META_SUM = "checksums", "meta_checksum"
_PARTS = ("_CHECKPOINT_METADATA", "state", "meta")  # of a finished checkpoint
_VARIABLES = ("params", "model_state")


def read_variables(workdir: str | pathlib.Path, which: str = "best") -> Restored:
    """Reads the variables of a checkpoint; not the optimiser's state.

    Args:
        workdir: folder of a run, or of an exported model (`emojax.engine.model_folder`).
        which: ``best`` (by what the run monitors; the latest where nothing was evaluated), ``latest`` or a step number;
            an exported model has one checkpoint, which is ``best`` and ``latest``.

    Raises:
        CheckpointError: no such checkpoint, or a damaged one, or one of an emojax whose checkpoints hold no recipe.
    """
    if is_model(workdir):
        return read_model(workdir, which)
    stored = Stored(workdir)
    step = stored.resolve(which)
    meta, variables = stored.read_meta(step), stored.read_variables(step)
    return Restored(step, stored.steps()[-1], variables, meta, stored.folder / str(step))


class Stored:
    """The finished checkpoints of a work directory, to read."""

    def __init__(self, workdir: str | pathlib.Path):
        self.folder = pathlib.Path(workdir).absolute() / FOLDER

    def steps(self) -> list[int]:
        """Steps of the finished checkpoints, ascending."""
        return [step for step in self._folders() if self._is_finished(step)]

    def require_finished(self) -> None:
        """Raises CheckpointError for a numbered folder that would be in the way of later checkpoints.

        It is not a finished checkpoint, or its metrics, from which the best is kept, are not those that were saved.
        """
        for step in self._folders():
            if not self._is_finished(step):
                raise CheckpointError(
                    f"{self.folder / str(step)} is not a finished checkpoint: files are missing, or are none. "
                    f"{self._way_on(step)}"
                )
            self._require_metrics(step)

    def _require_metrics(self, step: int) -> None:
        monitor, file = self.read_meta(step)["monitor"], self.folder / str(step) / "metrics" / "metrics"
        if not file.exists() and monitor["value"] is None:
            return
        try:
            found = read_json(file, dict[str, float], error=CheckpointError).get(monitor["metric"])
        except CheckpointError as error:
            raise self.damaged(step, str(error)) from error
        if found != monitor["value"] and found == found:  # NaN is no equal of itself
            raise self.damaged(step, f"its metrics say {found}, its meta {monitor['value']}")

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
            return max(steps, key=lambda step: (*self._score(step), step))
        if which.isdigit() and int(which) in steps:
            return int(which)
        raise CheckpointError(f"There is no checkpoint of step {which!r}; there are best, latest, {steps}.")

    def _score(self, step: int) -> tuple[bool, float]:
        """(whether the checkpoint was evaluated, how good it is)."""
        monitor = self.read_meta(step)["monitor"]
        if monitor["value"] is None:
            return False, -math.inf
        return True, Monitor(monitor["metric"], monitor["direction"]).score(
            {monitor["metric"]: monitor["value"]}
        )

    def read_meta(self, step: int) -> Meta:
        """Config, recipe, data hash and loader state of a checkpoint; CheckpointError where it is damaged."""
        try:
            meta = json.loads((self.folder / str(step) / "meta" / "metadata").read_bytes())
            if isinstance(meta, dict) and "config" in meta and "labels" in meta and "recipe" not in meta:
                raise outdated(self.folder.parent)
            check(meta, Meta)
        except Mismatch as error:
            raise self.damaged(step, f"in meta, {error}") from error
        except (OSError, ValueError, RecursionError) as error:
            raise self.damaged(step, f"meta cannot be read ({first_line(error)})") from error
        if meta.pop(META_SUM, None) != json_checksum(meta):
            raise self.damaged(step, "meta is not what was saved (wrong checksum)")
        return meta

    def read_variables(self, step: int) -> dict[str, Any]:
        """``{"params": ..., **other collections}``, NumPy arrays; CheckpointError where they are damaged."""
        saved = self._arrays(step)
        like = {name: saved.get(name, {}) for name in ("step", *_VARIABLES)}
        like = jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), like)
        as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), like)
        arguments = ocp.args.PyTreeRestore(item=like, restore_args=as_numpy, partial_restore=True)
        try:
            with ocp.PyTreeCheckpointer() as reader:
                tree = reader.restore(self.folder / str(step) / "state", args=arguments)
        except Exception as error:  # Orbax and TensorStore raise many types
            raise self.damaged(step, first_line(error)) from error
        self.verify(step, tree)
        return {"params": tree["params"], **tree["model_state"]}

    def verify(self, step: int, tree: Any) -> None:
        """Raises CheckpointError where arrays are not those that were saved, or those of another step."""
        try:
            verify(tree, self.read_meta(step)[SUMS], "state")
        except CheckpointError as error:
            raise self.damaged(step, str(error)) from error
        found = int(array_names(tree)["step"])
        if found != step:
            raise self.damaged(step, f"it holds the state of step {found}")

    def shapes(self, step: int) -> dict[str, tuple[int, ...]]:
        """Path -> shape of every array of a checkpoint, the optimiser's included."""
        return {name: tuple(leaf.shape) for name, leaf in array_names(self._arrays(step)).items()}

    def variable_shapes(self, step: int) -> dict[str, Any]:
        """Shapes and dtypes of the variables, ``{"params": ..., **other collections}``."""
        saved = {name: self._arrays(step).get(name, {}) for name in _VARIABLES}
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(tuple(leaf.shape), leaf.dtype), saved)
        return {"params": shapes["params"], **shapes["model_state"]}

    def _arrays(self, step: int) -> Mapping[str, Any]:
        try:
            with ocp.StandardCheckpointer() as reader:
                found = reader.metadata(self.folder / str(step) / "state").item_metadata
                tree = getattr(found, "tree", None)
        except Exception as error:
            raise self.damaged(step, first_line(error)) from error
        if not isinstance(tree, Mapping):
            raise self.damaged(step, "its list of arrays is missing")
        return tree

    def damaged(self, step: int, reason: str) -> CheckpointError:
        """The error of a checkpoint that cannot be read, with the way to do without it."""
        folder = self.folder / str(step)
        return CheckpointError(
            f"The checkpoint {folder} is damaged: {reason.rstrip('.')}. {self._way_on(step)}"
        )

    def _folders(self) -> list[int]:
        return sorted(int(path.name) for path in self.folder.glob("[0-9]*") if path.name.isdigit())

    def _is_finished(self, step: int) -> bool:
        folder = self.folder / str(step)
        # A pipe or a device in place of a file would block its reader for ever.
        whole = all(path.is_file() or path.is_dir() for path in folder.rglob("*"))
        return whole and all((folder / part).exists() for part in _PARTS)

    def _way_on(self, step: int) -> str:
        others = [other for other in self.steps() if other != step]
        then = f"training resumes from step {others[-1]}" if others else "training starts again from step 0"
        there = f" (finished checkpoints: {', '.join(map(str, others))})" if others else ""
        return f"Move or delete that folder: then {then}{there}."


_REASONS = tuple(
    os.strerror(number)
    for number in (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.EROFS,
        errno.EACCES,
        errno.EMFILE,
    )
)


def first_line(error: Exception) -> str:
    """What the operating system said, where a library quotes it; else the type and first line of its error."""
    text = str(error).strip()
    for reason in _REASONS:
        if reason in text:
            return reason
    return f"{type(error).__name__}: {text.splitlines()[0][:300] if text else 'no message'}"
