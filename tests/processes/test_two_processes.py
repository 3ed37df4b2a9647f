"""A run of two real processes equals one of one process: training, a stop, resuming on one process, evaluation."""

from __future__ import annotations

import contextlib
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from emojax import evaluate
from emojax.engine.checksums import array_names
from emojax.engine.outputs import read_outputs
from emojax.engine.runlog import read_log
from emojax.systems.faces.report import FaceReport
from tests.systems.tiny import use_tiny_backbone
from tests.toy import make_dataset

ROOT = pathlib.Path(__file__).resolve().parents[2]
STEPS = 20  # 4 epochs of 5 steps; 90 records in batches of 20: the last of an epoch is short


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("toy"))


def command(dataset, workdir, **changes):
    fields = {
        "data_dir": dataset.path,
        "align": "",
        "image_size": 32,
        "batch_size": 20,
        "eval_batch_size": 7,  # not a multiple of two processes
        "num_epochs": 4,
        "augment": "code",  # draws random numbers for every example
        "run.log_every": 2,
        "run.checkpoint_every_steps": 3,
    }
    overrides = [f"--config.{k}={v}" for k, v in (fields | changes).items()]
    config = ["--config", "configs/affectnet_gcn.py:demo"]
    return [
        sys.executable,
        "-m",
        "tests.processes.tiny_network",
        "emojax.train",
        *config,
        *overrides,
        "--workdir",
        str(workdir),
    ]


def start(arguments, **environment):
    known = {
        # Not LLVM's first level, as elsewhere: what two processes sum and what one sums then differ by more.
        "XLA_FLAGS": "--xla_llvm_disable_expensive_passes=true",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.Popen(
        arguments,
        cwd=ROOT,
        env=os.environ | known | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_two(arguments):
    """Two processes as the environment of JAX describes them."""
    several = {
        "JAX_COORDINATOR_ADDRESS": f"localhost:{free_port(range(20_000, 60_000))}",
        "JAX_NUM_PROCESSES": "2",
    }
    return [start(arguments, **several, JAX_PROCESS_ID=str(i)) for i in range(2)]


def start_two_tasks(arguments):
    """Two tasks of a Slurm job on this machine; JAX reads the port of process 0 from the number of the job."""
    job = free_port(range(61_440, 65_536)) - 61_440
    several = {"SLURM_JOB_ID": str(job), "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2"}
    tasks = [{"SLURM_PROCID": str(i), "SLURM_LOCALID": str(i)} for i in range(2)]
    return [start([*arguments, "--distributed"], **several, **task) for task in tasks]


def free_port(ports):
    for port in random.sample(ports, len(ports)):
        with contextlib.suppress(OSError), socket.socket() as candidate:
            candidate.bind(("localhost", port))
            return port
    raise AssertionError("no port is free")


def finish(processes, timeout=150):
    """Outputs and errors of processes that must all end well."""
    ends = []
    try:
        for process in processes:
            ends.append((*process.communicate(timeout=timeout), process.returncode))
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    return ends


def told(output):
    """What a process has printed itself; Gloo's C++ prints, too."""
    return "".join(line for line in output.splitlines(keepends=True) if not line.startswith("[Gloo]"))


def log(workdir):
    return [{k: v for k, v in row.items() if not k.startswith("time/")} for row in read_log(workdir)]


def state(workdir, step=STEPS):
    """The arrays of a checkpoint by name, whatever devices it was saved on."""
    folder = (workdir / "checkpoints" / str(step) / "state").absolute()
    with ocp.PyTreeCheckpointer() as reader:
        tree = reader.metadata(folder).item_metadata.tree
        as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)
        return array_names(reader.restore(folder, args=ocp.args.PyTreeRestore(restore_args=as_numpy)))


def assert_equal_runs(one, two):
    a, b = log(one), log(two)
    assert [(r["kind"], r["step"]) for r in a] == [(r["kind"], r["step"]) for r in b]
    for x, y in zip(a, b, strict=True):
        assert x.keys() == y.keys()
        for name in x:
            if isinstance(x[name], float):
                np.testing.assert_allclose(
                    y[name], x[name], rtol=2e-4, atol=2e-5, err_msg=f"{name} of {x['step']}"
                )
    a, b = state(one), state(two)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_allclose(b[name], a[name], rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.fixture(scope="module")
def one_process(dataset, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("one")
    ((_, errors, status),) = finish([start(command(dataset, workdir))])
    assert status == 0, errors
    return workdir


def test_two_processes_stop_together_and_one_process_resumes_to_the_result_of_one(
    dataset, one_process, tmp_path
):
    workdir = tmp_path / "two"
    processes = start_two(command(dataset, workdir))
    while all(p.poll() is None for p in processes) and not any(r["step"] >= 6 for r in read_log(workdir)):
        time.sleep(0.02)
    processes[1].send_signal(signal.SIGTERM)  # the one that does not lead
    (output, errors, status), (second_output, second_errors, second_status) = finish(processes)
    assert (status, second_status) == (0, 0), errors + second_errors
    assert "Stopped at step" in output and "saved" in output and told(second_output) == ""
    step = int(output.split("Stopped at step ")[1].split(",")[0])
    assert 6 <= step < STEPS and (workdir / "checkpoints" / str(step)).is_dir()
    assert len(list((workdir / "events").iterdir())) == 1  # one writes
    ((_, errors, status),) = finish([start(command(dataset, workdir))])
    assert status == 0, errors
    assert_equal_runs(one_process, workdir)


def test_two_tasks_of_a_slurm_job_train_and_evaluate_as_one_process(
    dataset, one_process, tmp_path, monkeypatch
):
    for _, errors, status in finish(start_two_tasks(command(dataset, tmp_path / "two"))):
        assert status == 0, errors
    assert_equal_runs(one_process, tmp_path / "two")
    # A checkpoint that two processes wrote is read by an evaluation on one.
    use_tiny_backbone(monkeypatch)
    monkeypatch.setattr(FaceReport, "write", lambda *arguments: None)
    for workdir in (one_process, tmp_path / "two"):
        assert evaluate.main(["--workdir", str(workdir), "--step", "latest"]) == 0
    one, two = (read_outputs(w / "outputs_validation.npz") for w in (one_process, tmp_path / "two"))
    assert one.meta["step"] == two.meta["step"] == STEPS and one.num_examples == 21
    for name in ("probabilities", "valence_arousal"):
        np.testing.assert_allclose(two.arrays[name], one.arrays[name], atol=2e-3, err_msg=name)


def test_what_fails_in_one_process_ends_both_with_one_line(dataset, tmp_path):
    workdir = tmp_path / "run"
    (workdir / "checkpoints" / "999").mkdir(parents=True)
    for output, errors, status in finish(start_two(command(dataset, workdir))):
        lines = [line for line in errors.splitlines() if line.startswith("error:")]
        assert status == 2 and len(lines) == 1 and "999" in lines[0], errors
        assert "Traceback" not in errors + output


@pytest.mark.parametrize(
    "environment, message",
    [
        ({"JAX_COORDINATOR_ADDRESS": "localhost:1"}, "JAX_NUM_PROCESSES and JAX_PROCESS_ID is not"),
        ({"JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "0"}, "JAX_COORDINATOR_ADDRESS is not"),
        (
            {"JAX_COORDINATOR_ADDRESS": "h:1", "JAX_NUM_PROCESSES": "x", "JAX_PROCESS_ID": "0"},
            "whole numbers",
        ),
        ({"JAX_COORDINATOR_ADDRESS": "h", "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "0"}, "host:port"),
        ({"JAX_COORDINATOR_ADDRESS": "h:1", "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "2"}, "Cannot join"),
    ],
)
def test_half_a_description_of_the_processes_is_one_line(monkeypatch, environment, message):
    from emojax.engine import processes
    from emojax.errors import ConfigError

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=message) as caught:
        processes.initialize()
    assert "\n" not in str(caught.value)


def test_without_a_cluster_distributed_is_one_line():
    from emojax.engine import processes
    from emojax.errors import ConfigError

    with pytest.raises(ConfigError, match="Cannot join the other processes.*--distributed"):
        processes.initialize(distributed=True)
