"""Families of segments, of windows and of columns: trained, resumed, predicted through public interfaces."""

from __future__ import annotations

import csv

import jax
import numpy as np
import pytest

from emojax.engine.evaluation import write_predictions
from emojax.engine.loop import train
from emojax.engine.measure import random_batch
from emojax.engine.mesh import data_mesh
from emojax.engine.run import Run
from tests.data.clips import LENGTHS, columns_of, make_clips
from tests.engine.sequence_toys import JointToy, SegmentToy, WindowToy
from tests.toy import make_config

TOYS = (SegmentToy, WindowToy, JointToy)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return make_clips(tmp_path_factory.mktemp("clips"))


def config_of(clips, **changes):
    options = {"batch_size": 6, "eval_batch_size": 4, "num_epochs": 3, "optimizer__name": "sgd"}
    return make_config(clips, **{**options, **changes})


def run(toy, clips, workdir, *, devices=1, **changes):
    config = config_of(clips, **changes)
    mesh = data_mesh(jax.devices()[:devices])
    return train(config, toy(config, clips), clips, workdir, mesh=mesh, progress=False)


def leaves(tree):
    return {jax.tree_util.keystr(p): np.asarray(x) for p, x in jax.tree_util.tree_leaves_with_path(tree)}


@pytest.mark.parametrize("toy", TOYS)
def test_a_family_of_sequences_resumes_bit_for_bit_and_is_equal_on_eight_devices(toy, clips, tmp_path):
    whole = run(toy, clips, tmp_path / "whole")
    assert whole.finished and whole.compilations == 1
    for stop in (2, 5):
        assert not run(toy, clips, tmp_path / "parts", run__stop_after_steps=stop).finished
    resumed = run(toy, clips, tmp_path / "parts")
    assert resumed.finished and resumed.metrics == whole.metrics
    expected, actual = leaves(whole.state), leaves(resumed.state)
    for name in expected:
        np.testing.assert_array_equal(actual[name], expected[name], err_msg=name)
    on_eight = leaves(run(toy, clips, tmp_path / "eight", devices=8).state)
    for name in expected:
        np.testing.assert_allclose(on_eight[name], expected[name], rtol=1e-4, atol=1e-5, err_msg=name)


def predicted(toy, clips, **changes):
    config = config_of(clips, **changes)
    r = Run(config, toy(config, clips), clips, data_mesh(jax.devices()[:1]))
    variables = r.initial_state().variables
    return r.system, r.predict(variables, "train")


def test_windows_predict_each_frame_once_with_its_truth_and_its_source(clips, tmp_path):
    columns, _ = columns_of(LENGTHS)
    system, outputs = predicted(WindowToy, clips)
    assert outputs["va"].shape == outputs["values"].shape == (*outputs["frame_mask"].shape, 2)
    flat = system.measure.complete(outputs, None)
    assert flat["index"].tolist() == list(range(sum(LENGTHS)))
    np.testing.assert_array_equal(flat["va"], columns["va"].astype(np.float32))
    write_predictions(tmp_path / "predictions.csv", system, flat, clips.columns("train"))
    with open(tmp_path / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["source_id"] for row in rows] == columns["source_id"].tolist()
    assert [int(row["record"]) for row in rows] == list(range(sum(LENGTHS)))


def test_segments_predict_each_clip_once(clips, tmp_path):
    _, clip_label = columns_of(LENGTHS)
    system, outputs = predicted(SegmentToy, clips, eval_batch_size=3)
    assert outputs["record"].shape == (len(LENGTHS), 9) and "image" not in outputs
    np.testing.assert_array_equal(outputs["clip_label"], clip_label)
    write_predictions(tmp_path / "predictions.csv", system, outputs, clips.columns("train"))
    with open(tmp_path / "predictions.csv", newline="") as file:
        told = [row["source_id"].split("/")[0] for row in csv.DictReader(file)]
    assert told == [f"video{i}" for i in range(len(LENGTHS))]


def test_predictions_do_not_depend_on_the_batch_size(clips):
    for toy in TOYS:
        (_, one), (_, other) = predicted(toy, clips), predicted(toy, clips, eval_batch_size=7)
        for name in one:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("toy", TOYS)
def test_a_random_batch_has_the_shapes_of_a_real_one(toy, clips):
    config = config_of(clips)
    r = Run(config, toy(config, clips), clips, data_mesh(jax.devices()[:1]))
    batches = r.batches("train", train=True)
    real, drawn = next(batches), random_batch(r)
    batches.close()
    assert {k: (v.shape, v.dtype) for k, v in drawn.items()} == {
        k: (v.shape, v.dtype) for k, v in real.items()
    }
