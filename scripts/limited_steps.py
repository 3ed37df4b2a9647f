"""Runs commands one after the other, each with a time limit of its own, and keeps what each has found.

Standard library only: it must run, and say what is missing, in any environment.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence

FIGURES = "{figures}"  # in a command: the file that it writes its figures to, as JSON
_TAIL = 12  # lines of output that the results hold of a step


@dataclasses.dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        name: in the results.
        command: program and arguments; `FIGURES` in them stands for a file.
        limit: seconds; then it and what it started are killed.
        environment: variables that it gets besides ours.
        missing: why it cannot run here; empty where it can.
    """

    name: str
    command: Sequence[str]
    limit: float
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    missing: str = ""


class Results:
    """``results.json``, ``results.txt`` and ``output.log`` of a folder; complete after every step."""

    def __init__(self, folder: pathlib.Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.steps = folder, []
        for name in ("results.txt", "output.log"):
            (folder / name).write_text("")

    def add(self, result: dict) -> None:
        self.steps.append(result)
        whole = self.folder / "results.json.part"
        whole.write_text(json.dumps({"steps": self.steps}, indent=1) + "\n")
        whole.replace(self.folder / "results.json")
        self.tell(_line(result))

    def tell(self, text: str) -> None:
        print(text, flush=True)
        with (self.folder / "results.txt").open("a") as file:
            file.write(text + "\n")

    @property
    def failed(self) -> list[str]:
        return [r["name"] for r in self.steps if r["status"] in ("failed", "time limit")]


def run_steps(steps: Sequence[Step], results: Results, seconds: float, cwd: pathlib.Path) -> None:
    """Runs steps until `seconds` are over; a step never gets more than what is left.

    Each result has `name`, `status` (``passed``, ``failed``, ``time limit``, ``left out``), `seconds`, `figures` and
    `last_lines` of the output. Figures that a killed step has written stay.
    """
    end = time.monotonic() + seconds
    for step in steps:
        left = end - time.monotonic()
        reason = step.missing or ("" if left > 1 else "no time left")
        if reason:
            results.add({"name": step.name, "status": "left out", "reason": reason})
        else:
            results.add(_run(step, min(step.limit, left), results.folder, cwd))


def _run(step: Step, limit: float, folder: pathlib.Path, cwd: pathlib.Path) -> dict:
    figures = (folder / f"{step.name}.figures.json").absolute()
    figures.unlink(missing_ok=True)
    command = [part.replace(FIGURES, str(figures)) for part in step.command]
    start, lines = time.monotonic(), []
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **step.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # what it starts is killed with it
        text=True,
        errors="replace",
    )
    reader = threading.Thread(target=_copy, args=(process.stdout, folder, step.name, lines), daemon=True)
    reader.start()
    status = "failed"
    try:
        status = "passed" if process.wait(limit) == 0 else "failed"
    except subprocess.TimeoutExpired:
        status = "time limit"
    finally:
        _kill(process)
    reader.join(5)
    result = {"name": step.name, "status": status, "seconds": round(time.monotonic() - start, 1)}
    result |= {"limit": round(limit, 1), "figures": _read(figures)}
    figures.unlink(missing_ok=True)
    return result | {"last_lines": lines[-_TAIL:]}


def _copy(stream, folder: pathlib.Path, name: str, lines: list[str]) -> None:
    with (folder / "output.log").open("a") as log:
        log.write(f"== {name}\n")
        for line in stream:
            sys.stdout.write(f"  {line}")
            sys.stdout.flush()
            log.write(line)
            log.flush()
            lines.append(line.rstrip("\n"))


def _kill(process: subprocess.Popen) -> None:
    """Ends the step and all of its session, also what it left running."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read(path: pathlib.Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def _line(result: dict) -> str:
    if result["status"] == "left out":
        return f"[{'left out':>10}] {result['name']}: {result['reason']}"
    head = f"[{result['status']:>10}] {result['name']}: {result['seconds']:.0f} of {result['limit']:.0f} s"
    shown = [f"{k} {_short(v)}" for k, v in result["figures"].items() if isinstance(v, (int, float))]
    return "\n".join([head, *(f"             {figure}" for figure in shown)])


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"
