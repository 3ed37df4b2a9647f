"""The list of systems."""

import pathlib
import subprocess
import sys

from emojax.catalogue import catalogue
from emojax.systems.__main__ import count_parameters

ROOT = pathlib.Path(__file__).resolve().parents[2]


def listing(*options):
    command = [sys.executable, "-m", "emojax.systems", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_the_list_of_a_thesis_shows_name_command_table_and_published_number():
    result = listing("--family", "emotion_gcn")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("mtl_eight_concat "))
    assert "AffectNet" in lines[at]
    assert "table 5.1, 5.2" in lines[at + 1] and "accuracy 65.97" in lines[at + 1]
    assert (
        "--config configs/affectnet_multitask.py:mtl_eight_concat --workdir runs/mtl_eight_concat"
        in lines[at + 2]
    )
    assert any("python -m emojax.systems.karate" in line for line in lines)
    assert any("12 cells: gcn_l1_tau0_p0.7" in line for line in lines)
    at = next(i for i, line in enumerate(lines) if line.startswith("emotion_gcn_code "))
    assert lines[at + 1].strip() == "published (in no table of the thesis): accuracy 66.46"


def test_an_unknown_thesis_is_one_clear_line():
    result = listing("--family", "emotion")
    assert result.returncode == 2
    assert result.stderr.strip().startswith("error: There is no family 'emotion'; there are")
    assert "emotion_gcn" in result.stderr and "Traceback" not in result.stderr


def test_parameters_are_those_of_the_network():
    row = next(r for r in catalogue(ROOT / "configs") if r["name"] == "karate_demo")
    assert count_parameters(row["config"]) == 34 * 16 + 16 * 16 + 16 * 2
