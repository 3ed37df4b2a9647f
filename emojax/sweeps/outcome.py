"""What became of a row."""

from __future__ import annotations

import dataclasses

from emojax.sweeps.plan import Task

DONE, KEPT, FAILED, MISSING, STOPPED = "done", "kept", "failed", "missing", "stopped"
OUTPUT_FILE = "output.txt"  # of a row: all that its process printed


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The end of one row and seed.

    Attributes:
        task: which.
        status: `DONE`; `KEPT`: finished before; `FAILED`; `MISSING`: there is no data for it; `STOPPED`: the
            user asked for it, the same command goes on.
        message: what went wrong.
        seconds: wall time of this call.
    """

    task: Task
    status: str
    message: str = ""
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        return self.status in (DONE, KEPT)
