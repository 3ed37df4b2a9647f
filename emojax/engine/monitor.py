"""What makes a checkpoint the best, and when a run that no longer improves stops."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from emojax.errors import ConfigError

DIRECTIONS = ("larger", "smaller")


@dataclasses.dataclass(frozen=True)
class Monitor:
    """A metric of the validation split and its better direction.

    Attributes:
        metric: its name.
        direction: ``larger`` or ``smaller`` is better.
    """

    metric: str
    direction: str = "larger"

    def score(self, metrics: Mapping[str, Any]) -> float:
        """The metric so that larger is better; minus infinity when it is NaN.

        Of equal scores the later evaluation counts as the best (corrections.md, 11).

        Raises:
            ConfigError: there is no such metric.
        """
        if self.metric not in metrics:
            there = ", ".join(name for name, value in metrics.items() if isinstance(value, int | float))
            raise ConfigError(
                f"config.monitor is {self.metric!r}, but the evaluation measures {there or 'nothing'}."
            )
        value = float(metrics[self.metric])
        if math.isnan(value):
            return -math.inf
        return value if self.direction == "larger" else -value


class EarlyStopping:
    """Counts the evaluations since the last one that was better by more than `min_delta`.

    Attributes:
        stopped: as many as `patience` went by without; never when `patience` is 0.
    """

    def __init__(self, monitor: Monitor, patience: int, min_delta: float, state: Mapping | None = None):
        """
        Args:
            monitor: what is watched.
            patience: evaluations without improvement after which the run stops; 0: it never does.
            min_delta: by how much more a score must be better to count, in units of the metric.
            state: of `state()`, to continue from there.
        """
        self._monitor, self._patience, self._min_delta = monitor, patience, min_delta
        state = state or {}
        self._best: float | None = state.get("best")
        self._best_step: int = state.get("best_step", 0)
        self._waited: int = state.get("waited", 0)

    def observe(self, metrics: Mapping[str, Any], step: int) -> None:
        """Takes the metrics of the evaluation after `step`."""
        score = self._monitor.score(metrics)
        best = -math.inf if self._best is None else self._best
        if score > best + self._min_delta:
            self._best, self._best_step, self._waited = score, step, 0
        else:
            self._waited += 1

    @property
    def stopped(self) -> bool:
        return 0 < self._patience <= self._waited

    def state(self) -> dict:
        """JSON values; part of a checkpoint, so a resumed run stops at the same step."""
        return {"best": self._best, "best_step": self._best_step, "waited": self._waited}

    def reason(self) -> str:
        """Why the run stopped, for its last line."""
        since = f"since step {self._best_step}" if self._best is not None else "at all"
        return (
            f"early stopping: {self._monitor.metric} has not improved {since}, in {self._waited} evaluations; to train "
            f"on, run the same command with --config.early_stopping.patience={2 * self._patience} or 0"
        )
