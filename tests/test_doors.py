"""Every door answers a mistake with one clear line and status 2."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from emojax import cli
from emojax.errors import ConfigError

ROOT = pathlib.Path(__file__).resolve().parents[1]
DEMO = "configs/affectnet_gcn.py:demo"
PEOPLE = "configs/emotic.py:demo"


def door(*arguments):
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120
    )


def test_a_misspelt_field_names_the_nearest():
    config = cli.load_config_file(DEMO)
    with pytest.raises(ConfigError, match=r"no field config\.batchsize.*config\.batch_size"):
        cli._check_overrides(["train", "--config.batchsize=3"], config)
    with pytest.raises(ConfigError, match=r"config\.optimizer\.learning_rate"):
        cli._check_overrides(["train", "--config.learning_rate=3"], config)


def test_a_missing_config_file_names_the_near_ones(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(ConfigError, match=r"no config file.*configs/affectnet_gcn\.py"):
        cli.load_config_file("configs/afectnet_gcn.py")


def test_an_unknown_variant_names_the_near_ones():
    with pytest.raises(ConfigError, match=r"no variant 'dmo'.*demo"):
        cli.load_config_file("configs/affectnet_gcn.py:dmo")


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["emojax.train", "--workdir", "x"], "Which config?"),
        (["emojax.train", "--config", DEMO], "Give --workdir"),
        (["emojax.train", "--config", DEMO, "--config.batch_size=abc", "--workdir", "x"], "batch_size"),
        (
            ["emojax.train", "--config", DEMO, "--config.data_dir=nowhere", "--workdir", "x"],
            "data_prep.affectnet",
        ),
        (
            ["emojax.train", "--config", PEOPLE, "--config.data_dir=nowhere", "--workdir", "x"],
            "python -m data_prep.emotic --raw RAW_FOLDER --size 64 --out nowhere",
        ),
        (
            [
                "emojax.train",
                "--config",
                "configs/affwild2.py",
                "--config.data_dir=nowhere",
                "--workdir",
                "x",
            ],
            "data_prep.affwild2 --videos RAW_FOLDER/cropped_aligned --annotations RAW_FOLDER/annotations",
        ),
        (["emojax.train", "--config", "configs/karate_demo.py", "--workdir", "x"], "has no data to train on"),
        (
            ["emojax.evaluate", "--workdir", "nowhere"],
            "configs/affectnet_gcn.py:demo or configs/emotic.py:demo",
        ),
        (["emojax.figures", "--out", "x", "--workdir", "a"], "--workdir has nothing to stand beside it"),
        (["emojax.benchmark", "--config", DEMO, "--steps", "0"], "steps"),
    ],
)
def test_a_mistake_is_one_line_and_status_two(arguments, expected):
    result = door(*arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ") and expected in result.stderr
    assert "Traceback" not in result.stderr


def test_figures_without_data_are_the_focal_loss_and_the_karate_club(tmp_path):
    result = door("emojax.figures", "--out", str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"focal.png", "karate.png", "index.html"}
    assert (tmp_path / "index.html").read_text().count("data:image/png") == 2
