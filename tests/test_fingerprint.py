"""What the systems compute has not changed: a few against the record of all (see scripts/fingerprint.py)."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "fingerprint.json"
QUICK = (
    "affectnet_metric:island",
    "affectnet_multitask:mtl_mask",
    "affwild2:aw2_single",
    "emotic:emotic_b_r18",
    "karate_demo:karate_demo",
)


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> pathlib.Path:
    """Folder that keeps drawn data and results from test to test."""
    return tmp_path_factory.mktemp("fingerprint")


def fingerprint(work: pathlib.Path, *arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "scripts" / "fingerprint.py", "--work", work, *arguments]
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=900)


def test_losses_and_metrics_are_those_of_the_record(work):
    done = fingerprint(work, "--against", GOLDEN, "--only", *QUICK)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(QUICK)} systems: " in done.stdout and "0 over it" in done.stdout


def test_a_changed_loss_a_lost_metric_and_a_lost_system_are_told(work, tmp_path):
    record = json.loads(GOLDEN.read_text())
    karate = record["systems"]["karate_demo:karate_demo"]
    karate["metrics"]["nearest_mean_accuracy"] += 2e-6
    record["systems"]["karate_demo:gone"] = {"losses": [1.0], "metrics": {}}
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(record))
    done = fingerprint(work, "--against", changed, "--only", "karate_demo:*")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "karate_demo:karate_demo  nearest_mean_accuracy" in done.stdout
    assert "karate_demo:gone  loss of step 1 (no such system any more)" in done.stdout
    assert "2 systems: 0 equal bit for bit, 0 within 1e-06, 2 over it" in done.stdout
    karate["metrics"] |= {"nearest_mean_accuracy": karate["metrics"]["nearest_mean_accuracy"], "lost": 1.0}
    changed.write_text(json.dumps(record))
    done = fingerprint(work, "--against", changed, "--only", "karate_demo:karate_demo")
    assert done.returncode == 1 and "inf  karate_demo:karate_demo  lost" in done.stdout


def test_every_system_of_the_record_is_still_in_the_catalogue():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from fingerprint_systems import list_systems
    finally:
        sys.path.pop(0)
    recorded = json.loads(GOLDEN.read_text())["systems"]
    assert not recorded.keys() - list_systems().keys()
    assert all(len(r["losses"]) == 3 or name.startswith("karate") for name, r in recorded.items())
