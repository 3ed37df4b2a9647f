"""A run that is asked to stop."""

from __future__ import annotations

import signal
import threading


class StopSignal:
    """While active, SIGTERM (preemption) and the first Ctrl-C set `requested` instead of killing the run."""

    def __init__(self):
        self.requested = False
        self._previous: dict = {}

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._previous[number] = signal.signal(number, self._request)
        return self

    def _request(self, number, frame) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True

    def __exit__(self, *exc) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
