"""All folds of a division by one command: pooled before they are measured, resumed, refused in one line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from emojax import cross_validate, systems
from emojax.engine.outputs import read_outputs
from emojax.sweeps import folds
from emojax.systems.faces.report import FaceReport
from tests.systems.tiny import use_tiny_backbone
from tests.toy import make_config, make_dataset


@pytest.fixture
def command(tmp_path, monkeypatch):
    use_tiny_backbone(monkeypatch)
    monkeypatch.setattr(FaceReport, "write", lambda *arguments: None)  # seconds, and has tests of its own
    toy = make_config(make_dataset(tmp_path / "data", train=42, validation=14), num_epochs=1, batch_size=14)
    names = ("num_epochs", "batch_size", "eval_batch_size", "image_size", "data_dir", "align", "augment")
    changes = [f"--config.{name}={toy[name]}" for name in names]
    spec = "configs/affectnet_baseline.py:base7@demo"
    return ["--config", spec, *changes, "--config.fold_by=source_id", "--workdir", str(tmp_path / "all")]


def test_every_fold_is_trained_and_their_pooled_outputs_measured(command, tmp_path, capsys, monkeypatch):
    assert cross_validate.main([*command, "--folds", "2", "--bootstrap", "10"]) == 0, capsys.readouterr().err
    told = capsys.readouterr().out
    assert "2 folds pooled" in told and "folds 0." in told
    results = json.loads((tmp_path / "all" / "metrics.json").read_text())
    pooled = read_outputs(tmp_path / "all" / "outputs_validation.npz")
    assert pooled.arrays["index"].tolist() == list(range(56)) and len(set(pooled.ids["source_id"])) == 56
    expected = systems.build(pooled.config, pooled.recipe).measure.metrics(pooled.arrays)
    assert results["metrics"] == json.loads(json.dumps(expected))
    each = [json.loads((tmp_path / "all" / f"fold{k}" / "metrics.json").read_text()) for k in (1, 2)]
    accuracies = [one["metrics"]["accuracy"] for one in each]
    assert results["over_folds"]["accuracy"] == pytest.approx(
        [np.mean(accuracies), np.std(accuracies, ddof=1)]
    )
    low, high = results["intervals"]["accuracy"]
    assert low <= results["metrics"]["accuracy"] <= high and results["grouped_by"] == "source_id"
    # Again: both folds are finished, so nothing is trained and nothing predicted.
    monkeypatch.setattr(folds, "evaluate", None)
    assert cross_validate.main([*command, "--folds", "2"]) == 0
    assert json.loads((tmp_path / "all" / "metrics.json").read_text())["metrics"] == results["metrics"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "How many folds? Give --folds N"),
        (["--folds", "few"], "not 'few'"),
        (["--folds", "57"], "it makes 2 to 56 folds, not 57"),
        (["--folds", "2", "--config.fold=1/2"], "leave out --config.fold=1/2"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_trained(command, tmp_path, capsys, arguments, message):
    assert cross_validate.main([*command, *arguments]) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1 and not (tmp_path / "all").exists()
