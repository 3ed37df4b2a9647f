"""Reports of systems of expressions in videos: their figures, single videos, the layers of a network."""

from __future__ import annotations

import numpy as np
import pytest

from configs import sasefe
from emojax import systems
from emojax.data.decode import read_features
from emojax.errors import DataError
from emojax.report.components import components_figure
from emojax.systems.__main__ import count_parameters
from emojax.systems.layers import layer_lines, layers
from emojax.systems.sequences.videos import named_videos
from tests.systems.conftest import SIZE


def small(name, dataset):
    config = sasefe.get_config(f"{name}@demo")
    config.image_size, config.data_dir, config.model.pca = SIZE, dataset.path, 4
    return systems.build(config, dataset.recipe)


def invented(system, dataset, seed=0):
    """Outputs of a split, right half the time."""
    columns = dataset.columns("test")
    plan = system.inputs.selection(train=False).plan(columns.layout, False)
    records, rng = plan.table[:, 0], np.random.default_rng(seed)
    truth = columns["label"][records]
    probabilities = rng.dirichlet(np.ones(12), len(records)) + np.eye(12)[truth] * rng.integers(
        0, 2, (len(records), 1)
    )
    outputs = {"probabilities": probabilities, "class": truth, "index": np.arange(len(records))}
    return outputs | {n: columns.of_records(n)[records] for n in ("video_number", "subject_number")}


@pytest.mark.parametrize("name", ["sase12_cnn_geometry", "sase12_gru_features"])
def test_the_report_has_the_figures_of_its_units_and_of_principal_components(
    expression_videos, tmp_path, name
):
    dataset = expression_videos
    system = small(name, dataset)
    outputs = invented(system, dataset)
    results = {
        "metrics": system.measure.metrics(outputs),
        "split": {"records": 1, "content_hash": "0"},
        **dict.fromkeys(("system", "step", "protocol", "checkpoint", "date", "device"), "x"),
    }
    variables = {"constants": {"pca_spectrum": np.array([0.5, 0.25, 0.125, 0.125, 0, 0])}}
    variables = variables if name == "sase12_gru_features" else {}

    def read(records, names):
        return read_features(dataset, "test", names, np.asarray(records).tolist())

    system.report.write(tmp_path, variables, outputs, results, [], read)
    frames = {"votes.png", "positions.png", "errors.png", "geometry_components.png"}
    wanted = frames if name == "sase12_cnn_geometry" else {"components.png"}
    shared = {"index.html", "vote_gain.png", "confusion.png", "confusion_videos.png"}
    assert {path.name for path in tmp_path.iterdir()} == wanted | shared
    assert "classifier" in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize("name", ["sase12_cnn_frontal", "sase12_lstm_image"])
def test_a_named_video_is_shown_with_the_votes_of_its_frames_or_clips(expression_videos, tmp_path, name):
    dataset = expression_videos
    system = small(name, dataset)
    outputs, video = invented(system, dataset), dataset.columns("test").sequences["video"][3]
    (section,) = named_videos(tmp_path, system, outputs, dataset, "test", [video])
    units = int((outputs["video_number"] == dataset.columns("test").sequences["video_number"][3]).sum())
    assert f"of {units} " in section.pictures[0].caption and section.heading == video
    with pytest.raises(DataError, match="test split of .* has no video 'nobody/N2A', but "):
        named_videos(tmp_path, system, outputs, dataset, "test", ["nobody/N2A"])


@pytest.mark.parametrize("name", ["sase12_two_stream", "sase12_c3d", "sase12_gru_image"])
def test_the_layers_of_a_system_have_all_its_parameters(name):
    config = sasefe.get_config(name)
    found = layers(systems.build(config, systems.stand_in(config)))
    assert sum(layer.parameters for layer in found) == count_parameters(config)
    assert f"{count_parameters(config):,} parameters" in layer_lines(found)[-1]
    assert {layer.path: layer.trained for layer in found}.get("frames/frontal/conv1_1", False) is False


def test_the_layers_of_c3d_and_of_vgg_face_give_the_shapes_of_the_specification():
    def shapes(name):
        config = sasefe.get_config(name)
        return [layer.output for layer in layers(systems.build(config, systems.stand_in(config)))]

    sides = ((5, 112, 64), (5, 56, 128), *[(3, 28, 256)] * 2, *[(2, 14, 512)] * 2, *[(1, 7, 512)] * 2)
    wanted = [(1, t, s, s, d) for t, s, d in sides] + [(1, 4096), (1, 4096), (1, 12)]
    assert shapes("sase12_c3d") == wanted
    blocks = ((224, 64, 2), (112, 128, 2), (56, 256, 3), (28, 512, 3), (14, 512, 3))
    wanted = [(1, s, s, d) for s, d, count in blocks for _ in range(count)]
    assert shapes("sase12_cnn_frontal") == [*wanted, (1, 4096), (1, 4096), (1, 12)]


def test_the_curve_of_the_components_is_drawn_for_few_and_many(tmp_path):
    for kept, shares in ((1, np.ones(1)), (100, np.full(4096, 1 / 4096))):
        file = components_figure(tmp_path / f"{kept}.png", shares, kept, title="fc7")
        assert file.read_bytes().startswith(b"\x89PNG")
