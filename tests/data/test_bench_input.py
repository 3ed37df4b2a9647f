"""The benchmark of the input pipeline runs and tells what it measured."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

SCRIPT = pathlib.Path(__file__).parents[2] / "scripts" / "bench_input.py"


def test_a_small_run_writes_its_figures(tmp_path):
    # fmt: off
    command = [
        sys.executable, str(SCRIPT), "--records", "12", "--size", "24", "--batch-size", "5", "--repeats", "2",
        "--rivals", "--threads", "1", "--json", str(tmp_path / "bench.json"),
    ]
    # fmt: on
    table = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    report = json.loads((tmp_path / "bench.json").read_text())
    assert [result["encoding"] for result in report["results"]] == ["jpeg", "raw"]
    for result in report["results"]:
        assert result["records"] == 12
        assert all(len(rates) == 2 and min(rates) > 0 for rates in result["images_per_second"].values())
        assert set(result["images_per_second"]) == set(result["cpu_microseconds_per_image"])
        assert "emojax (1 threads)" in result["images_per_second"]
    assert "images/s" in table and "emojax is" in table
