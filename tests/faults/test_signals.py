"""Ctrl-C at any moment of a command is one line and exit status 130, or, in training, a saved stop."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from emojax.engine.runlog import read_log
from tests.processes.test_two_processes import command, start

ROOT = pathlib.Path(__file__).resolve().parents[2]


def assert_one_line(process, timeout=60):
    output, errors = process.communicate(timeout=timeout)
    assert process.returncode == 130, errors
    assert "Traceback" not in output + errors and "Exception" not in errors
    assert [line for line in errors.splitlines() if "interrupted:" in line] == [errors.splitlines()[-1]]


@pytest.mark.parametrize("name", ["emojax.train", "emojax.systems", "data_prep.affectnet"])
@pytest.mark.parametrize("module", ["argparse", "absl.logging"])
def test_ctrl_c_during_the_import_of_a_command_is_one_line(tmp_path, name, module):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time\n"
        "class Slow:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r} and 'emojax' in sys.modules:\n"
        "            print('importing', flush=True)\n"
        "            time.sleep(30)\n"
        "sys.meta_path.insert(0, Slow())\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    process = subprocess.Popen(
        [sys.executable, "-m", name, "--help"],
        **{
            "cwd": ROOT,
            "env": environment,
            "text": True,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        },
    )
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    assert_one_line(process)


def test_a_second_ctrl_c_ends_training_with_one_line(dataset, tmp_path):
    changes = {"num_epochs": 400, "run.eval_every_epochs": 400}
    process = start(command(dataset, tmp_path, **changes))
    while process.poll() is None and not any(row["step"] >= 4 for row in read_log(tmp_path)):
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGSTOP)  # both signals are there before it can act on the first
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(0.001)
    output, errors = process.communicate(timeout=60)
    if process.returncode == 0:  # it had saved before the second came
        assert "saved" in output
    else:
        assert process.returncode == 130 and "Traceback" not in errors
        assert "interrupted: the same command resumes from the last checkpoint" in errors
