"""Runs one function over many tasks on all cores, with one progress bar that counts records."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import cv2

from emojax import progress
from emojax.errors import DataError

_POLL_SECONDS = 0.2
_counter = None  # shared count of finished records; set in each worker by _start_worker
_stopped = None  # shared flag: the user wants to stop


class _StoppedError(Exception):
    """Ends a task in a worker after Ctrl-C."""


def available_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def advance(records: int = 1) -> None:
    """Tells the progress bar of the running `parallel_map` that so many more records are done.

    In a worker this is also where a task ends, with an exception, after the user has pressed Ctrl-C.
    """
    if _stopped is not None and _stopped.value:
        raise _StoppedError
    if _counter is not None:
        with _counter.get_lock():
            _counter.value += records


def parallel_map(
    function: Callable[[Any], Any],
    tasks: Sequence,
    *,
    workers: int,
    total: int,
    title: str,
    unit: str = "img",
) -> Iterator[tuple[int, Any]]:
    """Yields (task number, `function(task)`) as tasks finish.

    `function` and the tasks must be picklable: workers are spawned, so that nothing of the parent (threads,
    locks, open files) leaks into them. `function` calls `advance` to move the bar, which ends at `total`
    records, called `unit`. After an exception no new task starts, those in flight are finished, and the exception
    is raised.
    """
    workers = max(1, min(workers, len(tasks)))
    with progress.bar(total=total, desc=title, unit=unit) as bar:
        if workers == 1:
            yield from _map_here(function, tasks, bar)
        else:
            yield from _map_in_workers(function, tasks, workers, bar)


def _map_here(function, tasks, bar) -> Iterator[tuple[int, Any]]:
    global _counter
    cv2.setNumThreads(0)
    _counter = _BarCounter(bar)
    try:
        for number, task in enumerate(tasks):
            yield number, function(task)
    finally:
        _counter = None


class _BarCounter:
    """The shared counter's interface, writing straight to the bar when everything runs in this process."""

    def __init__(self, bar):
        self._bar = bar

    def get_lock(self):
        return self._bar.get_lock()

    @property
    def value(self) -> int:
        return self._bar.n

    @value.setter
    def value(self, count: int) -> None:
        self._bar.update(count - self._bar.n)


def _map_in_workers(function, tasks, workers: int, bar) -> Iterator[tuple[int, Any]]:
    context = multiprocessing.get_context("spawn")
    counter, stopped = context.Value("q", 0), context.RawValue("b", 0)
    pool = concurrent.futures.ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start_worker, initargs=(counter, stopped)
    )
    try:
        waiting = {pool.submit(function, task): number for number, task in enumerate(tasks)}
        while waiting:
            done, _ = concurrent.futures.wait(
                waiting, timeout=_POLL_SECONDS, return_when=concurrent.futures.FIRST_COMPLETED
            )
            bar.update(counter.value - bar.n)
            for future in done:
                yield waiting.pop(future), future.result()
        bar.update(counter.value - bar.n)
    except BrokenProcessPool:
        raise DataError(
            "A worker process was killed, most likely because memory ran out. "
            "Run the same command with fewer --workers: what is finished is kept."
        ) from None
    except KeyboardInterrupt:
        stopped.value = 1
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker(counter, stopped) -> None:
    global _counter, _stopped
    _counter, _stopped = counter, stopped
    cv2.setNumThreads(0)  # one process a core already; OpenCV's own threads would only fight
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """A worker whose parent was killed would wait for tasks for ever: it ends itself instead."""
    multiprocessing.parent_process().join()
    os._exit(1)
