"""What the systems of people in context promise: equal on all devices, frozen stays frozen, they learn."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax import systems
from emojax.data.dataset import Feature
from emojax.data.inputs import Inputs
from emojax.data.loader import Batches, Order
from emojax.engine.checkpoint import Checkpoints
from emojax.engine.evaluation import evaluate
from emojax.engine.loop import train
from emojax.engine.measure import random_batch
from emojax.engine.mesh import data_mesh, put_batch
from emojax.engine.restore import read_variables
from emojax.engine.run import Run
from emojax.engine.step import sample_keys
from emojax.errors import ConfigError, DataError
from emojax.labels import BOLD_LABELS
from emojax.systems.people.inputs import mask_boxes
from tests.systems.people_toy import PEOPLE, SIZE, TOLD_BY, make_config, make_dataset
from tests.systems.tiny import small_backbones

# Images with and without an attention branch, a vector network, given vectors, ML-GCN and the embedding loss.
EVERYTHING = {
    "model__streams": "body,context,pose,scenes",
    "model__attention": "context",
    "model__labels": "gcn",
    "model__embedding": True,
    "optimizer__learning_rate": 0.1,  # for the given scores, which are small beside pooled features
    "num_epochs": 28,
    "run__eval_every_epochs": 28,
}


@pytest.fixture(scope="module", autouse=True)
def backbones():
    with small_backbones():
        yield


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("people"))


def build(dataset, *args, **changes):
    return systems.build(make_config(dataset, *args, **changes), dataset.recipe)


def first_steps(dataset, devices, count=2, **changes):
    """State and logs after some steps on a number of devices."""
    config = make_config(dataset, **changes)
    run = Run(config, systems.build(config, dataset.recipe), dataset, data_mesh(jax.devices()[:devices]))
    state, batches = run.initial_state(), run.batches("train", train=True)
    logs = {}
    for _ in range(count):
        state, logs = run.train_step(state, put_batch(next(batches), run.mesh))
    batches.close()
    return jax.device_get(state), jax.device_get(logs)


def leaves(tree):
    return {jax.tree_util.keystr(p): np.asarray(x) for p, x in jax.tree_util.tree_leaves_with_path(tree)}


def test_eight_devices_equal_one_with_every_stream_branch_and_head(dataset):
    one, logs_one = first_steps(dataset, 1, **EVERYTHING)
    eight, logs_eight = first_steps(dataset, 8, **EVERYTHING)
    assert logs_one.keys() >= {"loss_categories", "loss_dimensions", "loss_attention", "loss_embedding"}
    for name, value in logs_one.items():
        np.testing.assert_allclose(logs_eight[name], value, rtol=2e-4, err_msg=name)
    a, b = leaves((one.params, one.model_state)), leaves((eight.params, eight.model_state))
    for name, value in a.items():
        np.testing.assert_allclose(b[name], value, rtol=2e-3, atol=2e-5, err_msg=name)


def test_dropout_of_the_baseline_does_not_depend_on_the_number_of_devices(dataset):
    changes = {"variant": "emotic_kosti_b_l2@demo", "model__streams": "scenes"}
    one, _ = first_steps(dataset, 1, count=1, **changes)
    four, _ = first_steps(dataset, 4, count=1, **changes)
    a, b = leaves(one.params["labels"]), leaves(four.params["labels"])
    for name, value in a.items():
        np.testing.assert_allclose(b[name], value, rtol=2e-3, atol=1e-6, err_msg=name)


def test_a_frozen_stream_and_the_scene_network_do_not_change_in_training(dataset):
    changes = {
        "model__streams": "context,face,scenes,attributes",
        "model__scene_source": "network",
        "optimizer__factors__face": 0.0,
        "optimizer__factors__context": 0.1,
        "optimizer__weight_decay": 0.1,
    }
    config = make_config(dataset, **changes)
    system = systems.build(config, dataset.recipe)
    assert "scene_scores" not in system.inputs.features
    run = Run(config, system, dataset, data_mesh(jax.devices()[:1]))
    state, batches = run.initial_state(), run.batches("train", train=True)
    before = jax.device_get(state)
    for _ in range(2):
        state, _ = run.train_step(state, put_batch(next(batches), run.mesh))
    batches.close()
    after = jax.device_get(state)
    for part in ("params", "model_state"):
        for name, value in leaves(getattr(before, part)).items():
            same = np.array_equal(leaves(getattr(after, part))[name], value)
            frozen = "'face'" in name or "'frozen'" in name
            assert same == frozen or (not frozen and not value.any() and same), name


def test_a_frozen_part_drops_nothing_out_and_keeps_its_statistics(dataset):
    """The one dropout there is, after the baseline's fusion layer, with a rate and without."""

    def step(factor, dropout):
        changes = {"variant": "emotic_kosti_b_l2@demo", "model__streams": "scenes"}
        changes |= {"optimizer__factors__heads": factor, "model__fusion_dropout": dropout}
        return first_steps(dataset, 1, **changes)

    (learned, kept_some), (_, kept_all) = step(1.0, 0.5), step(1.0, 0.0)
    assert kept_some["loss_categories"] != kept_all["loss_categories"]
    (frozen, kept_some), (_, kept_all) = step(0.0, 0.5), step(0.0, 0.0)
    assert kept_some["loss_categories"] == kept_all["loss_categories"]
    config = make_config(dataset, "emotic_kosti_b_l2@demo", model__streams="scenes")
    start = leaves(systems.build(config, dataset.recipe).initial_variables(jax.random.key(config.seed)))
    assert any("batch_stats" in name for name in start)
    for name, value in leaves({"params": frozen.params, **frozen.model_state}).items():
        np.testing.assert_array_equal(value, start[name], err_msg=name)
    moved = leaves({"params": learned.params, **learned.model_state})
    assert all((moved[name] != value).any() for name, value in start.items() if "batch_stats" in name)


def test_part_rates_scale_the_updates_of_their_part_alone(dataset):
    options = {"model__streams": "pose,scenes", "count": 1, "optimizer__warmup_epochs": 0.0}
    full, _ = first_steps(dataset, 1, **options)
    tenth, _ = first_steps(dataset, 1, optimizer__factors__pose=0.1, **options)
    start = build(dataset, model__streams="pose,scenes").initial_variables(jax.random.key(0))["params"]
    start, full, tenth = leaves(start), leaves(full.params), leaves(tenth.params)
    for name, value in start.items():
        factor = 0.1 if "'pose'" in name else 1.0
        np.testing.assert_allclose(
            tenth[name] - value, factor * (full[name] - value), atol=1e-6, err_msg=name
        )


def test_the_agent_is_black_and_nothing_else_changes():
    images = np.full((4, 8, 10, 3), 200, np.uint8)
    boxes = np.array([[2, 1, 5, 4], [-3, -3, 2, 2], [9, 7, 30, 30], [50, 50, 60, 60]], np.float32)
    masked = np.asarray(mask_boxes(images, boxes))
    assert masked.dtype == np.uint8
    for image, (x1, y1, x2, y2) in zip(masked, boxes.astype(int)):
        inside = np.zeros((8, 10), bool)
        inside[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)] = True
        assert (image[inside] == 0).all() and (image[~inside] == 200).all()


def test_what_the_network_sees_of_the_context_does_not_depend_on_the_agent(dataset):
    system = build(dataset, model__streams="context")
    batches = Batches(dataset, "train", system.inputs, Order(8), threads=0)
    batch = next(batches)
    batches.close()
    painted = dict(batch, context=batch["context"].copy())
    for image, (x1, y1, x2, y2) in zip(painted["context"], batch["body_box"].astype(int)):
        image[y1:y2, x1:x2] = np.random.default_rng(0).integers(0, 256, (y2 - y1, x2 - x1, 3))
    assert (painted["context"] != batch["context"]).any()
    np.testing.assert_array_equal(*(system.stream_inputs(b, {})["context"] for b in (batch, painted)))
    unmasked = build(dataset, model__streams="context", model__mask_context=False)
    assert "body_box" not in unmasked.inputs.features
    assert (
        unmasked.stream_inputs(painted, {})["context"] != unmasked.stream_inputs(batch, {})["context"]
    ).any()


def test_a_batch_holds_only_what_the_streams_use(dataset):
    inputs = {s: build(dataset, model__streams=s).inputs for s in ("body", "pose", "scenes")}
    assert inputs["body"] == Inputs(("body",), ("categories", "vad"))
    assert inputs["pose"] == Inputs(("pose",), ("categories", "vad"))
    assert inputs["scenes"] == Inputs(("scene_scores",), ("categories", "vad"))


def outcome(dataset, workdir, **changes):
    config = make_config(dataset, **changes)
    system = systems.build(config, dataset.recipe)
    mesh = data_mesh(jax.devices()[:1])
    return train(config, system, dataset, workdir, mesh=mesh, progress=False), system


def ap(result, label):
    return result.metrics["per_category"][label]["ap"]


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("trained")
    return outcome(dataset, workdir, **EVERYTHING), workdir


def test_training_finds_what_its_streams_tell_and_nothing_else(dataset, trained):
    (result, _), _ = trained
    for stream in ("body", "context", "pose", "scenes"):
        assert ap(result, TOLD_BY[stream]) > 0.9, stream
    for stream in ("face", "attributes"):
        assert ap(result, TOLD_BY[stream]) < 0.8, stream
    vad = Batches(dataset, "validation", Inputs((), ("vad",)), Order(48), threads=0)
    valence = next(vad)["vad"][:, 0]
    vad.close()
    assert result.metrics["aae_valence"] < 0.75 * np.abs(valence - np.mean(valence)).mean()


def test_emoticon_learns_through_its_multiplied_scores(dataset, tmp_path):
    changes = {
        "variant": "emotic_emoticon_gcn@demo",
        "model__attention": "",
        "optimizer__name": "adam",
        "optimizer__learning_rate": 5e-3,
    }
    result, system = outcome(dataset, tmp_path, num_epochs=16, run__eval_every_epochs=16, **changes)
    assert system.monitor == "map" and "aae" not in result.metrics
    for stream in ("context", "face", "pose"):
        assert ap(result, TOLD_BY[stream]) > 0.8, stream


def test_ml_gcn_head_learns(dataset, tmp_path):
    # Given scores are small beside pooled features and all labels share the GCN's weights: a large rate.
    changes = {
        "model__labels": "gcn",
        "model__streams": "scenes,attributes",
        "optimizer__learning_rate": 0.5,
        "num_epochs": 20,
        "run__eval_every_epochs": 20,
    }
    result, _ = outcome(dataset, tmp_path, **changes)
    assert min(ap(result, TOLD_BY[s]) for s in ("scenes", "attributes")) > 0.9


def test_a_stopped_run_goes_on_bit_for_bit_with_its_plateau(dataset, tmp_path):
    changes = {
        "model__streams": "scenes,attributes",
        "num_epochs": 4,
        "optimizer__schedule": "plateau",
        "optimizer__warmup_epochs": 0.0,
        "optimizer__plateau_patience": 0,
        "run__checkpoint_every_steps": 3,
        "optimizer__learning_rate": 30.0,  # too large even for small scores: the loss rises, the rate falls
    }
    whole, _ = outcome(dataset, tmp_path / "whole", **changes)
    for stop in (7, 0):
        parts, _ = outcome(dataset, tmp_path / "parts", run__stop_after_steps=stop, **changes)
    for name, value in leaves(whole.state).items():
        np.testing.assert_array_equal(leaves(parts.state)[name], value, err_msg=name)
    scales = [v for k, v in leaves(whole.state.opt_state).items() if "scale" in k]
    assert scales and scales[0] < 1
    assert whole.compilations == parts.compilations == 1  # nor does an evaluation compile the step anew


def test_the_best_checkpoint_has_the_largest_ratio_of_map_to_aae(dataset, tmp_path):
    result, system = outcome(dataset, tmp_path, model__streams="scenes", num_epochs=3)
    checkpoints = Checkpoints(tmp_path, system.monitor)
    best = checkpoints.read_metrics(result.best_step)
    checkpoints.close()
    assert best["map_over_aae"] == pytest.approx(best["map"] / best["aae"])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model__streams": "body,contxt"}, "did you mean 'context'"),
        ({"model__streams": " , "}, "model.streams is empty"),
        ({"monitor": "accuracy"}, "'accuracy', which this system does not measure"),
        ({"monitor": "aae"}, "a smaller aae is better: set --config.monitor_direction=smaller"),
        ({"monitor_direction": "bigger"}, "monitor_direction is 'bigger'; choose 'larger', 'smaller'"),
        ({"model__streams": "body,body"}, "body more than once"),
        ({"model__streams": "body,people"}, "emoticon"),
        ({"model__streams": "body,pose", "model__attention": "pose"}, "model.attention names 'pose'"),
        ({"model__streams": "body", "model__embedding": True}, "body and context"),
        ({"model__net": "emoticon", "model__streams": "body,context"}, "'face' and 'pose'"),
        ({"model__backbone": "densenet_tiny", "model__attention": "body"}, "needs a ResNet"),
        ({"model__labels": "mlgcn"}, "config.model.labels"),
        ({"model__labels": "gcn", "model__gcn__tau": 1.5}, "tau"),
        ({"optimizer__factors__body": -1.0}, "config.optimizer.factors.body"),
        ({"image_size": 64}, "prepared at 32 px"),
    ],
)
def test_an_impossible_config_is_refused_by_field(dataset, changes, told):
    with pytest.raises(ConfigError, match=told.replace(".", r"\.")):
        jax.eval_shape(build(dataset, **changes).init, jax.random.key(0))


def test_data_in_bold_order_is_refused(tmp_path):
    data = make_dataset(tmp_path, train=2, validation=2, test=2, labels=BOLD_LABELS)
    with pytest.raises(DataError, match="classes differ"):
        build(data)


def test_data_without_a_stream_is_refused_by_name(dataset):
    features = {k: v for k, v in dataset.features.items() if k != "scene_scores"}
    lacking = dataclasses.replace(dataset, features=features)
    with pytest.raises(DataError, match="'scene_scores'"):
        systems.build(make_config(dataset), lacking.recipe)


def test_scores_do_not_depend_on_the_people_left_out_of_the_graph(dataset):
    system = build(dataset, "emotic_emoticon_gcn@demo")
    variables = system.initial_variables(jax.random.key(0))
    rng = np.random.default_rng(0)
    batch = {
        name: np.zeros((2, *dataset.features[name].shape), np.float32) for name in system.inputs.features
    }
    batch["people_boxes"][:, :3] = rng.uniform(0.3, 0.6, (2, 3, 4))
    batch["people_boxes"][1] = batch["people_boxes"][0]
    batch["people_boxes"][1, 3] = (0, 0, 0, 0)
    first = np.asarray(system.predict(variables, batch)["logits"])
    np.testing.assert_array_equal(first[0], first[1])
    assert PEOPLE == 4 and first.shape == (2, 26)


def test_keys_of_samples_follow_the_global_row():
    mesh = data_mesh(jax.devices()[:2])
    keys = jax.shard_map(
        lambda position: jax.random.key_data(sample_keys(jax.random.key(0), position)),
        mesh=mesh,
        in_specs=jax.sharding.PartitionSpec("data"),
        out_specs=jax.sharding.PartitionSpec("data"),
    )(jnp.array([0, 2, 4, 1, 3, 5]))
    alone = jax.random.key_data(sample_keys(jax.random.key(0), jnp.arange(6)))
    np.testing.assert_array_equal(np.asarray(keys), alone[jnp.array([0, 2, 4, 1, 3, 5])])
    assert len(np.unique(alone, axis=0)) == 6


def test_zero_pictures_of_missing_faces_are_finite(dataset):
    system = build(dataset, model__streams="face,pose,depth")
    batch = {n: jnp.zeros((2, *dataset.features[n].shape), jnp.uint8) for n in ("face", "depth")}
    constants = {"constants": system.constants}
    inputs = system.stream_inputs({**batch, "pose": jnp.zeros((2, 141))}, constants)
    assert all(np.isfinite(x).all() for x in inputs.values())
    assert inputs["face"].shape == inputs["depth"].shape == (2, SIZE, SIZE, 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"model__streams": "body,context,face,pose,scenes,attributes,depth", "model__attention": "context"},
        {"variant": "emotic_emoticon_gcn@demo"},
    ],
)
def test_people_at_the_border_alone_in_a_crowd_or_without_face_and_pose_train(dataset, changes):
    """All in one batch; twenty people need more places than the toy records have."""
    crowd = {**dataset.features, "people_boxes": Feature("float", (32, 4))}
    dataset = dataclasses.replace(dataset, features=crowd)
    config = make_config(dataset, **changes)
    run = Run(config, systems.build(config, dataset.recipe), dataset, data_mesh(jax.devices()[:1]))
    batch = random_batch(run)
    batch["categories"] = (batch["categories"] > 0.5).astype(np.float32)
    batch["body_box"][:3] = [(0, 0, SIZE, SIZE), (SIZE - 1, 5, SIZE, SIZE), (0, 0, 1, 1)]
    for row, name in enumerate(("face", "pose", "scene_scores", "attribute_scores", "depth"), 3):
        if name in batch:
            batch[name][row] = 0
    if "people_boxes" in batch:
        rng = np.random.default_rng(0)
        for row, people in enumerate((1, 20, 32)):
            batch["people_boxes"][row] = 0
            batch["people_boxes"][row, :people] = rng.uniform(0.1, 0.9, (people, 4))
        batch["people_boxes"][3, :20] = (0.4, 0.4, 0.6, 0.9)  # all on one spot
    state = run.initial_state()
    for _ in range(2):
        state, logs = run.train_step(state, put_batch(batch, run.mesh))
        assert all(np.isfinite(value) for value in jax.device_get(logs).values()), logs
    for name, value in leaves((state.params, state.model_state)).items():
        assert np.isfinite(value).all(), name


def test_evaluation_of_the_test_split_takes_its_thresholds_from_the_validation_split(dataset, trained):
    (result, system), workdir = trained
    results = evaluate(workdir, read_variables(workdir), system, dataset, "test")
    assert results["split"]["records"] == 40 and results["protocol"].startswith("toy test")
    for name, values in results["metrics"]["per_category"].items():
        expected = result.metrics["per_category"][name]["threshold"]
        if expected is None:  # nobody in the validation split has this category
            assert values["threshold"] is None and name not in (*TOLD_BY.values(), "engagement")
        else:
            assert values["threshold"] == pytest.approx(expected, rel=1e-4), name
    page = (workdir / "report_test" / "index.html").read_text()
    for heading in ("Categories", "Valence, arousal, dominance", "Where the streams look", "People"):
        assert heading in page
    pictures = {path.stem for path in (workdir / "report_test").glob("*.png")}
    assert pictures >= {
        "average_precision",
        "class_activation",
        "attention",
        "label_gcn",
        "people",
        "jaccard",
    }
    header, *rows = (workdir / "predictions_test.csv").read_text().splitlines()
    assert header.startswith("record,source_id,true_affection,score_affection") and len(rows) == 40
