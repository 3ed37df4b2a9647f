"""The log of a run: JSON lines, TensorBoard events, and step logs fetched one step late."""

from __future__ import annotations

import contextlib
import json
import math
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

import jax
import numpy as np

from emojax.errors import CheckpointError, DataError, TrainingError
from emojax.files import explained, parse_json, read_bytes, replacing

LOG_FILE = "log.jsonl"
_STATISTICS = {"minimum": "min", "mean": "mean", "maximum": "max", "std": "std"}


class Row(TypedDict):
    """What every row has; the values of its kind beside them."""

    kind: str
    step: int


def read_log(workdir: str | pathlib.Path) -> list[dict]:
    """Rows of ``log.jsonl``; lines that are no rows (cut off by a kill, damaged) are left out."""
    return [row for _, row in _read_lines(pathlib.Path(workdir) / LOG_FILE) if row is not None]


def curve_statistics(log: Sequence[Mapping]) -> dict[str, dict[str, dict[str, float]]]:
    """Statistics of every logged scalar over a whole run (affwild_gan spec 5.1).

    Args:
        log: rows of ``log.jsonl``.

    Returns:
        Kind of the row (``train``, ``eval``) -> name -> ``minimum``, ``mean``, ``maximum`` and ``std``, the standard
        deviation; values that are not finite are left out.
    """
    values: dict[str, dict[str, list[float]]] = {"train": {}, "eval": {}}
    for row in log:
        for name, value in row.items() if row["kind"] in values else ():
            if isinstance(value, float) and math.isfinite(value) and name != "epoch":
                values[row["kind"]].setdefault(name, []).append(value)
    return {
        kind: {
            name: {f: float(getattr(np, g)(v)) for f, g in _STATISTICS.items()} for name, v in of_kind.items()
        }
        for kind, of_kind in values.items()
    }


def _read_lines(path: pathlib.Path) -> list[tuple[bytes, dict | None]]:
    """The lines with their rows, None where a line holds none; lines end with a newline and nothing else."""
    if not path.exists():
        return []
    return [(line, _parse(line, path)) for line in read_bytes(path).split(b"\n") if line]


def _parse(line: bytes, path: pathlib.Path) -> dict | None:
    try:
        return parse_json(line, Row, what=f"a line of {path}")
    except DataError:
        return None


def require_no_progress(checkpoints: pathlib.Path) -> None:
    """Raises CheckpointError when the log shows a run that has saved checkpoints, and there are none.

    Args:
        checkpoints: their folder, missing or without any.
    """
    rows = read_log(checkpoints.parent)
    reached = max((row["step"] for row in rows), default=0)
    # A run may be killed before its first checkpoint is complete. Each evaluation saves one, and waits for the last.
    saved = len({row["step"] for row in rows if row["kind"] == "eval"}) > 2
    if reached and (saved or not checkpoints.exists()):
        raise CheckpointError(
            f"{checkpoints.parent / LOG_FILE} ends at step {reached}, but {checkpoints} holds no checkpoint. Is it on "
            f"a disk that is not mounted? Bring it back; or delete {LOG_FILE} to start again from step 0."
        )


class RunLog:
    """Writes ``log.jsonl`` and ``events/`` of a work directory.

    Args:
        workdir: the run's folder.
        resume_step: rows after this step are dropped: they come again, equal. So is a broken last line; other lines
            that are no rows stay as they are.

    Raises:
        OutputError: here and in all methods, when the disk is full.
    """

    def __init__(self, workdir: str | pathlib.Path, resume_step: int):
        self._path = pathlib.Path(workdir) / LOG_FILE
        lines = _read_lines(self._path)
        if lines and lines[-1][1] is None:
            lines.pop()
        kept = [line for line, row in lines if row is None or row["step"] <= resume_step]
        with replacing(self._path) as temporary:
            temporary.write_bytes(b"".join(line + b"\n" for line in kept))
        with explained(self._path):
            self._file = self._path.open("a")
        self._events = _Events(self._path.with_name("events"), resume_step)

    def write(self, kind: str, step: int, epoch: float, values: Mapping[str, float]) -> None:
        """Adds a row; `kind` is ``train`` or ``eval``; values are scalars."""
        self._add({"kind": kind, "step": step, "epoch": round(epoch, 4), **values})
        self._events.write({f"{kind}/{name}": value for name, value in values.items()}, step)

    def write_start(self, facts: Mapping[str, Any]) -> None:
        """Adds the row ``start`` of step 0: what a fresh run begins with, JSON-able."""
        self._add({"kind": "start", "step": 0, "epoch": 0.0, **facts})

    def _add(self, row: Mapping[str, Any]) -> None:
        with explained(self._path):
            self._file.write(json.dumps(row) + "\n")
            self._file.flush()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what could not be written has been reported
            self._file.close()
        self._events.close()


class NoLog:
    """Stands for a `RunLog` in the processes that do not lead: writes nothing."""

    def write(self, kind: str, step: int, epoch: float, values: Mapping[str, float]) -> None: ...

    def write_start(self, facts: Mapping[str, Any]) -> None: ...

    def close(self) -> None: ...


class _Events:
    """TensorBoard's event file, written by the caller: a full disk is reported, and never blocks."""

    def __init__(self, folder: pathlib.Path, resume_step: int):
        # Imports torch where there is one: seconds that only training pays.
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto import event_pb2
        from tensorboardX.summary import scalar

        self._folder, self._new_event, self._scalar = folder, event_pb2.Event, scalar
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._writer = EventsWriter(str(folder / "events"))
            if resume_step:  # what was shown after this step is hidden
                start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
                self._add(step=resume_step + 1, file_version="brain.Event:2")
                self._add(step=resume_step + 1, session_log=start)

    def write(self, values: Mapping[str, float], step: int) -> None:
        with explained(self._folder):
            for name, value in values.items():
                self._add(step=step, summary=self._scalar(name, value))
            self._writer.flush()

    def _add(self, **fields) -> None:
        self._writer.write_event(self._new_event(wall_time=time.time(), **fields))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._writer.close()


class LateLogs:
    """Step logs, fetched when the next step is already under way, so the device never waits for them.

    Adds up the logs of the steps since the last row. A loss that is not finite stops the run.

    Args:
        describe: record numbers ``[B]`` -> text that names them, for the error.
    """

    def __init__(self, describe: Callable[[np.ndarray], str], state: Mapping | None = None):
        self._describe = describe
        self._pending = None
        self._sums: dict[str, float] = dict((state or {}).get("sums", {}))
        self._count: int = (state or {}).get("count", 0)

    def state(self) -> dict:
        """JSON-able sums since the last row; part of a checkpoint, so a resumed log is equal."""
        return {"sums": dict(self._sums), "count": self._count}

    def push(self, step: int, logs: Mapping, records: np.ndarray) -> None:
        """Takes a step's logs (device arrays) and fetches those of the step before."""
        self.flush()
        self._pending = (step, logs, records)

    def flush(self) -> None:
        """Fetches what is pending.

        Raises:
            TrainingError: the loss or the gradient's norm is NaN or infinite.
        """
        if self._pending is None:
            return
        step, logs, records = self._pending
        self._pending = None
        values = {k: float(v) for k, v in jax.device_get(logs).items()}  # one copy: `StepLogs` are one array
        bad = [f"{k} = {v}" for k, v in values.items() if not math.isfinite(v)]
        if bad:
            raise TrainingError(
                f"Step {step}: {', '.join(bad)}. Stopped; the last checkpoint before it is kept. Records of this "
                f"batch: {self._describe(records[records >= 0])}. Try a smaller --config.optimizer.learning_rate, "
                f"or look at these records with `python -m data_prep.check`."
            )
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1

    def means(self) -> dict[str, float]:
        """Means since the last call; starts anew."""
        means = {k: v / max(1, self._count) for k, v in self._sums.items()}
        self._sums, self._count = {}, 0
        return means
