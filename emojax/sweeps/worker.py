"""One row of a table, trained and evaluated in a process of its own.

A process a row: one that crashes or is killed for its memory takes no other row along, and its device memory
is given back. The processes are forked from a server that has imported everything and touched no device, so
a row pays for no import.
"""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import sys
import threading
import traceback
from multiprocessing.connection import Connection

from emojax import cli, systems
from emojax.engine import compile_cache
from emojax.engine.evaluation import evaluate
from emojax.engine.lock import ROW, locked
from emojax.engine.loop import train
from emojax.engine.restore import read_variables
from emojax.engine.workdir import as_json
from emojax.errors import EmojaxError
from emojax.sweeps import ensemble
from emojax.sweeps.outcome import DONE, FAILED, OUTPUT_FILE, STOPPED
from emojax.sweeps.plan import Task


def run(task: Task, answer: Connection) -> None:
    """Trains and evaluates a row; sends (`DONE`, `STOPPED` or `FAILED`, message). Runs in the child process."""
    os.setsid()  # Ctrl-C reaches the sweep, which tells this process to save
    threading.Thread(target=_end_with_the_sweep, daemon=True).start()
    _write_output_to(task.results / OUTPUT_FILE)
    cli.quiet_libraries()
    try:
        answer.send((_train_and_evaluate(task), ""))
    except EmojaxError as error:
        answer.send((FAILED, str(error)))
    except BaseException as error:
        traceback.print_exc()
        where = task.results / OUTPUT_FILE
        answer.send((FAILED, f"{type(error).__name__}: {error} (the traceback is in {where})"))
    sys.stderr.flush()


def _train_and_evaluate(task: Task) -> str:
    compile_cache.enable()
    if task.members:
        return _combine(task)
    dataset = systems.load_data(task.config)
    dataset.split(task.split)
    row = systems.build(task.config, dataset.recipe)  # first: a row that cannot be evaluated is not trained
    with locked(task.workdir, ROW, wait=True):  # another sweep may train this row
        system = systems.build(task.network, dataset.recipe)
        result = train(task.network, system, dataset, task.workdir, progress=False)
        if not result.finished and not 0 < task.config.run.stop_after_steps <= result.step:
            return STOPPED
        evaluate(task.workdir, read_variables(task.workdir), row, dataset, task.split, out=task.results)
    return DONE


def _combine(task: Task) -> str:
    """Trains and evaluates the members that are not there yet, and combines their outputs."""
    for member in task.members:
        if not member.is_finished() and _train_and_evaluate(member) == STOPPED:
            return STOPPED
    weights = list(task.config.members.values()) if task.config.method == "weighted_mean" else None
    runs = [member.results for member in task.members]
    made = ensemble.combined(runs, weights, task.config.method, task.split, name=task.config.name)
    # Of the data and the device a table says what it says of a member.
    results = {**task.members[0].read_result(), **ensemble.measure(made)}
    results |= {"config": as_json(task.config), "trained": _least_trained(task)}
    ensemble.write(made, results, task.results)
    return DONE


def _least_trained(task: Task) -> dict[str, int]:
    """Steps of the member whose training went least far."""
    trained = [member.read_result()["trained"] for member in task.members]
    return min(trained, key=lambda steps: steps["steps"] / max(steps["of"], 1))


def _end_with_the_sweep() -> None:
    """Ends this process when the sweep has died, so that its successor finds the folder free."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _write_output_to(file: pathlib.Path) -> None:
    """Everything this process prints, crashes of native code included, goes to a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as output:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
