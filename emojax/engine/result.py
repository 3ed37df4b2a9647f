"""What a run ends with."""

from __future__ import annotations

import dataclasses

from emojax.engine.state import TrainState


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What a run ended with.

    Attributes:
        state: the last state, replicated on the mesh.
        step: its step number.
        finished: False when the run was asked to stop (SIGTERM, `config.run.stop_after_steps`).
        ending: why it ended, in words.
        metrics: metrics of the last evaluation of this call; empty when there was none.
        best_step: step of the best checkpoint, None before the first evaluation.
        compilations: compiled versions of the training step (1 unless a shape changed on the way).
        seconds_per_step: mean wall time of a step after the first, evaluation and checkpoints left out.
        data_wait_share: share of the steps' wall time spent waiting for a batch.
    """

    state: TrainState
    step: int
    finished: bool
    ending: str
    metrics: dict
    best_step: int | None
    compilations: int
    seconds_per_step: float
    data_wait_share: float
