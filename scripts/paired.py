"""Steps of several libraries timed in turn, so that all see the same machine."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping

import numpy as np


def times() -> np.ndarray:
    """Seconds by the clock, and of this process's processor time, ``[2]``."""
    used = os.times()
    return np.array([time.perf_counter(), used.user + used.system])


def print_steps(running: Mapping[str, Iterator[None]], repeats: int) -> None:
    """Takes a step of each in turn, `repeats` times, and prints a line with the medians of each.

    Args:
        running: name -> what takes one step at each `next`; the first step, which compiles, is behind it.
        repeats: of each step.
    """
    taken: dict[str, list[np.ndarray]] = {name: [] for name in running}
    for _ in range(repeats):
        for name, step in running.items():
            start = times()
            next(step)
            taken[name].append(times() - start)
    for name, values in taken.items():
        wall, cpu = 1000 * np.median(values, axis=0)
        print(f"  {name:22} {wall:8,.0f} ms wall, {cpu:8,.0f} ms CPU (median of {repeats})")
