"""Runs the rows of a table one after another; a row that fails does not stop the others."""

from __future__ import annotations

import contextlib
import multiprocessing
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence

from tqdm import tqdm

from emojax.engine.runlog import read_log
from emojax.engine.stop import StopSignal
from emojax.sweeps.outcome import DONE, FAILED, KEPT, MISSING, OUTPUT_FILE, STOPPED, Outcome
from emojax.sweeps.plan import Task

_POLL_SECONDS = 0.5
# Imported once, by the server that the rows' processes are forked from.
_PRELOAD = (
    "emojax.sweeps.worker",
    "emojax.systems.faces.report",
    "emojax.systems.people",
    "sklearn.manifold",
    "tensorboardX",
)

RunRow = Callable[[Task], tuple[str, str]]


def run_tasks(
    tasks: Sequence[Task], run_row: RunRow, tell: Callable[[list[Outcome], float | None], None]
) -> list[Outcome]:
    """Runs what is not finished yet.

    Args:
        tasks: in this order.
        run_row: trains and evaluates one row; returns its status and a message.
        tell: called after each row with the outcomes so far and the seconds that are left, None if unknown.

    Returns:
        Outcomes, up to the row at which the user stopped.
    """
    outcomes = []
    for number, task in enumerate(tasks, 1):
        outcomes.append(_outcome(task, run_row))
        tell(outcomes, _seconds_left(outcomes, tasks[number:]))
        if outcomes[-1].status == STOPPED:
            break
    return outcomes


def _outcome(task: Task, run_row: RunRow) -> Outcome:
    if task.is_finished():
        return Outcome(task, KEPT)
    if not _has_data(task):
        return Outcome(task, MISSING, f"there is no prepared data in {task.config.data_dir}")
    start = time.monotonic()
    status, message = run_row(task)
    return Outcome(task, status, message, time.monotonic() - start)


def _has_data(task: Task) -> bool:
    return (pathlib.Path(task.config.data_dir) / "dataset.json").is_file()


def _seconds_left(outcomes: Sequence[Outcome], tasks: Sequence[Task]) -> float | None:
    """From the mean time of the rows that this call has trained."""
    times = [o.seconds for o in outcomes if o.status == DONE]
    left = sum(1 for task in tasks if _has_data(task) and not task.is_finished())
    if not left:
        return 0.0
    return left * sum(times) / len(times) if times else None


@contextlib.contextmanager
def row_processes(total: int) -> Iterator[RunRow]:
    """A `RunRow` with a process a row; SIGTERM and Ctrl-C make the row save and stop.

    Args:
        total: number of rows, for the progress bar.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOAD))
    with StopSignal() as stop, tqdm(total=total, unit="row", disable=None, leave=False) as bar:

        def run_row(task: Task) -> tuple[str, str]:
            if stop.requested:
                return STOPPED, ""
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=_run_in_child, args=(task, sender))
            process.start()
            sender.close()
            _watch(process, task, stop, bar)
            bar.update()
            return _answer(receiver, process, task, stop)

        yield run_row


def _run_in_child(task: Task, answer) -> None:
    from emojax.sweeps import worker  # jax and all systems: the sweep itself does without

    worker.run(task, answer)


def _watch(process, task: Task, stop: StopSignal, bar: tqdm) -> None:
    """Waits for the end of a row, shows how far it is, and passes a request to stop on."""
    announced = False
    while process.is_alive():
        process.join(_POLL_SECONDS)
        if stop.requested and not announced:
            process.terminate()
            announced = True
        if not bar.disable:
            bar.set_postfix_str(f"{task.name}: {_progress(task.workdir)}")


def _progress(workdir: pathlib.Path) -> str:
    log = read_log(workdir)
    return f"step {log[-1]['step']:,}" if log else "starting"


def _answer(receiver, process, task: Task, stop: StopSignal) -> tuple[str, str]:
    """What the row's process sent, or how it died."""
    try:
        status, message = receiver.recv()
    except EOFError:
        if stop.requested:
            return STOPPED, ""
        how = f"signal {-process.exitcode}" if process.exitcode < 0 else f"status {process.exitcode}"
        hint = " (out of memory?)" if process.exitcode == -9 else ""
        return FAILED, f"its process died with {how}{hint}; see {task.results / OUTPUT_FILE}"
    return status, message
