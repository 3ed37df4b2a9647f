"""The check for a card: a step that hangs costs its own limit, and what was found before it stays."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
WRITE = "import sys, json; json.dump({'images_per_second': 1234.5}, open(sys.argv[1], 'w')); print('done')"
HANG = (
    "import sys, json, time; json.dump({'compile_seconds': 7}, open(sys.argv[1], 'w')); "
    "print('so far', flush=True); "
)
SLEEP = "time.sleep(600)"
CHILD = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid, flush=True); " + SLEEP


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    for name in ("limited_steps", "gpu_check"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import gpu_check
    import limited_steps

    return gpu_check, limited_steps


def test_a_step_that_hangs_costs_its_limit_only_and_figures_stay(scripts, tmp_path):
    _, runner = scripts

    def step(name, code, limit=20.0, **more):
        return runner.Step(name, [sys.executable, "-c", code, runner.FIGURES], limit, **more)

    steps = [
        step("good", WRITE),
        step("hangs", HANG + CHILD, limit=2.0),
        step("fails", "import sys; print('no such thing'); sys.exit(3)"),
        step("absent", WRITE, missing="no torch"),
        step("after", WRITE),
    ]
    start = time.monotonic()
    runner.run_steps(steps, runner.Results(tmp_path), 60, tmp_path)
    assert time.monotonic() - start < 20
    stored = json.loads((tmp_path / "results.json").read_text())["steps"]
    assert [s["status"] for s in stored] == ["passed", "time limit", "failed", "left out", "passed"]
    good, hung, failed, absent, _ = stored
    assert good["figures"] == {"images_per_second": 1234.5}
    assert hung["figures"] == {"compile_seconds": 7} and hung["last_lines"][0] == "so far"
    assert 2 <= hung["seconds"] < 10
    child = int(hung["last_lines"][1])
    assert not _alive(child), "what the step had started still runs"
    assert failed["last_lines"] == ["no such thing"] and absent["reason"] == "no torch"
    told = (tmp_path / "results.txt").read_text()
    assert "time limit] hangs" in told and "images_per_second 1,234" in told
    assert "no such thing" in (tmp_path / "output.log").read_text()
    assert {p.name for p in tmp_path.iterdir()} == {"results.json", "results.txt", "output.log"}


def _alive(pid: int) -> bool:
    for _ in range(50):  # a killed orphan lives until it is reaped
        try:
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state == "Z":
            return False
        time.sleep(0.1)
    return True


def test_finished_steps_are_stored_while_the_next_one_runs(scripts, tmp_path):
    _, runner = scripts
    watch = f"import json, pathlib; print(json.loads(pathlib.Path({str(tmp_path / 'results.json')!r}).read_text()))"
    steps = [
        runner.Step("first", [sys.executable, "-c", WRITE, runner.FIGURES], 20),
        runner.Step("second", [sys.executable, "-c", watch], 20),
    ]
    runner.run_steps(steps, runner.Results(tmp_path), 60, tmp_path)
    second = json.loads((tmp_path / "results.json").read_text())["steps"][1]
    assert "1234.5" in second["last_lines"][0]


def test_all_steps_together_end_in_time(scripts, tmp_path):
    _, runner = scripts
    sleep = [sys.executable, "-c", "import time; " + SLEEP]
    steps = [runner.Step(name, sleep, 100) for name in "abc"]
    runner.run_steps(steps, runner.Results(tmp_path), 2, tmp_path)
    statuses = [s["status"] for s in json.loads((tmp_path / "results.json").read_text())["steps"]]
    assert statuses == ["time limit", "left out", "left out"]


def options(script, *arguments):
    return script._parser().parse_args(arguments)


def test_the_most_valuable_step_comes_first_and_families_are_chosen(scripts, tmp_path):
    script, _ = scripts
    names = [s.name for s in script.make_steps(options(script, "--families", "bodies"), tmp_path, tmp_path)]
    assert names[:3] == ["versions", "main_cold", "main_warm"] and len(set(names)) == len(names)
    assert [n for n in names if n.startswith("family_")] == ["family_bodies"]
    with pytest.raises(SystemExit):
        options(script, "--families", "cats")


def test_every_benchmark_that_it_starts_is_a_command_that_exists(scripts, tmp_path):
    """Each config is there and each option is one of the benchmark."""
    from emojax import benchmark, cli

    script, _ = scripts
    for size in ("full", "demo"):
        for step in script.make_steps(options(script, "--size", size), tmp_path, tmp_path):
            if "emojax.benchmark" in step.command:
                chosen = benchmark.parser().parse_args(step.command[3:])
                assert cli.read_config(chosen).name, step.name
            elif step.command[1].endswith(".py"):
                assert os.path.isfile(step.command[1])


def test_every_part_can_be_loaded(monkeypatch):
    spec = importlib.util.spec_from_file_location("parts", ROOT / "scripts" / "gpu_check_parts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert set(module.PARTS) == {"versions", "torch", "data", "keep_trace", "fed_trace"}


def test_the_summary_compares_with_torch_and_extrapolates_to_affectnet(scripts, tmp_path):
    script, runner = scripts
    results = runner.Results(tmp_path)
    figures = {
        "main_warm": {"images_per_second": 6000.0},
        "torch_eager": {"images_per_second": 2000.0},
        "fed": {"fed_step_seconds": 0.064, "batch_size": 256},
    }
    for name, values in figures.items():
        results.add({"name": name, "status": "passed", "seconds": 1.0, "limit": 9.0, "figures": values})
    assert script.extrapolated(results) == [
        "emojax is 3.00 times as fast as torch_eager",
        "10 epochs of AffectNet at the pace of the fed loop: 11.8 minutes",
    ]
