"""Systems and estimators that are fitted at once: stored as plain arrays, read by every evaluation."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from emojax import evaluate, export, train
from emojax.data.inputs import Inputs
from emojax.data.select import Whole
from emojax.engine import evaluation, loop
from emojax.engine.outputs import read_outputs
from emojax.engine.restore import read_variables
from emojax.errors import CheckpointError, ConfigError
from emojax.estimators.forest import fit_classifiers, forest_outputs
from emojax.systems.base import FittedSystem
from emojax.systems.faces import svm
from emojax.systems.faces.report import FaceReport
from tests.data.clips import make_clips
from tests.systems.tiny import use_tiny_backbone
from tests.toy import make_config, make_dataset


class ForestToy(FittedSystem):
    """Random forests on the joints of a clip, through public interfaces alone."""

    inputs = Inputs((), ("joints", "clip_label"), Whole(12))
    monitor, headline, protocol, reads = "score", ("score",), "toy", ("probabilities",)
    report = SimpleNamespace(columns=(), reads=(), write=lambda *arguments: None)

    def __init__(self, config, dataset):
        super().__init__(config, dataset.recipe)
        self.labels, self.measure = dataset.labels, self

    def fit(self, examples):
        clips = examples("train")
        positive = clips["clip_label"][:, None] == np.arange(3)
        return {"params": fit_classifiers(clips["joints"].reshape(len(positive), -1), positive, num_trees=10)}

    def predict(self, variables, batch):
        joints = batch["joints"].reshape(len(batch["joints"]), -1)
        return {"probabilities": forest_outputs(variables["params"], joints)[..., 0]}

    def complete(self, outputs, predict_split):
        return dict(outputs)

    def metrics(self, outputs):
        return {"score": float(np.mean(outputs["probabilities"].argmax(1) == outputs["clip_label"]))}

    def columns(self, outputs):
        return {"predicted": outputs["probabilities"].argmax(1)}


def test_a_forest_is_fitted_once_saved_and_evaluated_as_every_run(tmp_path, monkeypatch):
    clips = make_clips(tmp_path / "clips")
    config = make_config(clips, name="forest", eval_batch_size=4)
    toy, workdir = ForestToy(config, clips), tmp_path / "run"
    result = loop.train(config, toy, clips, workdir, progress=False)
    assert result.finished and result.step == result.best_step == 1
    monkeypatch.setattr(ForestToy, "fit", None)  # from here on it is read
    assert loop.train(config, toy, clips, workdir, progress=False).ending == "it was fitted before"
    restored = read_variables(workdir)
    results = evaluation.evaluate(workdir, restored, toy, clips)
    assert results["trained"] == {"steps": 1, "of": 1} and results["metrics"] == result.metrics
    columns = {split: clips.columns(split) for split in ("train", "validation")}
    joints = {}
    for split, of_split in columns.items():
        layout = of_split.layout
        joints[split] = np.zeros((len(layout.starts), 12, 4, 3), np.float32)
        for i, (start, length) in enumerate(zip(layout.starts, layout.lengths)):
            joints[split][i, :length] = of_split["joints"][start : start + length]
    joints = {split: values.reshape(len(values), -1) for split, values in joints.items()}
    outputs = read_outputs(workdir / "outputs_validation.npz").arrays["probabilities"]
    for i in range(3):
        positive = columns["train"].sequences["clip_label"] == i
        theirs = RandomForestClassifier(10, random_state=i).fit(joints["train"], positive)
        np.testing.assert_allclose(outputs[:, i], theirs.predict_proba(joints["validation"])[:, 1], atol=1e-6)
    other = make_config(clips, name="forest", eval_batch_size=4, seed=5)
    with pytest.raises(ConfigError, match="holds a run of another config; it differs in seed"):
        loop.train(other, ForestToy(other, clips), clips, workdir, progress=False)
    elsewhere = make_clips(tmp_path / "other", {"train": (4, 3), "validation": (3,)})
    with pytest.raises(CheckpointError, match="was trained on other records"):
        loop.train(config, ForestToy(config, elsewhere), elsewhere, workdir, progress=False)


def test_an_svm_is_fitted_after_the_training_and_only_read_by_evaluations(tmp_path, monkeypatch, capsys):
    use_tiny_backbone(monkeypatch)
    monkeypatch.setattr(FaceReport, "write", lambda *arguments: None)  # seconds, and has tests of its own
    dataset = make_dataset(tmp_path / "data", train=42, validation=14)
    other = make_dataset(tmp_path / "other", train=14, validation=21)
    workdir, again = tmp_path / "run", tmp_path / "again"
    toy = make_config(dataset, num_epochs=1)
    names = ("num_epochs", "batch_size", "eval_batch_size", "image_size", "data_dir", "align")
    command = ["--config", "configs/affectnet_svm.py:svm_ccc_island@demo", "--config.num_classes=7"]
    command += [f"--config.{name}={toy[name]}" for name in names]
    assert train.main([*command, "--workdir", str(workdir)]) == 0, capsys.readouterr().err
    (stored,) = (workdir / "fitted").iterdir()
    with np.load(stored, allow_pickle=False) as archive:
        assert set(archive.files) == {"mean", "scale", "num_samples", "coefficients", "intercepts", "meta"}
        assert archive["num_samples"] == 42
    fit_svm = svm.fit_svm
    monkeypatch.setattr(svm, "fit_svm", None)  # from here on it is read
    assert evaluate.main(["--workdir", str(workdir)]) == 0, capsys.readouterr().err
    first = json.loads((workdir / "metrics.json").read_text())["metrics"]
    assert 0 <= first["svm_accuracy"] <= 1
    outputs = read_outputs(workdir / "outputs_validation.npz").arrays
    assert outputs["svm_scores"].shape == (14, 7) and "embedding" not in outputs
    assert evaluate.main(["--workdir", str(workdir), "--data_dir", other.path, "--all_outputs"]) == 0
    outputs = read_outputs(workdir / "outputs_validation.npz").arrays
    assert outputs["svm_scores"].shape == (21, 7) and outputs["embedding"].shape == (21, 32)
    model = tmp_path / "exported"  # it travels with an exported model
    assert export.main(["--workdir", str(workdir), "--to", str(model)]) == 0
    assert (model / "fitted" / stored.name).read_bytes() == stored.read_bytes()
    elsewhere = ["--model", str(model), "--data_dir", other.path, "--out", str(tmp_path / "results")]
    assert evaluate.main(elsewhere) == 0, capsys.readouterr().err
    theirs = read_outputs(tmp_path / "results" / "outputs_validation.npz").arrays["svm_scores"]
    np.testing.assert_array_equal(theirs, outputs["svm_scores"])
    # One that was never fitted, is damaged, or is of another checkpoint.
    stored.rename(again)
    assert evaluate.main(["--workdir", str(workdir), "--data_dir", other.path]) == 2
    assert "The SVM of" in (told := capsys.readouterr().err) and "has not been fitted yet" in told
    stored.write_bytes(again.read_bytes()[:-50])
    assert evaluate.main(["--workdir", str(workdir)]) == 2
    assert "Delete it: the next evaluation fits it again." in capsys.readouterr().err
    stored.unlink()
    monkeypatch.setattr(svm, "fit_svm", fit_svm)
    assert evaluate.main(["--workdir", str(workdir)]) == 0
    assert json.loads((workdir / "metrics.json").read_text())["metrics"] == first
