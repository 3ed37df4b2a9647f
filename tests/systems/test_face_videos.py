"""Aff-Wild systems: what a recurrent net learns, what an evaluation covers, on how many devices."""

from __future__ import annotations

import contextlib
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor

from emojax import systems
from emojax.cli import load_config_file
from emojax.data.dataset import load_dataset
from emojax.engine.inference import Predictor, make_batches
from emojax.engine.loop import train
from emojax.engine.mesh import DATA_AXIS, data_mesh
from emojax.errors import ConfigError, DataError
from emojax.metrics.valence_arousal import concordance_correlation_coefficient
from emojax.pretrained.architecture import CAFFE, IMAGENET
from emojax.pretrained.layouts import flatten
from emojax.systems.face_videos import inputs, network
from emojax.systems.face_videos.cache import write_features
from emojax.systems.face_videos.objective import va_loss
from tests.systems.face_video_toy import Trunk, film_columns, make_videos, toy_config

GRU, CNN = "configs/affwild.py:affwild_cnn_gru", "configs/affwild.py:affwild_cnnm_small"
LSTM = "configs/affwild_lstm.py:{}"


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return make_videos(tmp_path_factory.mktemp("videos"))


def fit(spec, videos, workdir, *, devices=1, **changes):
    config = toy_config(spec, videos, **changes)
    system = systems.build(config, videos.recipe)
    mesh = data_mesh(jax.devices()[:devices])
    return system, train(config, system, videos, workdir, mesh=mesh, progress=False)


@pytest.fixture(scope="module")
def recurrent(videos, tmp_path_factory):
    return fit(GRU, videos, tmp_path_factory.mktemp("gru"))


def test_a_recurrent_net_learns_what_only_the_past_explains_and_a_frame_wise_net_does_not(
    recurrent, videos, tmp_path
):
    _, with_memory = recurrent
    _, without = fit(CNN, videos, tmp_path)
    for result in (with_memory, without):
        assert result.metrics["ccc_valence"] > 0.9
    assert with_memory.metrics["ccc_arousal"] > 0.8
    assert without.metrics["ccc_arousal"] < 0.6


def test_in_the_synthetic_films_the_past_explains_the_arousal_and_a_single_frame_does_not(tmp_path):
    lengths = {"train": (240,) * 8, "validation": (180,) * 3}
    films = make_videos(tmp_path / "films", lengths, columns_of=film_columns)
    options = {"model__window": 60, "batch_size": 8, "num_epochs": 40, "eval_batch_size": 9}
    _, recurrent = fit(GRU, films, tmp_path / "gru", **options)
    train_split, tested = films.columns("train"), films.columns("validation")
    # What any frame-wise net could know: the mean arousal of the training frames that show the same.
    frame_wise = KNeighborsRegressor(50).fit(train_split["trunk"], train_split["arousal"])
    said = frame_wise.predict(tested["trunk"])
    best_of_frames = concordance_correlation_coefficient(said, tested["arousal"])
    print(f"arousal: GRU {recurrent.metrics['ccc_arousal']:.3f}, single frames {best_of_frames:.3f}")
    assert recurrent.metrics["ccc_arousal"] > 0.75 and best_of_frames < 0.5


@pytest.mark.parametrize("window", [1, 7, 45, 100])
def test_an_evaluation_covers_each_frame_once_whatever_the_window(videos, window):
    config = toy_config(GRU, videos, model__window=window, model__cell="gru" if window > 1 else "none")
    system = systems.build(config, videos.recipe)
    variables = system.initial_variables(jax.random.key(0))
    outputs = Predictor(system, videos, data_mesh(jax.devices()[:1])).predict(variables, "validation")
    frames = system.measure.complete(outputs, None)
    columns = videos.columns("validation")
    np.testing.assert_array_equal(frames["index"], np.arange(columns.num_records))
    np.testing.assert_array_equal(frames["arousal"], columns["arousal"])
    assert frames["dimensions"].shape == (columns.num_records, 2)
    assert all(len(values) == columns.num_records for values in system.measure.columns(frames).values())


def test_metrics_are_of_all_frames_and_of_each_video(recurrent, videos):
    system, result = recurrent
    outputs = Predictor(system, videos, data_mesh(jax.devices()[:1])).predict(
        result.state.variables, "validation"
    )
    frames = system.measure.complete(outputs, None)
    metrics = system.measure.metrics(outputs)
    assert metrics == system.measure.metrics(frames) == result.metrics
    predicted = frames["dimensions"][:, 1]
    assert metrics["ccc_arousal"] == pytest.approx(
        concordance_correlation_coefficient(predicted, frames["arousal"])
    )
    first = frames["sequence"] == 0
    assert metrics["per_video"]["0"]["frames"] == first.sum() == 45
    expected = concordance_correlation_coefficient(predicted[first], frames["arousal"][first])
    assert metrics["per_video"]["0"]["arousal"] == pytest.approx(expected)
    assert metrics["loss"] == pytest.approx(1 - metrics["ccc_mean"], abs=1e-5)
    assert metrics["constant_mse_arousal"] == pytest.approx(np.var(frames["arousal"]))


def test_windows_on_eight_devices_train_as_on_one_and_a_killed_run_goes_on_bit_for_bit(videos, tmp_path):
    options = {
        "num_epochs": 2,
        "run__eval_every_epochs": 1,
        "model__outputs": "both",
        "model__head_units": (8,),
    }
    _, one = fit(GRU, videos, tmp_path / "one", **options)
    _, eight = fit(GRU, videos, tmp_path / "eight", devices=8, **options)
    assert one.metrics["loss"] == pytest.approx(eight.metrics["loss"], rel=1e-4)
    assert not fit(GRU, videos, tmp_path / "parts", run__stop_after_steps=5, **options)[1].finished
    _, parts = fit(GRU, videos, tmp_path / "parts", **options)
    for a, b in zip(jax.tree.leaves(one.state), jax.tree.leaves(parts.state)):
        np.testing.assert_array_equal(a, b)


def test_padded_frames_change_neither_the_loss_nor_its_gradient(videos):
    options = toy_config(GRU, videos).objective
    rng = np.random.default_rng(0)
    predicted, truth = (jnp.asarray(rng.uniform(-1, 1, (2, 9, 2)), jnp.float32) for _ in range(2))
    mask = jnp.array([[1] * 9, [1] * 5 + [0] * 4], jnp.float32)
    spoilt = truth.at[1, 5:].set(jnp.nan)
    for scope in ("batch", "sequence"):
        options.ccc_scope = scope
        grad = jax.jit(jax.grad(lambda p: va_loss(p, spoilt, mask, options)))(predicted)
        assert not np.asarray(grad[1, 5:]).any() and np.isfinite(grad).all()
    options.ccc_scope = "batch"
    kept = np.asarray(mask, bool)
    expected = [
        concordance_correlation_coefficient(np.asarray(predicted)[kept][:, i], np.asarray(truth)[kept][:, i])
        for i in range(2)
    ]
    assert float(va_loss(predicted, spoilt, mask, options)) == pytest.approx(1 - np.mean(expected), abs=1e-6)


@pytest.mark.parametrize(
    ("spec", "size", "count"),
    [
        # affwild_gan spec 2.1 and 2.2
        ("affwild_cnnm_small", 96, 25_419_074),
        ("affwild_cnnm_small", 64, 14_933_314),
        ("affwild_vggface", 96, 61_122_044),
        ("affwild_vggface", 224, 145_008_124),
    ],
)
def test_parameters_are_those_of_the_specification(spec, size, count):
    config = load_config_file(f"configs/affwild.py:{spec}")
    config.image_size = size
    system = systems.build(config, systems.stand_in(config))
    shapes = jax.eval_shape(system.init, jax.random.key(0))
    assert sum(x.size for x in jax.tree.leaves(shapes["params"])) == count


@pytest.mark.parametrize(
    ("name", "count"),
    [  # affwild_cnn_rnn spec 2.7: without the frozen trunk
        ("cat_vgg16_fc1", 1_115_527),
        ("cat_vgg16_fc2", 1_123_335),
        ("va_vgg19_fc2", 1_131_394),
        ("comb_vgg19_fc1", 1_115_785),
        ("comb_vgg16_fc3", 1_181_833),
        ("comb_xcep_fc2", 9_537_417),
        ("comb_xcep_fc3", 9_570_441),
        ("cat_vgg16_fc2_gap", 1_123_335 - 4 * 128 * (2048 - 512)),
    ],
)
def test_what_is_trained_beside_a_frozen_trunk_has_the_parameters_of_the_specification(name, count):
    config = load_config_file(f"configs/affwild_lstm.py:{name}")
    system = systems.build(config, systems.stand_in(config))
    params = jax.eval_shape(system.init, jax.random.key(0))["params"]
    assert (
        sum(x.size for part, tree in params.items() if part != "trunk" for x in jax.tree.leaves(tree))
        == count
    )
    assert system.is_frozen(("trunk", "conv1_1", "kernel")) and not system.is_frozen(("rnn1",))


def test_stored_features_of_a_frozen_trunk_give_the_numbers_of_the_trunk_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(network, "create_backbone", lambda *_, **__: Trunk())
    lengths = {"train": (14,) * 4, "validation": (9, 17)}
    videos = make_videos(tmp_path / "videos", lengths, pixels=16)
    options = {
        "image_size": 16,
        "optimizer__factors__trunk": 0.0,
        "batch_size": 3,
        "num_epochs": 2,
        "model__window": 7,
    }
    options |= {"model__pool": "avg", "run__eval_every_epochs": 2}
    system, whole = fit(GRU, videos, tmp_path / "whole", model__cached=0, **options)
    # Frozen: neither its weights nor the statistics of its batch norms moved.
    fresh, trained = system.initial_variables(jax.random.key(0)), whole.state.variables
    for collection in ("params", "batch_stats"):
        before, after = (jax.tree.leaves(v[collection]["trunk"]) for v in (fresh, trained))
        assert before and all(np.array_equal(a, b) for a, b in zip(before, after))
    config = toy_config(GRU, videos, model__cached=0, **options)
    width = write_features(config, videos, tmp_path / "stored")
    stored = load_dataset(tmp_path / "stored")
    assert stored.columns("train")["trunk"].shape == (56, width)
    _, quick = fit(GRU, stored, tmp_path / "quick", model__cached=width, **options)
    for name in ("loss", "ccc_valence", "ccc_arousal"):
        assert quick.metrics[name] == pytest.approx(whole.metrics[name], abs=2e-4)
    with pytest.raises(ConfigError, match="pool 'avg'"):
        fit(GRU, stored, tmp_path / "other", model__cached=width, **{**options, "model__pool": "flatten"})
    with pytest.raises(ConfigError, match="trains its trunk"):
        write_features(toy_config(GRU, videos, model__cached=0, image_size=16), videos, tmp_path / "no")


def test_a_frozen_trunk_reads_the_statistics_of_the_batch_in_training_alone_where_the_config_says_so(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(network, "create_backbone", lambda *_, **__: Trunk())
    videos = make_videos(tmp_path, {"train": (40, 39), "validation": (7,)}, pixels=8)
    options = {"model__cached": 0, "model__pool": "avg", "model__cell": "none", "model__window": 1}
    frozen = {"optimizer__factors__trunk": 0.0, "batch_size": 79, **options}
    stored = systems.build(toy_config(CNN, videos, **frozen), videos.recipe)
    with contextlib.closing(make_batches(stored, videos, "train", data_mesh(), train=True)) as batches:
        batch = next(iter(batches))

    def loss(mode, shift):
        system = systems.build(toy_config(CNN, videos, model__bn_mode=mode, **frozen), videos.recipe)
        variables = system.init(jax.random.key(0))
        params, state = (
            variables["params"],
            {"batch_stats": jax.tree.map(lambda x: x + shift, variables["batch_stats"])},
        )

        def of(rows):
            return system.loss(params, state, rows, jax.random.key(1))

        value, (new, _) = jax.jit(jax.vmap(of, axis_name=DATA_AXIS))(jax.tree.map(lambda x: x[None], batch))
        for mine, stored in zip(jax.tree.leaves(new), jax.tree.leaves(state), strict=True):
            np.testing.assert_array_equal(mine[0], stored)  # evaluations go on reading the stored ones
        return float(value[0])

    assert loss("batch", 0.0) == loss("batch", 2.0)
    assert len({loss("stored", 0.0), loss("stored", 2.0), loss("batch", 0.0)}) == 3
    with pytest.raises(ConfigError, match="bn_mode is batch, which is about"):
        systems.build(toy_config(CNN, videos, model__bn_mode="batch", **options), videos.recipe)


def test_the_trivial_baselines_answer_the_commonest_category_and_the_mean_values(videos, tmp_path):
    true = {split: videos.columns(split) for split in ("train", "validation")}
    _, majority = fit(LSTM.format("base_majority"), videos, tmp_path / "majority")
    commonest = np.bincount(true["train"]["label"]).argmax()
    assert majority.metrics["accuracy"] == pytest.approx(np.mean(true["validation"]["label"] == commonest))
    _, mean = fit(LSTM.format("base_mean_va"), videos, tmp_path / "mean")
    for name in inputs.VALUES:
        error = np.mean((true["validation"][name] - true["train"][name].mean()) ** 2)
        assert mean.metrics[f"mse_{name}"] == pytest.approx(error, rel=1e-5)
        assert mean.metrics[f"ccc_{name}"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("cat_xcep_fc2_t80", {"model.window": 80}),
        ("va_vgg16_fc1_caffe", {"model.input_coding": "caffe"}),
        ("comb_xcep_fc3_bn", {"model.bn_mode": "batch"}),
        ("comb_vgg16_fc1_cw", {"objective.class_weights": "inverse"}),
        ("va_xcep_fc2_gap", {"model.pool": "avg"}),
        ("cat_vgg19_fc1_lr1e-4", {"optimizer.learning_rate": 1e-4}),
    ],
)
def test_a_control_differs_from_its_system_in_one_field(name, changes):
    system, control = (
        flatten(load_config_file(LSTM.format(n)).to_dict()) for n in (name.rpartition("_")[0], name)
    )
    differing = {field.replace("/", "."): v for field, v in control.items() if v != system[field]}
    assert differing == {**changes, "name": name}


def test_the_native_input_coding_is_that_of_the_file_of_weights_and_is_saved_with_them(videos, monkeypatch):
    said = {"input": dataclasses.asdict(CAFFE)}
    monkeypatch.setattr(
        inputs, "load_backbone", lambda path: ({}, said) if path == "vgg.safetensors" else None
    )
    options = {"model__cached": 0, "model__pool": "avg", "init_from": "vgg.safetensors"}
    native = systems.build(toy_config(CNN, videos, model__input_coding="native", **options), videos.recipe)
    constants = {"constants": native.constants}
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    caffe = toy_config(CNN, videos, model__input_coding="caffe", **options)
    np.testing.assert_allclose(
        inputs.coded(pixels, native.config, constants), inputs.coded(pixels, caffe, {}), atol=1e-4
    )
    variables = jax.eval_shape(native.init, jax.random.key(0))
    assert variables["constants"]["native"]["mean"].shape == (3,)
    said["input"] = dataclasses.asdict(IMAGENET)
    fresh = {"constants": {"native": inputs.native_coding("vgg.safetensors")}}
    imagenet = toy_config(CNN, videos, model__input_coding="imagenet", **options)
    np.testing.assert_allclose(
        inputs.coded(pixels, native.config, fresh), inputs.coded(pixels, imagenet, {}), atol=1e-5
    )
    with pytest.raises(ConfigError, match="names no file"):
        systems.build(toy_config(CNN, videos, model__cached=0, model__input_coding="native"), videos.recipe)


def test_what_does_not_go_together_is_one_line(videos):
    with pytest.raises(ConfigError, match="A recurrent network reads windows"):
        systems.build(toy_config(CNN, videos, model__cell="lstm"), videos.recipe)
    with pytest.raises(ConfigError, match="config.model.fc_units is"):
        systems.build(toy_config(CNN, videos, model__fc_units=(0,)), videos.recipe)
    with pytest.raises(ConfigError, match="accuracy"):
        systems.build(toy_config(CNN, videos, monitor="accuracy"), videos.recipe)
    with pytest.raises(DataError, match="Aff-Wild2|classes differ"):
        other = systems.stand_in(load_config_file("configs/affwild2.py:aw2_single"))
        systems.build(toy_config(CNN, videos), other)
