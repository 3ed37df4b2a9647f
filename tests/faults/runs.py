"""A finished run of the toy data in one process, and what a fault may end in."""

from __future__ import annotations

import pathlib

import jax

from emojax import systems
from emojax.engine.evaluation import evaluate
from emojax.engine.loop import TrainResult, train
from emojax.engine.mesh import data_mesh
from emojax.engine.restore import read_variables
from emojax.engine.runlog import read_log
from tests.toy import make_config


def run(dataset, workdir: pathlib.Path, **changes) -> TrainResult:
    """Trains, or resumes, the toy system on one device; `changes` as in `make_config`."""
    config = make_config(dataset, **{"augment": "none", **changes})
    mesh = data_mesh(jax.devices()[:1])
    return train(config, systems.build(config, dataset.recipe), dataset, workdir, mesh=mesh, progress=False)


def metrics(dataset, workdir: pathlib.Path, which: str = "best") -> dict:
    """Evaluates a run."""
    restored = read_variables(workdir, which)
    system = systems.build(restored.config, restored.recipe)
    return evaluate(workdir, restored, system, dataset)["metrics"]


def rows_without_times(workdir: pathlib.Path) -> list[dict]:
    """The log without what depends on the machine."""
    return [{k: v for k, v in row.items() if not k.startswith("time/")} for row in read_log(workdir)]


def is_one_line(error: BaseException) -> bool:
    """Whether a message is what a user can read: one line, a sentence, nothing of the inside."""
    text = str(error)
    return "\n" not in text and len(text) < 800 and "Traceback" not in text and text.endswith((".", ")"))
