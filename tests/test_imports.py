"""The rules of imports in pyproject.toml, held by import-linter."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGES = ("emojax", "data_prep", "configs")
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"


def lint(folder):
    return subprocess.run(
        [sys.executable, "-c", LINT],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_imports_run_one_way():
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "4 kept, 0 broken" in result.stdout


@pytest.mark.parametrize(
    ("file", "line", "told"),
    [
        (
            "emojax/engine/loop.py",
            "from emojax.systems import base",
            "emojax.engine.loop -> emojax.systems.base",
        ),
        (
            "emojax/models/gcn.py",
            "from emojax.objectives import ccc",
            "emojax.models.gcn -> emojax.objectives.ccc",
        ),
        ("emojax/vision/align.py", "import data_prep.door", "emojax.vision.align -> data_prep.door"),
        ("data_prep/door.py", "from emojax.engine import loop", "data_prep.door -> emojax.engine.loop"),
        ("emojax/new_room.py", "", "emojax.new_room"),
    ],
)
def test_an_import_against_the_direction_is_found(tmp_path, file, line, told):
    for name in ("pyproject.toml", *PACKAGES):
        copy = shutil.copy if (ROOT / name).is_file() else shutil.copytree
        copy(ROOT / name, tmp_path / name)
    with open(tmp_path / file, "a") as changed:
        changed.write(f"\n{line}\n")
    result = lint(tmp_path)
    assert result.returncode == 1 and told in result.stdout
