"""The log of a run: JSON lines, TensorBoard events, and step logs fetched one step late."""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from emojax.errors import TrainingError

LOG_FILE = "log.jsonl"


def read_log(workdir: str | pathlib.Path) -> list[dict]:
    """Rows of ``log.jsonl``; a last line cut off by a kill is left out."""
    path = pathlib.Path(workdir) / LOG_FILE
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


class RunLog:
    """Writes ``log.jsonl`` and ``events/`` of a work directory.

    Args:
        workdir: the run's folder.
        resume_step: rows after this step are dropped: they come again, equal.
    """

    def __init__(self, workdir: str | pathlib.Path, resume_step: int):
        self._path = pathlib.Path(workdir) / LOG_FILE
        kept = [row for row in read_log(workdir) if row["step"] <= resume_step]
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text("".join(json.dumps(row) + "\n" for row in kept))
        temporary.replace(self._path)
        self._file = self._path.open("a")
        from tensorboardX import (
            SummaryWriter,  # imports torch where there is one: seconds that only training pays
        )

        purge = {"purge_step": resume_step + 1} if resume_step else {}
        self._events = SummaryWriter(str(pathlib.Path(workdir) / "events"), **purge)

    def write(self, kind: str, step: int, epoch: float, values: Mapping[str, float]) -> None:
        """Adds a row; `kind` is ``train`` or ``eval``; values are scalars."""
        self._add({"kind": kind, "step": step, "epoch": round(epoch, 4), **values})
        for name, value in values.items():
            self._events.add_scalar(f"{kind}/{name}", value, step)

    def write_start(self, facts: Mapping[str, Any]) -> None:
        """Adds the row ``start`` of step 0: what a fresh run begins with, JSON-able."""
        self._add({"kind": "start", "step": 0, "epoch": 0.0, **facts})

    def _add(self, row: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()
        self._events.close()


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
        values = {k: float(v) for k, v in jax.device_get(dict(logs)).items()}  # one copy for all
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
