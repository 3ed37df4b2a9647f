"""What a run promises: one compilation, equal results on any number of devices, exact continuation."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import shutil

import jax
import numpy as np
import pytest

from emojax import systems
from emojax.data.dataset import load_dataset, save_dataset
from emojax.engine.checkpoint import Checkpoints
from emojax.engine.loop import train
from emojax.engine.mesh import data_mesh, put_batch
from emojax.engine.restore import Stored, read_variables
from emojax.engine.run import Run
from emojax.engine.runlog import read_log
from emojax.errors import CheckpointError, ConfigError, DataError, TrainingError
from emojax.labels import Labels
from emojax.pretrained.architecture import CAFFE
from emojax.pretrained.native import save_weights, sha256
from tests.pretrained.test_convert import random_weights
from tests.toy import make_config, make_dataset

ONE_DEVICE = slice(0, 1)


def run(dataset, workdir, *, devices=ONE_DEVICE, **changes):
    config = make_config(dataset, **changes)
    system = systems.build(config, dataset.recipe)
    return train(config, system, dataset, workdir, mesh=data_mesh(jax.devices()[devices]), progress=False)


def leaves(tree):
    return {jax.tree_util.keystr(p): np.asarray(x) for p, x in jax.tree_util.tree_leaves_with_path(tree)}


def assert_equal(a, b):
    a, b = leaves(a), leaves(b)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def rows_without_times(workdir):
    return [{k: v for k, v in row.items() if not k.startswith("time/")} for row in read_log(workdir)]


@pytest.fixture(scope="module")
def uninterrupted(dataset, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("uninterrupted")
    return run(dataset, workdir), workdir


def test_the_training_step_is_compiled_once(uninterrupted):
    assert uninterrupted[0].compilations == 1


def test_training_learns_more_than_the_commonest_class(dataset, tmp_path):
    quick = {"augment": "none", "optimizer__name": "adamw", "optimizer__learning_rate": 0.003}
    result = run(dataset, tmp_path, num_epochs=24, run__eval_every_epochs=24, **quick)
    assert result.metrics["accuracy"] > 0.6  # chance is 1 / 7
    losses = [row["loss"] for row in read_log(tmp_path) if row["kind"] == "train"]
    assert losses[-1] < 0.7 * losses[0]


def test_the_best_and_the_latest_checkpoint_are_kept(uninterrupted):
    result, workdir = uninterrupted
    checkpoints = Checkpoints(workdir, "ccc_mean")  # what the demo monitors
    evaluations = {row["step"]: row["ccc_mean"] for row in read_log(workdir) if row["kind"] == "eval"}
    assert set(checkpoints.steps()) == {checkpoints.best_step(), result.step}
    assert evaluations[checkpoints.best_step()] == max(evaluations.values())
    checkpoints.close()


@pytest.mark.parametrize("stops", [(1,), (4,), (5, 9, 11)])
def test_a_stopped_run_goes_on_bit_for_bit(dataset, uninterrupted, tmp_path, stops):
    result, workdir = uninterrupted
    for stop in stops:
        assert not run(dataset, tmp_path, run__stop_after_steps=stop).finished
    resumed = run(dataset, tmp_path)
    assert resumed.finished
    assert_equal(resumed.state, result.state)
    assert rows_without_times(tmp_path) == rows_without_times(workdir)


def step_results(dataset, devices, batch_size, permute=False):
    """Optimiser state (the gradients), running statistics and logs after one step from the same state."""
    changes = {"optimizer__schedule": "constant", "optimizer__warmup_epochs": 0.0}
    config = make_config(dataset, augment="none", batch_size=batch_size, **changes)
    r = Run(config, systems.build(config, dataset.recipe), dataset, data_mesh(jax.devices()[devices]))
    with contextlib.closing(r.batches("train", train=True)) as batches:
        batch = next(batches)
    if permute:
        order = np.random.default_rng(0).permutation(len(batch["mask"]))
        batch = {k: v[order] for k, v in batch.items()}
    state, logs = r.train_step(r.initial_state(), put_batch(batch, r.mesh))
    return leaves((state.opt_state, state.model_state, logs))


@pytest.mark.parametrize("batch_size", [21, 9])
def test_eight_devices_give_the_gradients_statistics_and_losses_of_one(dataset, batch_size):
    """Batches that 8 does not divide; of 9 rows, three devices get padding alone.

    The yardstick for float32 rounding is one device on the same batch in another order: the same sums, added up
    differently. A wrong factor or a lost row would be many orders of magnitude above it.
    """
    one, eight = (step_results(dataset, slice(0, n), batch_size) for n in (1, 8))
    reordered = step_results(dataset, slice(0, 1), batch_size, permute=True)
    for name, expected in one.items():
        scale = np.abs(expected).max() + 1e-6
        rounding = np.abs(reordered[name] - expected).max() / scale
        difference = np.abs(eight[name] - expected).max() / scale
        assert difference <= 5 * rounding + 5e-6, name


def test_metrics_of_a_split_do_not_depend_on_the_number_of_devices(dataset, uninterrupted):
    result, _ = uninterrupted
    config = make_config(dataset)
    metrics = []
    for devices in (slice(0, 1), slice(0, 8)):
        r = Run(config, systems.build(config, dataset.recipe), dataset, data_mesh(jax.devices()[devices]))
        metrics.append(r.evaluate(jax.device_get(result.state.variables)))
    one, eight = metrics
    assert one["confusion_matrix"] == eight["confusion_matrix"]
    for name in ("ccc_valence", "ccc_arousal", "rmse_valence"):
        assert eight[name] == pytest.approx(one[name], abs=1e-5)


def test_a_checkpoint_of_eight_devices_restores_on_one(dataset, tmp_path):
    eight = run(dataset, tmp_path, devices=slice(0, 8), run__stop_after_steps=4)
    checkpoints = Checkpoints(tmp_path, "accuracy")
    config = make_config(dataset)
    one = Run(config, systems.build(config, dataset.recipe), dataset, data_mesh(jax.devices()[ONE_DEVICE]))
    restored = checkpoints.restore(4, one.abstract_state())
    checkpoints.close()
    assert_equal(restored, eight.state)
    assert len(restored.step.devices()) == 1


def test_data_in_another_class_order_is_refused(dataset, uninterrupted, tmp_path):
    _, workdir = uninterrupted
    shutil.copytree(workdir, tmp_path / "run")
    shutil.copytree(dataset.path, tmp_path / "data")
    moved = load_dataset(tmp_path / "data")
    swapped = Labels((*moved.labels.classes[1::-1], *moved.labels.classes[2:]), moved.labels.dimensions)
    config = make_config(moved)
    system = systems.build(config, moved.recipe)
    system.labels = swapped
    with pytest.raises(CheckpointError, match="classes differ.*neutral.*happy"):
        train(config, system, moved, tmp_path / "run", progress=False)
    save_dataset(dataclasses.replace(moved, labels=swapped))
    with pytest.raises(DataError, match="classes differ"):
        systems.build(config, load_dataset(tmp_path / "data").recipe)


def test_other_records_are_refused(uninterrupted, tmp_path):
    _, workdir = uninterrupted
    shutil.copytree(workdir, tmp_path / "run")
    other = make_dataset(tmp_path / "other", train=91)
    with pytest.raises((CheckpointError, ConfigError), match=r"other records|data"):
        run(other, tmp_path / "run")


def test_a_work_directory_of_another_config_is_refused(dataset, uninterrupted):
    with pytest.raises(ConfigError, match=r"batch_size \(21 there, 14 now\)"):
        run(dataset, uninterrupted[1], batch_size=14)


def test_a_checkpoint_of_another_network_is_refused(dataset, uninterrupted):
    config = make_config(dataset, model__gcn__hidden=64)
    other = Run(config, systems.build(config, dataset.recipe), dataset)
    checkpoints = Checkpoints(uninterrupted[1], "accuracy")
    with pytest.raises(CheckpointError, match="another network.*has shape"):
        checkpoints.restore(checkpoints.latest_step(), other.abstract_state())
    checkpoints.close()


def test_a_checkpoint_and_its_work_directory_hold_config_and_recipe(dataset, uninterrupted):
    workdir = uninterrupted[1]
    meta = read_variables(workdir, "latest").meta
    assert meta["recipe"] == json.loads(json.dumps(dataset.recipe.to_json()))
    assert meta["dataset"]["content_hash"] == dataset.splits["train"].content_hash
    beside = json.loads((workdir / "recipe.json").read_text())
    assert beside == {"schema": 1, "config": meta["config"], "recipe": meta["recipe"]}


def test_log_and_checkpoints_tell_the_weights_that_a_run_began_with_also_after_a_stop(
    dataset, tmp_path, capsys
):
    backbone = make_config(dataset).model.backbone
    file = tmp_path / "weights.safetensors"
    coding = {"input": dataclasses.asdict(CAFFE)}
    save_weights(dataclasses.replace(random_weights(backbone), info=coding), file)
    run(dataset, tmp_path / "run", init_from=str(file), run__stop_after_steps=2)
    assert f"note     backbone: {file} was trained on BGR 0..255" in capsys.readouterr().out
    run(dataset, tmp_path / "run", init_from=str(file), run__stop_after_steps=4)
    assert "trained on" not in capsys.readouterr().out
    stored = Stored(tmp_path / "run")
    records = [stored.read_meta(step)["initialised_from"] for step in stored.steps()]
    (row,) = (row for row in read_log(tmp_path / "run") if row["kind"] == "start")
    for record in (*records, row["initialised_from"]):
        assert record["backbone"]["sha256"] == sha256(file) and record["backbone"]["file"] == str(file)


def test_a_damaged_checkpoint_is_named(dataset, uninterrupted, tmp_path):
    shutil.copytree(uninterrupted[1], tmp_path / "run")
    latest = max(
        (tmp_path / "run" / "checkpoints").iterdir(), key=lambda p: int(p.name) if p.name.isdigit() else -1
    )
    for file in (latest / "state").rglob("*"):
        if file.is_file() and file.stat().st_size > 100:
            file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(CheckpointError, match=f"step {latest.name}|{latest.name}"):
        run(dataset, tmp_path / "run")


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_records(dataset, tmp_path):
    with pytest.raises(
        TrainingError, match=r"Step \d+: .*(nan|inf).*Records of this batch: \d+ \(train/\d+\)"
    ):
        rates = {
            "optimizer__learning_rate": 1000.0,
            "optimizer__weight_decay": 1000.0,
        }  # a million times as large
        run(dataset, tmp_path, **rates, optimizer__schedule="constant", run__checkpoint_every_steps=1000)
    checkpoints = Checkpoints(tmp_path, "accuracy")
    assert checkpoints.steps() == []  # nothing that is not finite was saved
    checkpoints.close()


def test_a_damaged_record_stops_the_run_with_file_record_and_offset(dataset, tmp_path):
    shutil.copytree(dataset.path, tmp_path / "data")
    damaged = load_dataset(tmp_path / "data")
    shard = pathlib.Path(damaged.path) / damaged.splits["train"].shards[0]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match=rf"{shard.name}.*record \d+.*byte \d+"):
        run(damaged, tmp_path / "run")
