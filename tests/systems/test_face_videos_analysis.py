"""Analyses of a run on films: what its units answer to, what its layers keep apart."""

from __future__ import annotations

import types

import jax
import numpy as np
import pytest

from emojax import systems
from emojax.cli import load_config_file
from emojax.engine.inference import Predictor
from emojax.engine.mesh import data_mesh
from emojax.errors import ConfigError
from emojax.models import maximise
from emojax.report import style
from emojax.systems.face_videos import analysis as analysis_module
from emojax.systems.face_videos import comparison
from emojax.systems.face_videos.analysis import purity_table
from emojax.systems.face_videos.units import unit_scores
from tests.systems.face_video_toy import Trunk, make_videos, toy_config

BOTH = "configs/affwild_lstm.py:comb_vgg19_fc2"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Data, a system with a trunk and random variables."""
    videos = make_videos(tmp_path_factory.mktemp("v"), {"train": (40,), "validation": (40, 31)}, pixels=16)
    options = {"image_size": 16, "model__cached": 0, "model__pool": "flatten"}
    config = toy_config(BOTH, videos, **options, model__window=5, model__head_units=(4,), model__units=8)
    system = systems.build(config, videos.recipe)
    system.net = system.net.clone(trunk=Trunk())
    return videos, system, system.init(jax.random.key(0))


def test_the_score_of_a_unit_is_that_of_a_window_which_shows_the_picture_in_every_frame(run):
    _, system, variables = run
    pictures = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3))
    batch = {"image": np.repeat(pictures[:, None], 5, axis=1), "frame_mask": np.ones((2, 5), np.float32)}
    logits = np.asarray(system.predict(variables, batch)["logits"]).mean(axis=1)
    scores = unit_scores(system, variables, [6, 2])(pictures.astype(np.float32))
    np.testing.assert_allclose(scores, [logits[0, 6], logits[1, 2]], atol=1e-5)


def test_the_analyses_of_a_run_show_every_layer_and_unit(run, tmp_path, monkeypatch):
    videos, system, variables = run
    monkeypatch.setattr(style, "DPI", 30)
    monkeypatch.setattr(maximise.maximise, "__defaults__", (3,))
    monkeypatch.setattr(analysis_module, "tsne", lambda points, seed: points[:, :2])  # a second each
    outputs = Predictor(system, videos, data_mesh(jax.devices()[:1])).predict(variables, "validation")
    analysis = system.analysis(system, variables, videos, "validation")
    sections = {section.heading: section for section in analysis.sections(tmp_path, outputs)}
    written = {path.stem for path in tmp_path.glob("*.png")}
    grids = {"tsne_random", "tsne_one_per_video", "tsne_more", "tsne_scatter"}
    assert written >= grids | {"predictions", "units", "saliency", "trace_0", "trace_1"}
    (purity,) = sections["Features of each layer"].tables
    layers = [
        "trunk",
        "recurrent layer",
        "last hidden layer, category",
        "last hidden layer, valence and arousal",
    ]
    assert [row[0] for row in purity.rows[::2]] == layers
    (reached,) = sections["What the units of the categories answer to"].tables
    assert [row[0] for row in reached.rows] == list(system.labels.classes)
    (agreement,) = sections["Do categories and values agree?"].tables
    assert dict(agreement.rows)["annotated"] > 0.9
    columns, frames = videos.columns("validation"), system.measure.complete(outputs, None)
    rows = analysis.one_a_video(frames)
    assert len(rows) == 1 and len(analysis.sample(frames)) == 64 == len(set(analysis.sample(frames)))
    np.testing.assert_array_equal(frames["valence"][rows], columns["valence"][frames["index"][rows]])


def test_the_features_of_the_trunk_are_those_of_the_records_asked_for(run):
    videos, system, variables = run
    analysis = system.analysis(system, variables, videos, "validation")
    few, one = analysis.trunk(np.array([50, 3])), analysis.trunk(np.array([3]))
    np.testing.assert_allclose(few[1], one[0], rtol=1e-4, atol=1e-5)
    assert np.abs(few[0] - few[1]).max() > 1e-3


def test_purity_is_told_beside_chance():
    labels = np.repeat(np.arange(3), 20)
    table = purity_table({"layer": labels[:, None].astype(float)}, {"category": labels, "person": labels % 2})
    rows = {row[1]: row[2:] for row in table.rows}
    assert rows["category"] == (1.0, pytest.approx(19 / 59)) and rows["person"][1] > 0.4


def test_what_each_category_gains_is_held_against_how_widely_it_is_spread(tmp_path, monkeypatch):
    monkeypatch.setattr(style, "DPI", 30)
    recalls = {
        "category": [np.array([0.1, 0.3]), np.array([0.3, 0.5])],
        "both": [np.array([0.6, 0.4])],
    }
    section = comparison.gain_section(tmp_path, recalls, np.array([1.0, 5.0]), ("happy", "neutral"), "test")
    (table,) = section.tables
    assert [row[-1] for row in table.rows] == pytest.approx([0.4, 0.0])
    assert "2 runs of the category alone, 1 of both" in section.text and "-1.00" in section.text
    assert np.isnan(comparison.correlation(np.ones(3), np.arange(3)))


def test_only_networks_that_differ_in_their_outputs_alone_are_compared():
    def restored(name):
        return types.SimpleNamespace(config=load_config_file(f"configs/affwild_lstm.py:{name}"))

    one, other = restored("cat_vgg19_fc1"), restored("comb_vgg19_fc1")
    comparison.require_comparable({"a": one, "b": other})
    with pytest.raises(ConfigError, match=r"a has config.model.head_units \(\), b \(128,\)"):
        comparison.require_comparable({"a": one, "b": restored("comb_vgg19_fc2")})
    with pytest.raises(ConfigError, match="give runs of the category alone and of both"):
        comparison.require_comparable({"a": one, "b": one})
