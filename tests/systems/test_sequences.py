"""Systems of expressions in videos: what they read and predict, their sizes, and what is refused."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import oulu_casia, sasefe
from emojax import systems
from emojax.data.dataset import load_dataset
from emojax.data.loader import Batches, Order
from emojax.engine.loop import train
from emojax.engine.mesh import data_mesh, put_batch
from emojax.engine.restore import read_variables
from emojax.engine.step import make_train_step
from emojax.errors import ConfigError, DataError
from emojax.figures import draw_data
from emojax.systems.sequences.cache import write_features
from emojax.systems.sequences.initial import FrameReader, start_from
from tests.systems.conftest import SIZE

CONFIGS = {name: module.get_config for module in (sasefe, oulu_casia) for name in module.VARIANTS}
# Parameters of image_sequences spec 2: trunk 14,714,688, and its table of heads.
_TRUNK = 14_714_688
# All parameters, and those that are trained (image_sequences spec 2): tables of heads, C3D and recurrent layers.
_CNN_12, _FC7 = 33_646_412, _TRUNK + 18_882_560
PARAMETERS = {
    "sase6_cnn_face_unfrozen_flat": (_TRUNK + 150_534, _TRUNK + 150_534),
    "sase6_cnn_face_first_fc3": (_TRUNK + 119_570_438, _TRUNK - 260_160 + 119_570_438),
    "sase6_cnn_face_frozen_fc3": (_TRUNK + 119_570_438, 119_570_438),
    "sase6_cnn_face_frozen_gap_fc3": (33_621_830, 18_907_142),
    "sase6_cnn_face_frozen_gmp_fc3": (33_621_830, 18_907_142),
    "sase6_cnn_face_frozen_flat": (_TRUNK + 150_534, 150_534),
    "sase6_cnn_face_frozen_gap": (_TRUNK + 3_078, 3_078),
    "sase6_cnn_face_frozen_gmp": (_TRUNK + 3_078, 3_078),
    "sase6_cnn_frontal_soft": (33_621_830, 18_907_142),
    "sase6_cnn_frontal": (33_621_830, 18_907_142),
    "sase6_two_stream": (2 * _TRUNK + 21_004_294, 21_004_294),
    "sase12_cnn_face": (_CNN_12, 18_931_724),
    "sase12_cnn_frontal": (_CNN_12, 18_931_724),
    "sase12_two_stream": (2 * _TRUNK + 21_028_876, 21_028_876),
    "sase12_cnn_geometry": (_CNN_12 + 32 * 4096, 18_931_724 + 32 * 4096),
    "sase12_c3d": (78_044_940, 78_044_940),
    "sase12_lstm_features": (_FC7 + 380_416 + 129 * 12, 380_416 + 129 * 12),
    "sase12_lstm_image": (_FC7 + 2_426_368 + 129 * 12, 18_882_560 + 2_426_368 + 129 * 12),
    "sase12_gru_features": (_FC7 + 285_312 + 129 * 12, 285_312 + 129 * 12),
    "sase12_gru_image": (_FC7 + 1_819_776 + 129 * 12, 18_882_560 + 1_819_776 + 129 * 12),
    "oulu6_cnn_face": (33_621_830, 18_907_142),
    "oulu6_cnn_frontal": (33_621_830, 18_907_142),
    "oulu6_two_stream": (2 * _TRUNK + 21_004_294, 21_004_294),
    "oulu6_cnn_geometry": (_TRUNK + 19_038_214, 19_038_214),
    "oulu6_c3d": (78_020_358, 78_020_358),
    "oulu6_lstm_features": (_FC7 + 380_416 + 129 * 6, 380_416 + 129 * 6),
    "oulu6_lstm_image": (_FC7 + 2_426_368 + 129 * 6, 18_882_560 + 2_426_368 + 129 * 6),
    "oulu6_gru_features": (_FC7 + 285_312 + 129 * 6, 285_312 + 129 * 6),
    "oulu6_gru_image": (_FC7 + 1_819_776 + 129 * 6, 18_882_560 + 1_819_776 + 129 * 6),
}


def full_size(name):
    config = CONFIGS[name](name)
    return systems.build(config, systems.stand_in(config))


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_of_the_29_systems_has_and_trains_the_parameters_of_the_specification(name):
    system = full_size(name)
    shapes = jax.tree_util.tree_leaves_with_path(jax.eval_shape(system.init, jax.random.key(0))["params"])
    trained = [x.size for path, x in shapes if not system.is_frozen(tuple(key.key for key in path))]
    assert (sum(x.size for _, x in shapes), sum(trained)) == PARAMETERS[name]


def test_the_29_systems_are_those_of_the_tables_and_the_others_have_no_number():
    numbered = {n for m in (sasefe, oulu_casia) for n, v in m.VARIANTS.items() if v.published}
    assert numbered == PARAMETERS.keys() and len(PARAMETERS) == 29


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"task": "sase7"}, "config.task"),
        ({"model.head": "gap4"}, "model.head"),
        ({"model.streams": "face,face"}, "each once"),
        ({"model.streams": ""}, "names no stream"),
        ({"model.streams": "profile"}, "name some of face, frontal"),
        ({"model.net": "c3d", "model.streams": "face,frontal"}, "one stream"),
        ({"model.geometry": True, "model.head": "gmp"}, "must end in fc3"),
        ({"image_size": 112}, "image_size is 112"),
        ({"monitor": "ers"}, "does not measure"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_starts(changes, message):
    config = CONFIGS["sase12_cnn_face"]("sase12_cnn_face")
    recipe = systems.stand_in(config)
    config.update_from_flattened_dict(changes)
    with pytest.raises(ConfigError, match=message):
        systems.build(config, recipe)


def test_data_whose_faces_were_cut_in_another_way_are_refused():
    system = full_size("sase12_cnn_face")
    other = dataclasses.replace(system.recipe, build={"views": {"align": "similarity", "margin": 1.5}})
    system.require_data(system.recipe)
    with pytest.raises(DataError, match="--margin 1.5, not 1.3; --align similarity, not none"):
        system.require_data(other)


def test_six_emotions_are_the_twelve_classes_taken_together():
    six, twelve = full_size("sase6_cnn_face_frozen_gmp"), full_size("sase12_cnn_face")
    batch = {"label": np.array([0, 5, 6, 11])}
    assert six.truth(batch)["class"].tolist() == [0, 5, 0, 5]
    assert twelve.truth(batch)["class"].tolist() == [0, 5, 6, 11]
    assert six.data_labels == twelve.data_labels == twelve.labels


@pytest.fixture(scope="module")
def dataset(expression_videos):
    return expression_videos


def test_the_figures_of_the_data_show_a_face_of_each_class_and_its_views(dataset, tmp_path):
    sections = draw_data(tmp_path, dataset, 0)
    assert [len(section.pictures) for section in sections] == [1, 2]
    assert {path.name for path in tmp_path.iterdir()} == {"classes.png", "faces.png", "views.png"}


def small(name, dataset, **changes):
    config = CONFIGS[name](f"{name}@demo")
    few = {
        "image_size": SIZE,
        "batch_size": 4,
        "eval_batch_size": 8,
        "data_dir": dataset.path,
        "model.clip_size": SIZE,
    }
    few |= {
        "model.fc_units": 16,
        "model.rnn_units": 8,
        "model.pca": 4,
        "num_steps": 2,
        "optimizer.warmup_epochs": 0.0,
    }
    config.update_from_flattened_dict(few)
    config.update_from_flattened_dict({key.replace("__", "."): value for key, value in changes.items()})
    return config


@pytest.mark.parametrize("name", sasefe.VARIANTS)
def test_every_system_of_sase_fe_can_be_trained_and_predicts_its_classes_at_the_small_size(dataset, name):
    """Traced, not computed: shapes and types of a whole training step and of a prediction."""
    system = systems.build(small(name, dataset, init_from__cnn="random"), dataset.recipe)
    batch = next(Batches(dataset, "train", system.inputs, Order(4, train=True)))
    variables = jax.eval_shape(system.init, jax.random.key(0))
    program = system.program(2)
    step = make_train_step(program, data_mesh(jax.devices()[:1]), 0)
    state = jax.eval_shape(program.init, variables)
    after, logs = jax.eval_shape(step, state, batch)
    assert "loss" in logs.names and jax.tree.structure(after) == jax.tree.structure(state)
    predicted = jax.eval_shape(system.predict, variables, batch)
    assert predicted["probabilities"].shape == (4, len(system.labels.classes))


@pytest.mark.parametrize(
    "name, changes, layers",
    [
        ("sase12_two_stream", {"model.shared_trunk": True}, {"frames/shared"}),
        (
            "sase12_cnn_geometry",
            {"model.branch_norm": True, "model.geometry_gain": 2.0, "augment": "light"},
            {"frames/norm_geometry", "frames/norm_trunk_frontal"},
        ),
        ("sase12_lstm_image", {"model.rnn_dense": 5, "model.dilation": 2, "augment": "light"}, {"dense"}),
    ],
)
def test_options_of_the_networks_are_there_and_train(dataset, name, changes, layers):
    config = small(name, dataset, init_from__cnn="random")
    config.update_from_flattened_dict(changes)
    system = systems.build(config, dataset.recipe)
    batch = next(Batches(dataset, "train", system.inputs, Order(4, train=True)))
    variables = jax.eval_shape(system.init, jax.random.key(0))
    program = system.program(2)
    after, _ = jax.eval_shape(
        make_train_step(program, data_mesh(jax.devices()[:1]), 0),
        jax.eval_shape(program.init, variables),
        batch,
    )
    flat = {"/".join(k.key for k in path) for path, _ in jax.tree_util.tree_leaves_with_path(after.params)}
    assert all(any(leaf.startswith(f"{layer}/") for leaf in flat) for layer in layers)
    trained = [p for p in flat if p.startswith(tuple(layers)) and not system.is_frozen(tuple(p.split("/")))]
    assert trained


@pytest.mark.parametrize("name", ["sase12_gru_features"])
def test_a_step_changes_what_is_trained_and_nothing_else(dataset, name):
    config = small(name, dataset, init_from__cnn="random")
    system, mesh = systems.build(config, dataset.recipe), data_mesh(jax.devices()[:1])
    before = system.initial_variables(jax.random.key(0))
    program = system.program(2)
    step = make_train_step(program, mesh, 0)
    batch = next(Batches(dataset, "train", system.inputs, Order(4, train=True)))
    state, logs = step(program.init(jax.tree.map(jnp.copy, before)), put_batch(batch, mesh))
    assert np.isfinite(logs["loss"])
    moved = {True: 0, False: 0}
    for (path, was), now in zip(
        jax.tree_util.tree_leaves_with_path(before["params"]), jax.tree.leaves(state.params), strict=True
    ):
        frozen = system.is_frozen(tuple(key.key for key in path))
        moved[frozen] += not np.array_equal(was, now)
    assert moved[False] > 0 == moved[True]
    outputs = jax.jit(system.predict)(state.variables, batch)
    np.testing.assert_allclose(outputs["probabilities"].sum(axis=1), 1, atol=1e-5)


def test_recurrent_layers_read_the_named_cnn_and_components_of_the_training_frames_alone(dataset, tmp_path):
    cnn = small("sase12_cnn_frontal", dataset)
    train(cnn, systems.build(cnn, dataset.recipe), dataset, tmp_path / "cnn", progress=False)
    config = small("sase12_lstm_features", dataset, init_from__cnn=str(tmp_path / "cnn"))
    system = systems.build(config, dataset.recipe)
    train(config, system, dataset, tmp_path / "lstm", progress=False)
    ours, theirs = (read_variables(tmp_path / name).variables for name in ("lstm", "cnn"))
    for collection in ("params", "batch_stats"):
        jax.tree.map(np.testing.assert_array_equal, ours[collection]["frames"], theirs[collection]["frames"])
    reader = FrameReader(system)
    batch = next(Batches(dataset, "train", reader.inputs, Order(dataset.splits["train"].num_records)))
    features = np.asarray(reader.predict(ours, batch)["features"], np.float64)
    constants = ours["constants"]
    np.testing.assert_allclose(constants["pca_mean"], features.mean(axis=0), atol=1e-4)
    projected = (features - features.mean(axis=0)) @ np.asarray(constants["pca_components"], np.float64).T
    covariance = projected.T @ projected / len(features)
    largest = np.linalg.eigvalsh(np.cov(features.T, bias=True))[::-1][:4]
    np.testing.assert_allclose(covariance, np.diag(largest), atol=1e-3 * largest[0])
    assert any("4 principal components explain" in note for note in system.notes)
    np.testing.assert_allclose(constants["pca_spectrum"].sum(), 1, rtol=1e-5)
    np.testing.assert_allclose(
        constants["pca_spectrum"][:4], largest / np.trace(np.cov(features.T, bias=True)), rtol=1e-3
    )


@pytest.mark.parametrize("name", ["sase12_cnn_geometry", "sase12_gru_features"])
def test_stored_features_give_the_outputs_of_the_frozen_network(dataset, tmp_path, name):
    frozen = {"optimizer__factors__first": 0.0, "optimizer__factors__trunk": 0.0}
    config = small(name, dataset, init_from__cnn="random", **frozen)
    outputs = [first_outputs(config, dataset)]
    config.model.cached = write_features(config, dataset, tmp_path / "data")
    config.data_dir, stored = str(tmp_path / "data"), load_dataset(tmp_path / "data")
    outputs.append(first_outputs(config, stored))
    np.testing.assert_allclose(*outputs, atol=1e-5)
    config.model.head = "gap_fc3"
    with pytest.raises(ConfigError, match="features of a network with head"):
        systems.build(config, stored.recipe)


def first_outputs(config, dataset):
    """Probabilities of the first examples, as a run begins."""
    system = systems.build(config, dataset.recipe)
    batch = next(Batches(dataset, "validation", system.inputs, Order(8)))
    return jax.jit(system.predict)(system.initial_variables(jax.random.key(0)), batch)["probabilities"]


@pytest.mark.parametrize("changes", [{"model.cached": 64}, {"model.cached": 64, "model.net": "c3d"}])
def test_stored_features_that_are_not_there_are_told(changes):
    config = CONFIGS["sase12_cnn_face"]("sase12_cnn_face")
    recipe = systems.stand_in(config)
    config.update_from_flattened_dict(changes)
    with pytest.raises(ConfigError, match="python -m emojax.cache"):
        systems.build(config, recipe)


def test_a_trunk_that_is_trained_cannot_be_stored(dataset, tmp_path):
    with pytest.raises(ConfigError, match="out of date"):
        write_features(small("sase12_cnn_face", dataset), dataset, tmp_path / "out")


def test_a_frozen_trunk_leaves_training_to_the_modules_around_it():
    """Else dropout of the dense layers, which are in one module with the trunk, would be off."""
    system = full_size("sase12_cnn_face")
    frozen = {path: system.is_frozen(path) for path in (("frames",), ("frames", "face"), ("frames", "head"))}
    assert frozen == {("frames",): False, ("frames", "face"): True, ("frames", "head"): False}
    assert not full_size("sase12_c3d").is_frozen(("c3d",))


@pytest.mark.parametrize("given", ["", "nowhere"])
def test_recurrent_layers_without_their_cnn_say_which_command_trains_it(dataset, given):
    config = small("sase12_gru_image", dataset, init_from__cnn=given)
    with pytest.raises(ConfigError, match="configs/sasefe.py:sase12_cnn_frontal@demo --workdir runs/"):
        start_from(config, {})


def test_in_a_table_recurrent_layers_read_the_row_of_the_same_seed(tmp_path):
    from emojax.sweeps.plan import Options as TableOptions
    from emojax.sweeps.plan import plan as plan_table
    from emojax.sweeps.tables import find_table

    options = TableOptions(out=tmp_path, seeds=2, demo=True)
    tasks = {
        t.name: t for number in ("7.4", "7.5") for t in plan_table(find_table(f"sase/{number}"), options)
    }
    for seed in (0, 1):
        reads = tasks[f"sase12_lstm_features@demo seed {seed}"].config.init_from.cnn
        assert reads == str(tasks[f"sase12_cnn_frontal@demo seed {seed}"].workdir)


def test_a_video_is_the_class_that_most_frames_vote_for_and_a_tie_goes_to_the_larger_sum():
    from emojax.metrics.videos import bootstrap_interval, vote

    probabilities = np.array([[0.6, 0.4, 0], [0.6, 0.4, 0], [0, 0.9, 0.1], [0.9, 0.1, 0], [0.4, 0.0, 0.6]])
    videos, voted, mean = vote(probabilities, np.array([7, 7, 7, 9, 9]))
    assert videos.tolist() == [7, 9] and voted.tolist() == [0, 0] and mean.tolist() == [1, 0]
    low, high = bootstrap_interval(np.array([1, 1, 1, 0, 0, 0], bool), np.array([0, 0, 0, 1, 1, 1]))
    assert (low, high) == (0, 1)
    assert bootstrap_interval(np.ones(4, bool), np.arange(4)) == (1, 1)


def test_sums_of_probabilities_give_emotion_and_deception():
    measure = full_size("sase12_cnn_face").measure
    probabilities = np.zeros((2, 12))
    probabilities[0, [0, 6, 3]], probabilities[1, [1, 7]] = (0.3, 0.3, 0.4), (0.2, 0.8)
    outputs = {"probabilities": probabilities, "class": np.array([6, 1])}
    outputs |= {"video_number": np.array([0, 1]), "subject_number": np.array([0, 0])}
    metrics = measure.metrics(outputs)
    assert (
        metrics["accuracy"] == 0 and metrics["emotion_accuracy"] == 1 and metrics["deceptive_accuracy"] == 0
    )
    assert metrics["videos"] == 2 and metrics["subjects"] == 1 and metrics["chance"] == pytest.approx(1 / 12)


def test_a_fold_of_one_class_is_measured_too():
    measure = full_size("sase6_cnn_face_frozen_gmp").measure
    probabilities = np.eye(6)[[3, 3, 1, 3]]
    outputs = {"probabilities": probabilities, "class": np.full(4, 3)}
    outputs |= {"video_number": np.array([0, 0, 1, 1]), "subject_number": np.zeros(4, int)}
    metrics = measure.metrics(outputs)
    assert metrics["accuracy"] == 0.75 and metrics["majority"] == 1.0
    assert np.array(metrics["confusion_matrix"])[3].tolist() == [0, 1, 0, 3, 0, 0]
    assert all(np.isfinite(v) for v in metrics.values() if isinstance(v, float))
