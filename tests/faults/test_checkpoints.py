"""A damaged checkpoint is refused by the name of what is damaged, with the way to go on; it gives no other numbers."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import types

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from emojax import systems
from emojax.engine.checkpoint import Checkpoints
from emojax.engine.checksums import checksums, verify
from emojax.engine.mesh import data_mesh
from emojax.engine.restore import Stored
from emojax.engine.run import Run
from emojax.errors import CheckpointError
from tests.faults.runs import is_one_line, metrics, rows_without_times, run
from tests.toy import make_config


def latest(workdir):
    return max(
        (p for p in (workdir / "checkpoints").iterdir() if p.name.isdigit()), key=lambda p: int(p.name)
    )


def flip(file, rng, bits=1):
    content = bytearray(file.read_bytes())
    for position in rng.choice(len(content), bits):
        content[position] ^= 1 << int(rng.integers(8))
    file.write_bytes(content)


@pytest.fixture(scope="module")
def abstract_state(tiny_network, dataset):
    config = make_config(dataset, augment="none")
    return Run(
        config, systems.build(config, dataset.recipe), dataset, data_mesh(jax.devices()[:1])
    ).abstract_state()


def restored(workdir, abstract_state):
    with contextlib.closing(Checkpoints(workdir, "accuracy")) as checkpoints:
        return jax.device_get(checkpoints.restore(checkpoints.latest_step(), abstract_state))


@pytest.mark.parametrize("bits", [1, 60])
def test_flipped_bits_in_any_file_of_the_state_are_refused_or_change_nothing(
    finished, copy, abstract_state, bits
):
    expected = restored(finished, abstract_state)
    state = latest(copy) / "state"
    files = [p for p in state.rglob("*") if p.is_file() and p.stat().st_size]
    largest = max(files, key=lambda p: p.stat().st_size)
    refused = 0
    for seed in range(24):
        rng = np.random.default_rng((bits, seed))
        shutil.rmtree(state)
        shutil.copytree(latest(finished) / "state", state)
        flip(largest if seed % 2 else files[int(rng.integers(len(files)))], rng, bits)
        try:
            assert checksums(restored(copy, abstract_state)) == checksums(expected)
        except CheckpointError as error:
            assert is_one_line(error) and f"checkpoints/{latest(copy).name} is damaged" in str(error)
            refused += 1
    assert refused >= 12


def test_a_damaged_state_stops_training_and_evaluation(dataset, copy):
    for file in (latest(copy) / "state").rglob("*"):
        if file.is_file() and file.stat().st_size > 10_000:
            flip(file, np.random.default_rng(0), 60)
    for use in (lambda: run(dataset, copy), lambda: metrics(dataset, copy, "latest")):
        with pytest.raises(CheckpointError, match="is damaged") as caught:
            use()
        assert is_one_line(caught.value)


def test_a_changed_array_is_told_by_its_name():
    tree = {"params": {"kernel": np.arange(6.0).reshape(2, 3), "bias": np.zeros(3)}, "step": jnp.int32(4)}
    sums = checksums(tree)
    verify(tree, sums, "here")
    verify({"params": {"bias": tree["params"]["bias"]}}, sums, "here")  # a part of it
    tree["params"]["kernel"][1, 1] = np.nextafter(4.0, 5)
    with pytest.raises(CheckpointError, match="params/kernel in here is not what was saved"):
        verify(tree, sums, "here")


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16, np.int32, bool, np.uint8])
def test_checksums_see_every_bit_the_type_and_the_shape(dtype):
    values = np.ones(12, dtype)
    different = {
        checksums({"a": array})["a"]
        for array in (
            values,
            values.reshape(3, 4),
            values.reshape(4, 3),
            values.view(np.uint8),
            values[:0],
            values[:1],
        )
    }
    assert len(different) == (6 if values.itemsize > 1 or dtype is bool else 5)
    assert checksums({"a": jnp.asarray(values)}) == checksums({"a": values})
    assert checksums({"a": np.ones((4, 3), dtype).T})["a"] == checksums({"a": values.reshape(3, 4)})["a"]


@pytest.mark.parametrize("remaining", [True, False])
def test_a_damaged_latest_checkpoint_says_what_to_move_and_that_works(dataset, finished, tmp_path, remaining):
    workdir = tmp_path / "run"
    run(dataset, workdir, run__stop_after_steps=5)  # an evaluated checkpoint, then one of a stop
    run(dataset, workdir, run__stop_after_steps=7)
    broken, earlier = latest(workdir), workdir / "checkpoints" / "5"
    if not remaining:
        shutil.rmtree(earlier)
    for file in (broken / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(CheckpointError, match="damaged") as caught:
        run(dataset, workdir)
    text = str(caught.value)
    assert is_one_line(caught.value) and "--step" not in text and str(broken) in text
    assert ("resumes from step 5" if remaining else "starts again from step 0") in text
    broken.rename(tmp_path / "broken")
    assert run(dataset, workdir).finished
    assert rows_without_times(workdir) == rows_without_times(finished)


@pytest.mark.parametrize("missing", ["everything", "state", "meta", "_CHECKPOINT_METADATA"])
def test_an_unfinished_checkpoint_folder_is_named_and_does_not_count(dataset, copy, missing):
    odd = copy / "checkpoints" / "999"
    if missing == "everything":
        odd.mkdir()
    else:
        shutil.copytree(latest(copy), odd)
        target = odd / missing
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    with pytest.raises(
        CheckpointError, match="999 is not a finished checkpoint.*resumes from step 15"
    ) as caught:
        run(dataset, copy)
    assert is_one_line(caught.value)
    assert Stored(copy).resolve("latest") == 15


def test_a_run_killed_while_it_removes_a_checkpoint_resumes(dataset, tmp_path, monkeypatch):
    with (
        monkeypatch.context() as patch
    ):  # the process dies before the files of what it no longer keeps are gone
        patch.setattr(Checkpoints, "_empty_removed", lambda self, **_: None)
        run(dataset, tmp_path, run__checkpoint_every_steps=2, run__stop_after_steps=7)
    folder = tmp_path / "checkpoints"
    removed = sorted((folder / "removed").iterdir())
    assert removed and not {path.name for path in removed} & {path.name for path in folder.iterdir()}
    shutil.rmtree(removed[0] / "state")
    assert run(dataset, tmp_path, run__checkpoint_every_steps=2).finished
    assert not (folder / "removed").exists()


def test_a_save_that_tidies_up_while_the_one_before_puts_a_checkpoint_away_disturbs_nothing(
    dataset, tmp_path, monkeypatch
):
    replace, moved = os.replace, []

    def tidy_first(source, destination, **options):
        if pathlib.Path(destination).parent.name == "removed":
            Checkpoints._empty_removed(types.SimpleNamespace(folder=tmp_path / "checkpoints"))
            moved.append(destination)
        replace(source, destination, **options)

    monkeypatch.setattr(os, "replace", tidy_first)
    assert run(dataset, tmp_path, run__checkpoint_every_steps=2).finished
    assert moved and not (tmp_path / "checkpoints" / "removed").exists()


def test_a_state_of_another_step_than_its_folder_says_is_refused(dataset, copy):
    latest(copy).rename(copy / "checkpoints" / "99")
    with pytest.raises(CheckpointError, match="99 is damaged: it holds the state of step 15"):
        metrics(dataset, copy, "latest")
    with pytest.raises(CheckpointError, match="99 is damaged: it holds the state of step 15"):
        run(dataset, copy)


def _change_meta(workdir, change):
    file = latest(workdir) / "meta" / "metadata"
    meta = json.loads(file.read_text())
    change(meta)
    file.write_text(json.dumps(meta))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda m: m["recipe"].pop("labels"), "recipe has no 'labels'"),
        (lambda m: m["recipe"].update(labels=None), "labels is null, not an object"),
        (lambda m: m["loader"].update(step=m["loader"]["step"] + 1), "not what was saved"),
        (lambda m: m["recipe"]["labels"]["classes"].reverse(), "not what was saved"),
        (lambda m: m.pop("checksums"), "has no 'checksums'"),
        (lambda m: m["checksums"].popitem(), "not what was saved"),
    ],
)
def test_changed_metadata_of_a_checkpoint_are_refused(dataset, copy, change, message):
    _change_meta(copy, change)
    with pytest.raises(CheckpointError, match=message) as caught:
        run(dataset, copy)
    assert is_one_line(caught.value)


@pytest.mark.parametrize("content", ["", "null", "{", "[]"])
def test_metadata_that_are_no_json_are_one_line(dataset, copy, content):
    (latest(copy) / "meta" / "metadata").write_text(content)
    with pytest.raises(CheckpointError, match="is damaged") as caught:
        metrics(dataset, copy, "latest")
    assert is_one_line(caught.value)
