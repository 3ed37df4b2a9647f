"""Centres and samplers: the same on any number of devices, saved and restored."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from emojax import systems
from emojax.cli import load_config_file
from emojax.engine.fit import with_estimator
from emojax.engine.loop import train
from emojax.engine.mesh import data_mesh
from emojax.errors import DataError
from tests.systems.tiny import FEATURES, TinyRun, draw, leaves, tiny_config, use_tiny_backbone
from tests.toy import SIZE, make_dataset


@pytest.fixture(autouse=True)
def tiny_backbone(monkeypatch):
    use_tiny_backbone(monkeypatch)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("toy"), ages=lambda i: 5.0 + i if i % 3 else -1.0)


def toy_config(spec, dataset, **changes):
    toy = {"data_dir": dataset.path, "num_epochs": 2, "batch_size": 21, "run__checkpoint_every_steps": 0}
    return tiny_config(spec, **{**toy, **changes})


@pytest.mark.parametrize(
    "spec",
    [
        "affectnet_metric.py:island",
        "affectnet_multitask.py:ccc_subclass_k3_concat",
        "affectnet_metric.py:va_center",
    ],
)
def test_eight_devices_give_the_centres_losses_and_parameters_of_one(spec):
    """Forty rows, three of them padding: some devices hold real rows only, the last one hardly any."""
    data = draw([12] * 7)
    config = tiny_config(f"configs/{spec}", optimizer__name="sgd", optimizer__weight_decay=0.0)
    one, eight = (TinyRun(config, data, devices=n).train(2, rows=40, padding=3) for n in (1, 8))
    expected, actual = leaves(one.state), leaves(eight.state)
    assert expected.keys() == actual.keys()
    for name in expected:
        np.testing.assert_allclose(actual[name], expected[name], rtol=2e-4, atol=2e-5, err_msg=name)
    for name in one.logs:
        assert eight.logs[name] == pytest.approx(one.logs[name], rel=1e-4, abs=1e-5), name


def test_centres_start_small_and_follow_their_own_rule_not_the_optimiser():
    data = draw([12] * 7)
    run = TinyRun(tiny_config("configs/affectnet_metric.py:center", optimizer__learning_rate=0.0), data)
    before = np.asarray(run.state.model_state["centres"]["metric"])
    assert before.shape == (7, FEATURES)
    assert 0.08 < before.std() < 0.12  # N(0, 0.1^2), spec 3.3
    run.train(60, rows=84)
    after = np.asarray(run.state.model_state["centres"]["metric"])
    assert "centres" not in run.state.params
    assert "centre" not in "".join(leaves(run.state.opt_state))
    outputs = run.predict(data)
    means = np.stack([outputs["embedding"][data["label"] == c].mean(axis=0) for c in range(7)])
    # Alpha 0.5 brings the centres to the class means of features that no longer change.
    assert np.abs(after - means).mean() < 0.1 * np.abs(before - means).mean()


def test_a_stopped_run_goes_on_bit_for_bit_with_its_centres_and_its_sampler(toy, tmp_path):
    def run(folder, **changes):
        config = toy_config("configs/affectnet_metric.py:island", toy, sampler="expression", **changes)
        mesh = data_mesh(jax.devices()[:1])
        return train(
            config, systems.build(config, toy.recipe), toy, tmp_path / folder, mesh=mesh, progress=False
        )

    whole = run("whole")
    stopped = run("parts", run__stop_after_steps=3)
    assert not stopped.finished
    resumed = run("parts")
    assert resumed.finished
    expected, actual = leaves(whole.state), leaves(resumed.state)
    assert any("centres" in name for name in expected)
    for name in expected:
        np.testing.assert_array_equal(actual[name], expected[name], err_msg=name)


def weights_and_records(toy, spec):
    config = toy_config(spec, toy)
    system = systems.build(config, toy.recipe)
    columns = toy.columns("train")
    return system.sample_weights(columns), {name: columns[name] for name in ("label", "age")}


def test_the_expression_sampler_weighs_each_record_by_its_class(toy):
    weights, records = weights_and_records(toy, "configs/affectnet_multitask.py:eight_exprsampler_ce_ce")
    counts = np.bincount(records["label"])
    np.testing.assert_allclose(weights, counts.min() / counts[records["label"]])


def test_the_age_sampler_weighs_each_record_by_its_age_group(toy):
    weights, records = weights_and_records(toy, "configs/affectnet_multitask.py:eight_agesampler")
    known = records["age"] >= 0
    groups = np.minimum(records["age"] // 10, 7)
    by_group = [weights[known & (groups == g)].sum() for g in np.unique(groups[known])]
    np.testing.assert_allclose(by_group, by_group[0])
    np.testing.assert_allclose(weights[~known], weights[known].mean())


def test_ages_that_are_all_unknown_are_an_error(tmp_path):
    dataset = make_dataset(tmp_path, train=14, validation=7, ages=lambda i: -1.0)
    config = toy_config("configs/affectnet_multitask.py:eight_agesampler", dataset)
    workdir = tmp_path / "run"
    with pytest.raises(DataError, match=rf"no record has one .*--ages FILE\.csv.*{tmp_path}"):
        train(config, systems.build(config, dataset.recipe), dataset, workdir, progress=False)
    assert not workdir.exists()  # told before anything is compiled or written


def test_other_systems_shuffle_all_records(toy):
    config = toy_config("configs/affectnet_multitask.py:mtl_eight_concat", toy)
    assert systems.build(config, toy.recipe).sample_weights({}) is None


def test_an_svm_on_the_features_stands_beside_the_softmax():
    data, validation = draw([30] * 7), draw([12] * 7, seed=1)
    run = TinyRun(tiny_config("configs/affectnet_svm.py:svm_ccc_island"), data).train(40)
    outputs = with_estimator(
        run.system, lambda split: run.predict({"train": data, "validation": validation}[split]), "validation"
    )
    assert outputs["svm_scores"].shape == (84, 7)
    metrics = run.system.measure.metrics(outputs)
    assert metrics["svm_accuracy"] > 3 / 7
    assert metrics["accuracy"] == run.measure(validation)["accuracy"]
    columns = run.system.measure.columns(outputs)
    names = np.array(run.system.labels.classes)
    np.testing.assert_array_equal(columns["svm_class"], names[outputs["svm_scores"].argmax(axis=1)])


def test_systems_without_an_svm_never_predict_the_training_split():
    config = load_config_file("configs/affectnet_baseline.py:base7@demo")
    system = systems.build(config, systems.stand_in(config))
    splits = {"validation": {"label": SIZE}}
    assert with_estimator(system, splits.__getitem__, "validation") == {"label": SIZE}
