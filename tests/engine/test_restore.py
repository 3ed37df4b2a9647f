"""A checkpoint is the whole model: it needs neither the training data nor its files, and gives the same numbers."""

from __future__ import annotations

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest

from emojax import systems
from emojax.data.dataset import load_dataset, save_dataset
from emojax.engine.evaluation import evaluate
from emojax.engine.inference import Predictor
from emojax.engine.loop import train
from emojax.engine.mesh import data_mesh
from emojax.engine.restore import Stored, read_variables
from emojax.engine.run import Run
from emojax.engine.runlog import read_log
from emojax.errors import CheckpointError, ConfigError, DataError
from emojax.evaluate import main as evaluate_main
from emojax.graphs.word_vectors import BUILT_IN_TABLE
from emojax.labels import Labels
from emojax.pretrained.__main__ import main as pretrained_main
from emojax.pretrained.initialise import initialise
from emojax.pretrained.readers import read_file
from emojax.pretrained.runs import load_any
from emojax.systems.faces.measure import FaceMeasure
from tests.systems.tiny import leaves, use_tiny_backbone
from tests.toy import make_config, make_dataset

DEVICE = slice(0, 1)


def run(dataset, workdir, **changes):
    config = make_config(dataset, augment="none", **changes)
    mesh = data_mesh(jax.devices()[DEVICE])
    return train(config, systems.build(config, dataset.recipe), dataset, workdir, mesh=mesh, progress=False)


def system_of(restored):
    return systems.build(restored.config, restored.recipe)


def predictions(restored, dataset) -> dict[str, np.ndarray]:
    predictor = Predictor(system_of(restored), dataset)
    return predictor.predict(predictor.place(restored.variables), "validation")


def with_statistics(dataset, folder, **changes):
    """A copy of prepared data whose training labels had other statistics."""
    shutil.copytree(dataset.path, folder)
    changed = {**dataset.statistics, **changes}
    save_dataset(dataclasses.replace(dataset, path=str(folder), statistics=changed))
    return load_dataset(folder)


@pytest.fixture
def tiny_network(monkeypatch):
    use_tiny_backbone(monkeypatch)


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A file of word vectors that a test may delete."""
    return tmp_path_factory.mktemp("words") / "glove.txt"


@pytest.fixture
def trained(tiny_network, words, tmp_path):
    """(prepared data, work directory) of a short run with word vectors from a file."""
    shutil.copy(BUILT_IN_TABLE, words)
    dataset = make_dataset(tmp_path / "data", train=42, validation=21)
    options = {"num_epochs": 2, "model__gcn__word_vectors": str(words)}
    run(dataset, tmp_path / "run", **options, run__stop_after_steps=3)
    return dataset, tmp_path / "run", options


# -- Nothing but the checkpoint -----------------------------------------------------------------------------------


def test_a_run_predicts_the_same_whatever_the_statistics_of_the_data(trained, tmp_path):
    dataset, workdir, _ = trained
    rng = np.random.default_rng(0)
    spearman = np.array(dataset.statistics["spearman"])
    noise = np.triu(rng.uniform(-0.9, 0.9, spearman.shape), 1)
    other = with_statistics(dataset, tmp_path / "other", spearman=(np.eye(9) + noise + noise.T).tolist())
    restored = read_variables(workdir, "latest")
    swapped = systems.build(restored.config, other.recipe).constants["head"]["gcn"]["edges"]
    assert not np.array_equal(swapped, restored.variables["constants"]["head"]["gcn"]["edges"])
    one, two = predictions(restored, dataset), predictions(restored, other)
    for name in ("probabilities", "valence_arousal", "embedding"):
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)


def test_evaluation_needs_neither_the_training_folder_nor_the_word_vectors(trained, words, tmp_path):
    dataset, workdir, _ = trained
    whole = read_variables(workdir, "latest")
    expected = evaluate(workdir, whole, system_of(whole), dataset)["metrics"]
    shutil.copytree(dataset.path, tmp_path / "elsewhere")
    description = json.loads((tmp_path / "elsewhere" / "dataset.json").read_text())
    del description["splits"]["train"]
    (tmp_path / "elsewhere" / "dataset.json").write_text(json.dumps(description))
    shutil.rmtree(dataset.path)
    words.unlink()
    folder = str(tmp_path / "elsewhere")
    assert evaluate_main(["--workdir", str(workdir), "--step", "latest", "--data_dir", folder]) == 0
    results = json.loads((workdir / "metrics.json").read_text())
    assert results["metrics"] == json.loads(json.dumps(expected))
    assert results["trained"] == {"steps": 3, "of": 4}
    assert any(str(words) in note for note in results["notes"])  # where the words came from is known


def test_a_run_resumes_bit_for_bit_without_its_word_vectors(trained, words, tmp_path):
    dataset, workdir, options = trained
    whole = run(dataset, tmp_path / "whole", **options)
    words.unlink()
    resumed = run(dataset, workdir, **options)
    assert resumed.finished
    expected, actual = leaves(whole.state), leaves(resumed.state)
    assert any("constants" in name for name in expected)
    for name in expected:
        np.testing.assert_array_equal(actual[name], expected[name], err_msg=name)


def test_variables_are_read_without_the_optimiser(trained):
    _, workdir, _ = trained
    restored = read_variables(workdir, "latest")
    assert set(restored.variables) == {"params", "batch_stats", "constants"}
    assert all(isinstance(x, np.ndarray) for x in jax.tree.leaves(restored.variables))
    assert (restored.step, restored.last_step) == (3, 3)
    assert restored.variables["constants"]["head"]["gcn"]["receivers"].dtype == np.int32


def test_training_moves_no_constant(trained):
    dataset, workdir, options = trained
    config = make_config(dataset, augment="none", **options)
    fresh = systems.build(config, dataset.recipe).constants
    jax.tree.map(
        np.testing.assert_array_equal, read_variables(workdir, "latest").variables["constants"], fresh
    )


def test_a_training_evaluation_copies_only_what_the_metrics_read(tiny_network, dataset):
    config = make_config(dataset)
    system = systems.build(config, dataset.recipe)
    r = Run(config, system, dataset, data_mesh(jax.devices()[DEVICE]))
    variables = r.initial_state().variables
    read = r.predictor.predict(variables, "validation", reads=system.measure.reads)
    every = r.predict(variables, "validation")
    assert "embedding" in every and "embedding" not in read
    assert read.keys() == every.keys() - {"embedding"}
    assert r.evaluate(variables) == system.measure.metrics(every)


# -- Data that do not fit -------------------------------------------------------------------------------------------


def test_data_with_other_classes_or_pictures_are_refused_by_name(trained, tmp_path):
    dataset, workdir, _ = trained
    restored = read_variables(workdir, "latest")
    swapped = Labels((*dataset.labels.classes[1::-1], *dataset.labels.classes[2:]), dataset.labels.dimensions)
    with pytest.raises(DataError, match=r"classes differ.*neutral.*happy"):
        evaluate(workdir, restored, system_of(restored), dataclasses.replace(dataset, labels=swapped))
    image = dataclasses.replace(dataset.features["image"], shape=(64, 64, 3))
    larger = dataclasses.replace(dataset, features={**dataset.features, "image": image})
    with pytest.raises(DataError, match=r"'image' of shape \(32, 32, 3\).*\(64, 64, 3\)"):
        evaluate(workdir, restored, system_of(restored), larger)


def test_faces_aligned_in_another_way_are_refused(trained):
    dataset, workdir, _ = trained
    restored = read_variables(workdir, "latest")
    restored.meta["config"]["align"] = "rotate_crop"
    other = dataclasses.replace(dataset, build={"align": "none"})
    with pytest.raises(ConfigError, match="--align none"):
        evaluate(workdir, restored, system_of(restored), other)


def test_a_run_of_an_older_emojax_is_one_clear_line(trained, capsys, tmp_path):
    dataset, workdir, options = trained
    file = workdir / "checkpoints" / "3" / "meta" / "metadata"
    meta = json.loads(file.read_text())
    meta["labels"] = meta.pop("recipe")["labels"]
    file.write_text(json.dumps(meta))
    (workdir / "recipe.json").rename(workdir / "config.json")
    with pytest.raises(CheckpointError, match="older emojax.*Train it again in another --workdir"):
        run(dataset, workdir, **options)
    assert evaluate_main(["--workdir", str(workdir)]) == 2
    assert pretrained_main(["export", str(workdir), "--out", str(tmp_path / "x.safetensors")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2 and all("older emojax" in line for line in lines)


# -- The best checkpoint ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def risen_and_fallen(tmp_path_factory):
    """Work directory of a run that trains for three epochs and is best after the second."""
    workdir = tmp_path_factory.mktemp("risen")
    dataset = make_dataset(tmp_path_factory.mktemp("toy"), train=42, validation=21)
    accuracies = iter([0.3, 0.8, 0.5])
    honest = FaceMeasure.metrics
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            FaceMeasure,
            "metrics",
            lambda self, outputs: {**honest(self, outputs), "accuracy": next(accuracies)},
        )
        run(dataset, workdir, num_epochs=3, monitor="accuracy")
    evaluations = {row["step"]: row["accuracy"] for row in read_log(workdir) if row["kind"] == "eval"}
    assert evaluations == {2: 0.3, 4: 0.8, 6: 0.5}
    return workdir


def test_a_checkpoint_records_what_the_monitor_saw(risen_and_fallen):
    stored = Stored(risen_and_fallen)
    assert stored.steps() == [4, 6]
    monitors = [stored.read_meta(step)["monitor"] for step in stored.steps()]
    assert monitors == [
        {"metric": "accuracy", "direction": "larger", "value": 0.8},
        {"metric": "accuracy", "direction": "larger", "value": 0.5},
    ]
    assert stored.resolve("best") == 4 and stored.resolve("latest") == 6 and stored.resolve("6") == 6
    with pytest.raises(CheckpointError, match=r"'5'; there are best, latest, \[4, 6\]"):
        stored.resolve("5")


def test_a_new_run_starts_from_the_best_checkpoint_of_another(risen_and_fallen):
    best, latest = (read_variables(risen_and_fallen, which).variables for which in ("best", "latest"))
    fresh = {k: jax.tree.map(np.zeros_like, v) for k, v in best.items() if k != "constants"}
    loaded, record = initialise(fresh, str(risen_and_fallen))
    assert record["network"]["arch"] == "run, step 4" and not record["network"]["left_out"]
    for name, value in leaves(loaded["params"]).items():
        np.testing.assert_array_equal(value, leaves(best["params"])[name], err_msg=name)
    moved = [not np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (best, latest)))]
    assert any(moved)


def test_export_writes_the_best_checkpoint(risen_and_fallen, tmp_path):
    best, latest = (
        read_variables(risen_and_fallen, which).variables["params"]["backbone"]["conv0"]["kernel"]
        for which in ("best", "latest")
    )
    weights = load_any(risen_and_fallen)
    np.testing.assert_array_equal(weights.variables["params/conv0/kernel"], best)
    assert not np.array_equal(best, latest)
    out = tmp_path / "exported.safetensors"
    assert pretrained_main(["export", str(risen_and_fallen), "--out", str(out)]) == 0
    exported = [v for k, v in read_file(out).tensors.items() if k.endswith("conv0.weight")]
    np.testing.assert_array_equal(exported[0].transpose(2, 3, 1, 0), best)
