"""A run on a fold: named by the config, trained without the people it is validated on."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from emojax import evaluate, systems, train
from emojax.engine.outputs import read_outputs
from emojax.errors import ConfigError
from emojax.systems.faces.report import FaceReport
from tests.systems.tiny import use_tiny_backbone
from tests.toy import make_config, make_dataset


def test_a_run_on_a_fold_is_evaluated_on_it(dataset, tmp_path_factory, tmp_path, capsys, monkeypatch):
    use_tiny_backbone(monkeypatch)
    monkeypatch.setattr(FaceReport, "write", lambda *arguments: None)  # seconds, and has tests of its own
    config = make_config(dataset, num_epochs=1, fold="1/5", fold_by="source_id")
    view = systems.load_data(config)
    counts = {name: view.split(name).num_records for name in ("train", "validation")}
    assert counts["train"] + counts["validation"] == 111 and counts["validation"] in (22, 23)
    names = ("num_epochs", "batch_size", "eval_batch_size", "image_size", "data_dir", "align", "augment")
    changes = [f"--config.{name}={config[name]}" for name in names]
    command = ["--config", "configs/affectnet_gcn.py:demo", "--workdir", str(tmp_path), *changes]
    assert train.main([*command, "--fold", "1/5", "--config.fold_by=source_id"]) == 0
    assert "fold 1/5 by source_id" in capsys.readouterr().out
    assert evaluate.main(["--workdir", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "metrics.json").read_text())
    assert results["split"]["content_hash"] == view.split("validation").content_hash
    assert results["split"]["records"] == counts["validation"]
    sources = {line.split(",")[1] for line in (tmp_path / "predictions.csv").read_text().splitlines()[1:]}
    assert sources == set(view.columns("validation")["source_id"])
    outputs = read_outputs(tmp_path / "outputs_validation.npz")
    assert set(outputs.ids["source_id"]) == sources and "embedding" not in outputs.arrays
    np.testing.assert_array_equal(outputs.ids["pool_record"], view.records["validation"])
    assert (outputs.meta["fold"]["k"], outputs.meta["fold"]["of"], outputs.meta["fold"]["by"]) == (
        1,
        5,
        "source_id",
    )
    assert outputs.labels == view.labels and outputs.meta["system"] == results["system"]
    system = systems.build(outputs.config, outputs.recipe)
    again = json.loads(json.dumps(system.measure.metrics(outputs.arrays)))
    assert again == results["metrics"]
    # The same data in another place have the same fold; other data are evaluated by their own splits.
    moved = shutil.copytree(dataset.path, tmp_path_factory.mktemp("moved") / "data")
    assert evaluate.main(["--workdir", str(tmp_path), "--data_dir", str(moved)]) == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["metrics"] == results["metrics"]
    capsys.readouterr()
    other = make_dataset(tmp_path_factory.mktemp("other"), train=14, validation=14)
    assert evaluate.main(["--workdir", str(tmp_path), "--data_dir", other.path]) == 0
    assert "is not the data of the run" in capsys.readouterr().out
    evaluated = read_outputs(tmp_path / "outputs_validation.npz")
    assert evaluated.ids["source_id"].tolist() == other.columns("validation")["source_id"].tolist()
    assert evaluated.meta["fold"] is None


def test_a_fold_that_is_none_is_refused(dataset):
    with pytest.raises(ConfigError, match="A fold is K/N, e.g. 2/5"):
        systems.load_data(make_config(dataset, fold="two"))
