"""The door on real rows: killed in the middle, continued, one row failing."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

from emojax.engine.runlog import read_log
from tests.toy import make_dataset

ROOT = pathlib.Path(__file__).resolve().parents[2]


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


def rows_logged(workdir):
    return read_log(workdir) if workdir.exists() else []


def test_a_sweep_that_is_killed_continues_and_a_failing_row_is_told(tmp_path):
    make_dataset(tmp_path / "data" / "synthetic_affectnet")  # has no ages: the age sampler must fail
    fields = {
        "align": "",
        "image_size": 32,
        "batch_size": 9,
        "model.backbone": "resnet_tiny",
        "run.log_every": 2,
        "run.checkpoint_every_steps": 3,
    }
    rows = ("mtl_eight_concat", "eight_agesampler")
    common = ["5.2", "--demo", f"--data={tmp_path / 'data'}", f"--out={tmp_path / 'out'}"]
    common += [f"--config.{k}={v}" for k, v in fields.items()]
    workdir = tmp_path / "out" / "runs" / "mtl_eight_concat@demo" / "seed0"

    process = start(*common, f"--rows={','.join(rows)}")
    while process.poll() is None and not any(row["step"] >= 14 for row in rows_logged(workdir)):
        time.sleep(0.02)
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
