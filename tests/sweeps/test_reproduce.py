"""The door on real rows: stopped or killed in the middle, continued, one row failing."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from emojax.engine.runlog import read_log
from tests.toy import make_dataset

ROOT = pathlib.Path(__file__).resolve().parents[2]
TINY = {
    "align": "",
    "image_size": 32,
    "batch_size": 9,
    "model.backbone": "resnet_tiny",
    "run.log_every": 2,
    "run.checkpoint_every_steps": 3,
}


def start(*arguments):
    cache = ROOT / ".cache" / "jax-tests"
    environment = {"XLA_FLAGS": "", "JAX_PLATFORMS": "cpu", "JAX_COMPILATION_CACHE_DIR": str(cache)}
    return subprocess.Popen(
        [sys.executable, "-m", "emojax.reproduce", *arguments],
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


def wait_for_step(process, workdir, step):
    while process.poll() is None and not any(row["step"] >= step for row in rows_logged(workdir)):
        time.sleep(0.02)


PAIR = ("base7", "mtl_ccc_classic")


def pair_command(data, out):
    return ["5.1", "--demo", f"--data={data}", f"--out={out}", f"--rows={','.join(PAIR)}", *overrides()]


def pair_results(out):
    """The table, and what each row predicted for every record."""
    runs = [out / "runs" / f"{row}@demo" / "seed0" for row in PAIR]
    return [(out / "emotion_gcn_5.1_demo" / "table.csv").read_text()] + [
        (run / "predictions.csv").read_text() for run in runs
    ]


@pytest.fixture(scope="module")
def pair_data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    make_dataset(folder / "synthetic_affectnet")
    return folder


@pytest.fixture(scope="module")
def undisturbed(pair_data, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    process = start(*pair_command(pair_data, out))
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return pair_results(out)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_a_sweep_that_ends_in_its_second_row_goes_on_to_the_results_of_an_undisturbed_one(
    how, pair_data, undisturbed, tmp_path
):
    command = pair_command(pair_data, tmp_path)
    first, second = (tmp_path / "runs" / f"{row}@demo" / "seed0" for row in PAIR)
    process = start(*command)
    wait_for_step(process, second, 14)
    process.send_signal(how)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGKILL if how == signal.SIGKILL else 0), errors
    assert ("Stopped, saved. The same command goes on" in output) == (how == signal.SIGTERM)
    assert rows_logged(second)[-1]["step"] < 40 and not (second / "metrics.json").exists()
    finished = (first / "metrics.json").stat().st_mtime_ns

    process = start(*command)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert [line.endswith("finished before") for line in output.splitlines() if line.startswith("[")] == [
        True,
        False,
    ]
    assert (first / "metrics.json").stat().st_mtime_ns == finished
    assert pair_results(tmp_path) == undisturbed


def test_a_sweep_that_is_killed_continues_and_a_failing_row_is_told(tmp_path):
    make_dataset(tmp_path / "data" / "synthetic_affectnet")  # has no ages: the age sampler must fail
    rows = ("mtl_eight_concat", "eight_agesampler")
    common = ["5.2", "--demo", f"--data={tmp_path / 'data'}", f"--out={tmp_path / 'out'}", *overrides()]
    workdir = tmp_path / "out" / "runs" / "mtl_eight_concat@demo" / "seed0"

    process = start(*common, f"--rows={','.join(rows)}")
    wait_for_step(process, workdir, 14)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    before = rows_logged(workdir)
    assert before[-1]["step"] < 40, "it was over before the kill"

    process = start(*common, f"--rows={','.join(rows)}")
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 1, errors
    assert "mtl_eight_concat@demo seed 0: accuracy (%)" in output
    assert "eight_agesampler@demo seed 0: FAILED: " in output and "age" in output.split("FAILED: ")[1]
    assert "error: 1 of 2 runs failed: eight_agesampler@demo seed 0" in errors
    after = rows_logged(workdir)
    assert after[-1]["step"] == 40
    assert after[:4] == before[:4]  # measured speeds too: these steps were not run again

    result = workdir / "metrics.json"
    written = result.stat().st_mtime_ns
    process = start(*common, f"--rows={rows[0]}")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "mtl_eight_concat@demo seed 0: accuracy (%)" in output and "finished before" in output
    assert result.stat().st_mtime_ns == written
    table = tmp_path / "out" / "emotion_gcn_5.2_demo"
    assert "65.97" in (table / "table.md").read_text() and (table / "table.csv").is_file()


def test_a_table_without_data_says_which_commands_make_it(tmp_path):
    process = start("5.1", "--demo", f"--data={tmp_path / 'data'}", f"--out={tmp_path / 'out'}")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "base7@demo seed 0: not run: there is no prepared data in" in output
    assert errors.count("python -m data_prep.affectnet --raw") == 1  # once, not a row
    assert "Traceback" not in errors
