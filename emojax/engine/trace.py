"""Traces of running programs: written for TensorBoard and Perfetto, and read for tables of kernels and copies.

Format: Chrome trace events, as JAX's profiler writes them (``plugins/profile/TIME/HOST.trace.json.gz``). On a GPU the
kernels are those of the threads ``Stream #N(...)`` of the processes ``/device:GPU:N``; on a CPU the events that name
their HLO operation.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import json
import pathlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import jax

from emojax.errors import DataError

_COPY = re.compile(r"memcpy|memset", re.IGNORECASE)
_TO_DEVICE = re.compile(r"memcpy.*(h2d|htod|hosttodevice)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that a device did.

    Attributes:
        name: of the kernel or the copy.
        start: microseconds.
        duration: microseconds.
        operation: HLO operation that it belongs to; empty where the trace does not say.
    """

    name: str
    start: float
    duration: float
    operation: str = ""


@dataclasses.dataclass(frozen=True)
class Kernel:
    """All events of one name: total microseconds, how many, and the share of the time of all kernels."""

    name: str
    microseconds: float
    count: int
    share: float


@contextlib.contextmanager
def recorded(folder: pathlib.Path) -> Iterator[None]:
    """Writes a trace of what runs inside into `folder`; Python's own calls are left out."""
    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = 0
    with jax.profiler.trace(str(folder), profiler_options=options):
        yield


def newest(folder: pathlib.Path) -> pathlib.Path:
    """The newest trace in a folder; raises DataError where there is none."""
    files = sorted(folder.rglob("*.trace.json.gz"), key=lambda p: p.stat().st_mtime)
    if not files:
        raise DataError(f"There is no trace (*.trace.json.gz) in {folder}.")
    return files[-1]


def read_events(path: pathlib.Path) -> list[Event]:
    """Kernels and copies of a trace, by start.

    Raises:
        DataError: the file is no trace.
    """
    try:
        with gzip.open(path) as file:
            events = json.load(file)["traceEvents"]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no trace of JAX's profiler: {error}. Record it again.") from error
    streams = _streams(events)
    found = [_event(e) for e in events if e.get("ph") == "X" and _of_device(e, streams)]
    return sorted(found, key=lambda event: event.start)


def _streams(events: Sequence[dict]) -> set[tuple]:
    """(process, thread) of every stream of a GPU."""
    names = {
        (e["name"], e["pid"], e.get("tid") if e["name"] == "thread_name" else None): e["args"]["name"]
        for e in events
        if e.get("ph") == "M" and e.get("name") in ("process_name", "thread_name")
    }
    return {
        (pid, tid)
        for (kind, pid, tid), name in names.items()
        if kind == "thread_name"
        and name.startswith("Stream")
        and names.get(("process_name", pid, None), "").startswith("/device:GPU")
    }


def _of_device(event: dict, streams: set[tuple]) -> bool:
    if streams:
        return (event["pid"], event.get("tid")) in streams
    return "hlo_op" in event.get("args", {}) and not event["name"].startswith("end: ")


def _event(event: dict) -> Event:
    operation = str(event.get("args", {}).get("hlo_op", ""))
    return Event(event["name"], float(event["ts"]), float(event.get("dur", 0.0)), operation)


def longest(events: Iterable[Event], count: int = 10) -> list[Kernel]:
    """The kernels that took the most time in all, copies left out, longest first."""
    by_name: dict[str, list[float]] = defaultdict(list)
    for event in events:
        if not _COPY.search(event.name):
            by_name[event.name].append(event.duration)
    total = sum(map(sum, by_name.values())) or 1.0
    kernels = [Kernel(name, sum(d), len(d), sum(d) / total) for name, d in by_name.items()]
    return sorted(kernels, key=lambda kernel: (-kernel.microseconds, kernel.name))[:count]


def copies_to_device(events: Sequence[Event]) -> dict[str, float]:
    """Copies from the host: how long, and how much of that time kernels ran beside them.

    Returns:
        `copy_microseconds`, `overlapped_microseconds`, and `overlap`, their ratio (1: no copy delays a kernel); the
        last is left out without copies.
    """
    copies = _merged(e for e in events if _TO_DEVICE.search(e.name))
    kernels = _merged(e for e in events if not _COPY.search(e.name))
    total = sum(end - start for start, end in copies)
    both = sum(max(0.0, min(a_end, b_end) - max(a, b)) for a, a_end in copies for b, b_end in kernels)
    found = {"copy_microseconds": total, "overlapped_microseconds": both}
    return found | ({"overlap": both / total} if total else {})


def busy_share(events: Sequence[Event]) -> float:
    """Share of the time from the first kernel's start to the last one's end in which any kernel ran; 0 without any."""
    kernels = _merged(e for e in events if not _COPY.search(e.name))
    if not kernels or kernels[-1][1] == kernels[0][0]:
        return 0.0
    return sum(end - start for start, end in kernels) / (kernels[-1][1] - kernels[0][0])


def _merged(events: Iterable[Event]) -> list[tuple[float, float]]:
    """Times that the events cover, as intervals that do not touch, in order."""
    intervals: list[tuple[float, float]] = []
    for start, end in sorted((e.start, e.start + e.duration) for e in events):
        if intervals and start <= intervals[-1][1]:
            intervals[-1] = (intervals[-1][0], max(end, intervals[-1][1]))
        else:
            intervals.append((start, end))
    return intervals


def table(kernels: Sequence[Kernel], steps: int) -> str:
    """A table for a terminal; times are those of one of `steps` steps."""
    lines = [f"{'ms/step':>10}{'share':>8}{'calls':>7}  kernel"]
    for k in kernels:
        per_step = k.microseconds / steps / 1000
        lines.append(f"{per_step:10.3f}{100 * k.share:7.1f}%{k.count / steps:7.0f}  {k.name[:90]}")
    return "\n".join(lines)
