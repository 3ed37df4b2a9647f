"""Runs that are killed for real: SIGKILL at any moment, SIGTERM, a full disk."""

from __future__ import annotations

import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import orbax.checkpoint as ocp
import pytest

from emojax.engine.runlog import read_log
from tests.compilation import QUICK_COMPILE

ROOT = pathlib.Path(__file__).resolve().parents[2]
STEPS = 60


def command(dataset, workdir):
    fields = {
        "data_dir": dataset.path,
        "align": "",
        "image_size": 32,
        "batch_size": 9,
        "eval_batch_size": 21,
        "num_epochs": 6,
        "augment": "code",
        "run.log_every": 3,
        "run.checkpoint_every_steps": 4,
    }
    overrides = [f"--config.{k}={v}" for k, v in fields.items()]
    config = ["--config", "configs/affectnet_gcn.py:demo"]
    door = [sys.executable, "-m", "tests.processes.tiny_network", "emojax.train"]
    return [*door, *config, *overrides, "--workdir", str(workdir)]


def environment():
    return os.environ | {
        "XLA_FLAGS": QUICK_COMPILE,
        "JAX_PLATFORMS": "cpu",
    }


def start(dataset, workdir, **options):
    return subprocess.Popen(
        command(dataset, workdir),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def final_state(workdir):
    path = pathlib.Path(workdir) / "checkpoints" / str(STEPS) / "state"
    with ocp.StandardCheckpointer() as reader:
        return reader.restore(path.absolute())


def wait_for_step(workdir, step, process):
    while process.poll() is None:
        if any(row["step"] >= step for row in read_log(workdir)):
            return
        time.sleep(0.02)


@pytest.fixture(scope="module")
def uninterrupted(dataset, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("uninterrupted")
    process = start(dataset, workdir)
    assert process.wait(300) == 0, process.stderr.read()
    return workdir


def rows_without_times(workdir):
    return [{k: v for k, v in row.items() if not k.startswith("time/")} for row in read_log(workdir)]


def test_a_run_killed_at_random_moments_ends_as_if_it_had_not_been(dataset, uninterrupted, tmp_path):
    random_moment = random.Random()  # another moment in every test run; the seed is told on failure
    moments = sorted(random_moment.sample(range(3, STEPS - 3), 3))
    for step in moments:
        process = start(dataset, tmp_path)
        wait_for_step(tmp_path, step, process)
        time.sleep(random_moment.random() * 0.1)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    last = start(dataset, tmp_path)
    assert last.wait(300) == 0, f"killed after steps {moments}: {last.stderr.read()}"
    expected, actual = final_state(uninterrupted), final_state(tmp_path)
    same = jax_tree_equal(expected, actual)
    assert same, f"killed after steps {moments}: the final states differ"
    assert rows_without_times(tmp_path) == rows_without_times(uninterrupted)


def jax_tree_equal(a, b):
    import jax

    return jax.tree.all(jax.tree.map(lambda x, y: np.array_equal(np.asarray(x), np.asarray(y)), a, b))


def test_sigterm_saves_says_how_to_go_on_and_exits_with_zero(dataset, tmp_path):
    process = start(dataset, tmp_path)
    wait_for_step(tmp_path, 3, process)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "saved. The same command resumes" in output
    step = int(output.split("Stopped at step ")[1].split(",")[0])
    assert (tmp_path / "checkpoints" / str(step)).is_dir()


def test_a_disk_that_fills_up_ends_the_run_with_one_line_and_keeps_what_was_saved(dataset, tmp_path):
    def small_files():  # every write beyond 100 KB fails, as on a full disk; logs and config stay below
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    process = start(dataset, tmp_path, preexec_fn=small_files)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    lines = [line for line in errors.splitlines() if line.startswith("error:")]
    assert len(lines) == 1 and "Could not write" in lines[0] and "same command" in lines[0]
    assert json.loads((tmp_path / "recipe.json").read_text())["config"]["name"] == "demo"
    assert start(dataset, tmp_path).wait(300) == 0  # with room again, the same command finishes
