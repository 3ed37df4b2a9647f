"""The list of systems."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from emojax.catalogue import catalogue
from emojax.cli import load_config_file
from emojax.errors import ConfigError
from emojax.systems.__main__ import count_parameters

ROOT = pathlib.Path(__file__).resolve().parents[2]


def listing(*options, cwd=ROOT):
    command = [sys.executable, "-m", "emojax.systems", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)


def test_the_list_of_a_thesis_is_a_table_of_one_row_a_system():
    result = listing("--family", "emotion_gcn")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    row = next(line for line in lines if line.startswith("configs/affectnet_multitask.py:mtl_eight_concat "))
    assert all(cell in row for cell in ("AffectNet", "5.1, 5.2", "acc 65.97"))
    assert len([line for line in lines if line.startswith("configs/")]) == int(lines[-1].split()[0])
    assert "(12 runs)" in next(line for line in lines if "emotion_gcn_tau " in line)


def test_the_list_as_json_says_all_of_a_system():
    row = next(r for r in json.loads(listing("--json").stdout) if r["name"] == "mtl_eight_concat")
    assert row["command"] == (
        "python -m emojax.train --config configs/affectnet_multitask.py:mtl_eight_concat "
        "--workdir runs/mtl_eight_concat"
    )
    assert row["published"] == {"accuracy": 65.97} and row["dataset"] == "AffectNet"


def test_systems_are_listed_and_their_configs_found_outside_the_repository(tmp_path, monkeypatch):
    here, there = listing("--filter", "gcn").stdout, listing("--filter", "gcn", cwd=tmp_path).stdout
    assert here == there and "configs/affectnet_gcn.py:emotion_gcn " in there
    monkeypatch.chdir(tmp_path)
    assert load_config_file("configs/affectnet_gcn.py:demo").model.head == "gcn"
    with pytest.raises(
        ConfigError, match=r"no config file configs/affectnet_gnc.py. Did you mean configs/affectnet"
    ):
        load_config_file("configs/affectnet_gnc.py")


def test_an_unknown_thesis_is_one_clear_line():
    result = listing("--family", "emotion")
    assert result.returncode == 2
    assert result.stderr.strip().startswith("error: There is no family 'emotion'; there are")
    assert "emotion_gcn" in result.stderr and "Traceback" not in result.stderr


def test_parameters_are_those_of_the_network():
    row = next(r for r in catalogue(ROOT / "configs") if r["name"] == "karate_demo")
    assert count_parameters(row["config"]) == 34 * 16 + 16 * 16 + 16 * 2
