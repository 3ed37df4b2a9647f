"""The door on real rows: stopped or killed in the middle, continued, one row failing."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

from emojax.engine.runlog import read_log
from tests.compilation import QUICK_COMPILE
from tests.toy import make_dataset

ROOT = pathlib.Path(__file__).resolve().parents[2]
TINY = {
    "align": "",
    "image_size": 32,
    "batch_size": 5,  # 18 steps an epoch
    "run.log_every": 2,
    "run.checkpoint_every_steps": 3,
}


def start(*arguments):
    environment = {
        "XLA_FLAGS": QUICK_COMPILE,
        "JAX_PLATFORMS": "cpu",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.processes.tiny_network", "emojax.reproduce", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def overrides():
    return [f"--config.{field}={value}" for field, value in TINY.items()]


def rows_logged(workdir):
    return read_log(workdir) if workdir.exists() else []


def end_it_in_the_middle_of(workdir, command, how):
    """Starts a sweep and sends it a signal while a row of 72 steps trains; its status and what it said."""
    process = start(*command)
    while process.poll() is None and not any(row["step"] >= 14 for row in rows_logged(workdir)):
        time.sleep(0.02)
    process.send_signal(how)
    output, errors = process.communicate(timeout=60)
    assert rows_logged(workdir)[-1]["step"] < 72 and not (workdir / "metrics.json").exists(), "too late"
    return process.returncode, output, errors


def run_to_the_end(command):
    process = start(*command)
    output, errors = process.communicate(timeout=300)
    return process.returncode, output, errors


def test_a_sweep_stopped_in_one_row_and_killed_in_the_next_ends_like_an_undisturbed_one(tmp_path):
    make_dataset(tmp_path / "data" / "synthetic_affectnet")
    rows = ("base7", "mtl_ccc_classic")

    def command(out):
        data = f"--data={tmp_path / 'data'}"
        return ["5.1", "--demo", data, f"--out={tmp_path / out}", f"--rows={','.join(rows)}", *overrides()]

    def results(out):
        runs = [tmp_path / out / "runs" / f"{row}@demo" / "seed0" for row in rows]
        table = tmp_path / out / "emotion_gcn_5.1_demo" / "table.csv"
        return [file.read_text() for file in (table, *(run / "predictions.csv" for run in runs))]

    status, _, errors = run_to_the_end(command("undisturbed"))
    assert status == 0, errors

    first, second = (tmp_path / "out" / "runs" / f"{row}@demo" / "seed0" for row in rows)
    status, output, errors = end_it_in_the_middle_of(first, command("out"), signal.SIGTERM)
    assert status == 0 and "Stopped, saved. The same command resumes." in output, errors
    assert not second.exists()
    status, output, _ = end_it_in_the_middle_of(second, command("out"), signal.SIGKILL)
    assert status == -signal.SIGKILL and "[1/2] base7@demo seed 0: accuracy" in output
    finished, logged = (first / "metrics.json").stat().st_mtime_ns, rows_logged(second)
    status, output, errors = run_to_the_end(command("out"))
    assert status == 0, errors
    told = [line for line in output.splitlines() if line.startswith("[")]
    assert [line.endswith("finished before") for line in told] == [True, False]
    assert (first / "metrics.json").stat().st_mtime_ns == finished
    assert rows_logged(second)[:4] == logged[:4]  # measured speeds too: these steps were not run again
    assert results("out") == results("undisturbed")


def test_a_row_that_fails_is_told_and_the_others_go_on(tmp_path):
    make_dataset(tmp_path / "data" / "synthetic_affectnet")  # has no ages: the age sampler must fail
    common = ["5.2", "--demo", f"--data={tmp_path / 'data'}", f"--out={tmp_path / 'out'}", *overrides()]
    status, output, errors = run_to_the_end([*common, "--rows=eight_agesampler,eight_focal_focal"])
    assert status == 1, errors
    first, second = (line for line in output.splitlines() if line.startswith("["))
    assert first.startswith("[1/2] eight_agesampler@demo seed 0: FAILED: ") and "'age'" in first
    assert second.startswith("[2/2] eight_focal_focal@demo seed 0: accuracy (%)")
    assert "error: 1 of 2 runs failed: eight_agesampler@demo seed 0" in errors
    table = tmp_path / "out" / "emotion_gcn_5.2_demo"
    assert "65.97" in (table / "table.md").read_text() and (table / "table.csv").is_file()


def test_a_table_without_data_says_which_commands_make_it(tmp_path):
    command = ["5.1", "--demo", f"--data={tmp_path / 'data'}", f"--out={tmp_path / 'out'}"]
    status, output, errors = run_to_the_end(command)
    assert status == 1
    assert "base7@demo seed 0: not run: there is no prepared data in" in output
    assert errors.count("python -m data_prep.affectnet --raw") == 1  # once, not a row
    assert "Traceback" not in errors
