"""BoLD's systems: what they read, what they predict, and that they train on drawn clips."""

from __future__ import annotations

import dataclasses
import importlib
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import bold_ensembles
from configs.bold import VARIANTS, get_config
from data_prep.bold.people import Options
from data_prep.bold.prepare import prepare
from data_prep.synthetic.bold.generate import Settings, generate
from emojax import combine, systems
from emojax.data.columns import Layout
from emojax.data.decode import read_features
from emojax.data.loader import Batches, Order
from emojax.data.recipe import Feature
from emojax.engine.loop import train
from emojax.engine.mesh import data_mesh, put_batch
from emojax.engine.outputs import Outputs, identities, make_meta, read_outputs, write_outputs
from emojax.engine.restored import Restored
from emojax.engine.run import Run
from emojax.engine.step import make_train_step
from emojax.engine.workdir import as_json
from emojax.errors import CheckpointError, ConfigError, DataError
from emojax.graphs.partitions import partition_matrices
from emojax.graphs.skeletons import BODY_18
from emojax.labels import BOLD_LABELS, EMOTIC_LABELS
from emojax.pretrained.convert import abstract_shapes, export_weights, import_weights
from emojax.pretrained.native import Weights, save_weights, write_safetensors
from emojax.report import style
from emojax.report.bodies import bone_importance, flow_picture
from emojax.systems.bodies.comparison import compare
from emojax.systems.bodies.inputs import inputs_of, skeleton, snippets, strip
from emojax.systems.bodies.measure import predicted_sets
from emojax.systems.bodies.weights import load_trunk
from tests.systems.tiny import small_backbones

SIZE = 32


@pytest.fixture(scope="module", autouse=True)
def backbones():
    with small_backbones():
        yield


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bold")
    settings = Settings(6, 3, 2, shortest=4, longest=12, size=(96, 72))
    generate(folder / "raw", settings, workers=1)
    return prepare(folder / "raw", folder / "data", Options(SIZE, "raw"), workers=1)[0]


def config_of(name, **changes):
    config = get_config(f"{name}@demo")
    config.update_from_flattened_dict({"image_size": SIZE, "batch_size": 4, "eval_batch_size": 4})
    config.update_from_flattened_dict({key.replace("__", "."): value for key, value in changes.items()})
    return config


@pytest.mark.parametrize(
    "name", ["bold_rgb_bcf", "bold_diff_bcf_emb", "bold_stgcn_spatial", "bold_lma_raw_conv1d"]
)
def test_a_batch_of_clips_has_a_finite_loss_and_predictions_in_range(dataset, name):
    system = systems.build(config_of(name), dataset.recipe)
    batch = next(Batches(dataset, "validation", system.inputs, Order(4)))
    variables = jax.jit(system.init)(jax.random.key(0))
    outputs = jax.jit(system.predict)(variables, batch)
    assert outputs["logits"].shape == (4, 26) and np.isfinite(outputs["logits"]).all()
    assert ((outputs["dimensions"] > 0) & (outputs["dimensions"] < 1)).all()


_SIZES: dict[str, int] = {}


def parameters(config, system) -> int:
    """Of the network, from shapes alone; networks that differ in the number of snippets alone are traced once."""
    model = config.model.to_dict() | {"segments": 0, "eval_segments": 0, "partial_bn": False}
    key = json.dumps(model)
    if key not in _SIZES:
        shapes = jax.eval_shape(system.init, jax.random.key(0))["params"]
        _SIZES[key] = sum(x.size for x in jax.tree.leaves(shapes))
    return _SIZES[key]


@pytest.mark.parametrize("name", VARIANTS)
def test_every_system_of_the_config_has_shapes_at_full_size(name):
    config = get_config(name)
    system = systems.build(config, systems.stand_in(config))
    assert system.is_fitted or parameters(config, system) > 100_000  # none before it is fitted


@pytest.mark.parametrize("name, part", [("bold_rgb_bcf", "body"), ("bold_stgcn_spatial", "trunk")])
def test_a_frozen_part_keeps_parameters_and_statistics_while_the_rest_trains(dataset, name, part):
    config = config_of(name)
    config.optimizer.factors[part] = 0.0
    system, mesh = systems.build(config, dataset.recipe), data_mesh(jax.devices()[:1])
    program = system.program(2)
    before = jax.jit(system.init)(jax.random.key(0))
    batch = next(Batches(dataset, "train", system.inputs, Order(4, train=True)))
    step = make_train_step(program, mesh, 0)
    state, _ = step(program.init(jax.tree.map(jnp.copy, before)), put_batch(batch, mesh))
    for collection in ("params", "batch_stats"):
        old = jax.tree_util.tree_leaves_with_path(before[collection])
        for (path, was), now in zip(old, jax.tree.leaves(state.variables[collection]), strict=True):
            names = tuple(key.key for key in path)
            if system.part_of(names) == part:
                np.testing.assert_array_equal(now, was, err_msg=str(names))
    heads = [params.get("head", params)["labels"]["kernel"] for params in (before["params"], state.params)]
    assert not np.array_equal(*heads)


def test_only_streams_that_a_system_has_are_read():
    reads = {name: systems.build(c := get_config(name), systems.stand_in(c)).inputs for name in VARIANTS}
    assert reads["bold_rgb_b"].features == ("body",)
    assert reads["bold_stgcn_spatial"].features == () == reads["bold_lma_raw_lstm"].features


def test_the_longest_clip_of_bold_fits_and_snippets_leave_out_the_frame_without_flow():
    """297 of its 299 frames (spec 1.6); of N - 1 frames snippets of 5 are sampled, of differences 6 (spec 1.5)."""
    layout = Layout(np.array([0]), np.array([299]))
    for name in ("bold_stgcn_spatial", "bold_lma_raw_conv1d"):
        (row,) = inputs_of(get_config(name)).select.plan(layout, False).table
        assert row.tolist() == list(range(297))
    for name, window, middle in (("bold_rgb_b", 5, 0), ("bold_flow_b", 5, 2), ("bold_diff_b", 6, 2)):
        rows = inputs_of(get_config(name)).evaluate.plan(layout, False).table.reshape(25, -1)
        tick = (298 - window + 1) / 25
        assert rows[:, middle].tolist() == [int(tick / 2 + tick * k) + 2 for k in range(25)]


def test_evaluation_with_25_segments_needs_no_more_memory_than_with_3(dataset):
    """Beside the stored frames themselves: neither their pictures nor what the network makes of them."""

    def temporary(segments: int) -> int:
        config = config_of("bold_diff_bf", model__eval_segments=segments)
        system = systems.build(config, dataset.recipe)
        stored = jax.ShapeDtypeStruct((4, 6 * segments, SIZE, SIZE, 3), jnp.uint8)
        variables = jax.eval_shape(system.init, jax.random.key(0))
        compiled = jax.jit(system.predict).lower(variables, {"body": stored, "face": stored}).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert temporary(25) < 1.15 * temporary(3)


def test_a_skeleton_is_scaled_by_its_largest_coordinates_and_hides_doubtful_joints():
    joints = np.zeros((1, 3, 18, 3), np.float32)
    joints[0, :2] = (40, 80, 0.9)
    joints[0, 1, 5] = (100, 160, 0.8)
    joints[0, 1, 6] = (900, 900, 0.05)
    made = np.asarray(skeleton(joints, np.array([[1, 1, 0]], np.float32)))
    np.testing.assert_allclose(made[0, 0, 0], (0.4, 0.5, 0.9), atol=1e-6)
    np.testing.assert_allclose(made[0, 1, 5], (1, 1, 0.8), atol=1e-6)
    assert not made[0, 1, 6].any() and not made[0, 2].any()


def test_moving_keeps_confidences_and_turns_every_joint_of_a_frame_alike():
    rng = np.random.default_rng(0)
    joints = np.concatenate([rng.uniform(1, 9, (2, 30, 18, 2)), np.full((2, 30, 18, 1), 0.9)], -1).astype(
        np.float32
    )
    frames = np.ones((2, 30), np.float32)
    plain = np.asarray(skeleton(joints, frames))
    moved = np.asarray(skeleton(joints, frames, jax.random.split(jax.random.key(0), 2)))
    np.testing.assert_array_equal(moved[..., 2], plain[..., 2])
    for t in (0, 13, 29):  # a similarity: all distances of a frame change by one factor
        before, after = (np.linalg.norm(x[0, t, 1:, :2] - x[0, t, :1, :2], axis=-1) for x in (plain, moved))
        np.testing.assert_allclose(after / before, (after / before)[0], rtol=1e-4)
    assert not np.allclose(moved[0], moved[1])


def test_centred_skeletons_turn_about_the_middle_and_leave_missing_joints_at_zero():
    joints = np.random.default_rng(0).uniform(1, 9, (1, 8, 18, 3)).astype(np.float32)
    joints[..., 2], joints[:, :, 5, 2], frames = 0.9, 0.05, np.ones((1, 8), np.float32)
    plain = np.asarray(skeleton(joints, frames, centre=True))
    np.testing.assert_allclose(plain[..., :2].max(axis=(1, 2)), [[0.5, 0.5]])
    keys = jax.random.split(jax.random.key(3), 1)
    moved = np.asarray(skeleton(joints, frames, keys, about_centre=True, centre=True))
    assert not plain[:, :, 5].any() and not moved[:, :, 5].any() and not np.allclose(plain, moved)
    seen = np.arange(18) != 5
    for t in range(8):  # a turn, a scale and a shift about the origin, which now is the middle
        before, after = (x[0, t, seen, :2] @ [1, 1j] for x in (plain, moved))
        turn, shift = np.polyfit(before, after, 1)
        np.testing.assert_allclose(turn * before + shift, after, atol=1e-5)
        assert abs(abs(turn) - 1) < 0.11 and max(abs(shift.real), abs(shift.imag)) < 0.21


def test_the_published_validation_of_short_clips_is_an_option():
    layout = Layout(np.array([0]), np.array([30]))
    config = config_of("bold_rgb_b", model__eval_segments=25, model__validation_fallback=True)
    assert set(inputs_of(config).evaluate.plan(layout, False).table[0]) == {2}
    assert len(set(inputs_of(config_of("bold_rgb_b")).evaluate.plan(layout, False).table[0])) > 3


def test_differences_of_one_snippet_stand_in_order_and_equal_frames_give_zeros():
    frames = np.zeros((1, 6, 2, 2, 3), np.uint8)
    frames[0, 3:] = 51  # one change, between the third and the fourth frame
    made = np.asarray(snippets({"body": frames}, get_config("bold_diff_b"), jnp.float32)["body"])
    assert made.shape == (1, 1, 2, 2, 15)
    expected = np.repeat([0, 0, 0.2 / 0.452, 0, 0], 3)
    np.testing.assert_allclose(made[0, 0, 0, 0], expected, atol=1e-6)


def test_a_flow_stack_has_the_planes_of_x_and_y_in_turn_in_order_of_time():
    planes = np.zeros(
        (1, 10, 4, 2), np.uint8
    )  # two snippets of five frames, planes of 2 x 2 above one another
    for frame in range(10):
        planes[0, frame, :2], planes[0, frame, 2:] = 10 * frame, 10 * frame + 5
    made = np.asarray(snippets({"flow_body": planes}, get_config("bold_flow_b"), jnp.float32)["body"])
    assert made.shape == (1, 2, 2, 2, 10)
    expected = (np.arange(20).reshape(2, 10) * 5 / 255 - 0.5) / 0.226
    np.testing.assert_allclose(made[0, :, 1, 0], expected, rtol=1e-5)


def test_partial_bn_freezes_statistics_scale_and_bias_of_all_batch_norms_but_the_first(dataset):
    config = config_of("bold_rgb_b", model__partial_bn=True, model__segments=1, model__eval_segments=1)
    system, mesh = systems.build(config, dataset.recipe), data_mesh(jax.devices()[:1])
    program, before = system.program(2), jax.jit(system.init)(jax.random.key(0))
    batch = next(Batches(dataset, "train", system.inputs, Order(4, train=True)))
    state = program.init(jax.tree.map(jnp.copy, before))
    state, _ = make_train_step(program, mesh, 0)(state, put_batch(batch, mesh))
    changed, first = set(), ("encoder", "body", "bn1")
    for collection in ("params", "batch_stats"):
        old = jax.tree_util.tree_leaves_with_path(before[collection])
        for (path, was), now in zip(old, jax.tree.leaves(state.variables[collection]), strict=True):
            names = tuple(key.key for key in path)
            if not np.array_equal(now, was):
                changed.add(names)
    leaves = {"params": ("scale", "bias"), "batch_stats": ("mean", "var")}
    assert {(*first, leaf) for kind in leaves.values() for leaf in kind} <= changed
    assert len(system.frozen_norms) == 5 and first not in system.frozen_norms
    assert not {names for names in changed if names[:-1] in system.frozen_norms}
    assert ("encoder", "body", "layer1_0", "conv1", "kernel") in changed


def kinetics_file(folder, partition="spatial"):
    """A file with the layout of the public checkpoint: every tensor different, and a classifier of 400 actions."""
    shapes = abstract_shapes("st_gcn_kinetics", 0)
    rng = np.random.default_rng(3)
    values = {path: rng.normal(size=shape).astype(np.float32) for path, shape in shapes.items()}
    matrix = partition_matrices(BODY_18, partition, normalisation="column").astype(np.float32)
    state = export_weights(Weights("st_gcn_kinetics", values, {"A": matrix}, {}))
    state |= {"fcn.weight": np.zeros((400, 256, 1, 1), np.float32), "fcn.bias": np.zeros(400, np.float32)}
    write_safetensors(state, {"format": "pt"}, folder / "theirs.safetensors")
    weights = import_weights(folder / "theirs.safetensors", "st_gcn_kinetics").weights
    save_weights(weights, folder / "ours.safetensors")
    return state, folder / "ours.safetensors"


def test_kinetics_weights_come_by_name_with_their_matrix_and_their_order_of_channels(tmp_path):
    state, file = kinetics_file(tmp_path)
    config = get_config("bold_stgcn_spatial_kinetics")
    system = systems.build(config, systems.stand_in(config))
    fresh = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), jax.eval_shape(system.init, jax.random.key(0)))
    fresh["constants"] = jax.tree.map(np.asarray, system.constants)
    variables, record = load_trunk(fresh, str(file))
    params, trunk = variables["params"], variables["params"]["trunk"]
    np.testing.assert_array_equal(variables["constants"]["trunk"]["matrices"], state["A"])
    np.testing.assert_array_equal(trunk["data_norm"]["scale"], state["data_bn.weight"])
    for unit, ours in ((0, trunk["unit_1"]), (9, trunk["unit_10"])):
        theirs = f"st_gcn_networks.{unit}"
        np.testing.assert_array_equal(
            ours["graph_conv"]["kernel"][0, 0], state[f"{theirs}.gcn.conv.weight"][:, :, 0, 0].T
        )
        kernel = state[f"{theirs}.tcn.2.weight"].transpose(2, 3, 1, 0)
        np.testing.assert_array_equal(ours["temporal_conv"]["kernel"], kernel)
        np.testing.assert_array_equal(trunk[f"edge_importance_{unit + 1}"], state[f"edge_importance.{unit}"])
    assert not np.any(params["labels"]["kernel"]) and record["left_out"] == []
    config.model.edge_importance = False
    plain = systems.build(config, systems.stand_in(config))
    fresh = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), jax.eval_shape(plain.init, jax.random.key(0)))
    assert len(load_trunk(fresh | {"constants": variables["constants"]}, str(file))[1]["left_out"]) == 10


@pytest.mark.parametrize(
    "change", [{"units": "units9"}, {"partition": "distance"}, {"partition": "spatial_true"}]
)
def test_kinetics_weights_are_refused_by_another_network(tmp_path, change):
    _, file = kinetics_file(tmp_path)
    config = get_config("bold_stgcn_spatial_kinetics")
    config.model.update(change)
    system = systems.build(config, systems.stand_in(config))
    fresh = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), jax.eval_shape(system.init, jax.random.key(0)))
    fresh["constants"] = jax.tree.map(np.asarray, system.constants)
    with pytest.raises(CheckpointError, match="partition=spatial"):
        load_trunk(fresh, str(file))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"model__streams": "body,scenes"}, "need the stream 'context'"),
        ({"model__streams": "body,context,scenes", "model__modality": "diff"}, "need the stream 'context'"),
        ({"init_from__trunk": "file"}, "is for an ST-GCN"),
        ({"model__net": "tsm"}, "model.net"),
        ({"model__streams": "body,pose"}, "body, context, face"),
        ({"model__consensus": "linear", "model__segments": 3, "model__eval_segments": 25}, "make them equal"),
        ({"model__partition": "spatiall"}, "model.partition"),
        ({"monitor": "accuracy"}, "does not measure"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_starts(dataset, changes, message):
    with pytest.raises(ConfigError, match=message):
        systems.build(config_of("bold_rgb_b", **changes), dataset.recipe)


def test_emotic_s_order_of_the_same_names_is_refused(dataset):
    assert set(BOLD_LABELS.classes) == set(EMOTIC_LABELS.classes) and BOLD_LABELS != EMOTIC_LABELS
    recipe = dataclasses.replace(dataset.recipe, labels=EMOTIC_LABELS)
    with pytest.raises(Exception, match="classes differ"):
        systems.build(config_of("bold_stgcn_spatial"), recipe)
    people = importlib.import_module("configs.emotic").get_config("emotic_b_r18@demo")
    with pytest.raises(Exception, match="classes differ"):
        systems.build(people, dataset.recipe)


def test_a_split_without_labels_is_not_measured(dataset):
    system = systems.build(config_of("bold_stgcn_spatial"), dataset.recipe)
    truth = {name: dataset.columns("test").sequences[name] for name in ("categories", "vad")}
    rows = len(truth["vad"])
    predicted = {
        "logits": np.zeros((rows, 26)),
        "dimensions": np.full((rows, 3), 0.5),
        "index": np.arange(rows),
    }
    with pytest.raises(DataError, match="no labels"):
        system.measure.metrics({**predicted, **truth})


def test_a_submission_has_the_rows_of_the_annotation_in_its_order(dataset, tmp_path):
    columns, annotated = dataset.columns("test"), dataset.recipe.build["annotated"]["test"]
    system = systems.build(config_of("bold_stgcn_spatial"), dataset.recipe)
    rows = len(columns.sequences["vad"])
    assert annotated == rows  # nobody was left out of these
    rng = np.random.default_rng(0)
    arrays = {"logits": rng.normal(size=(rows, 26)), "dimensions": rng.uniform(size=(rows, 3))}
    ids = identities(columns, columns.layout.starts)
    meta = {"split": "test", "recipe": dataset.recipe.to_json()}
    text, notes = system.measure.submission(Outputs(arrays, ids, meta))
    table = np.loadtxt(text.splitlines(), delimiter=",")
    order = ids["annotation"]
    np.testing.assert_allclose(table[order, :3], arrays["dimensions"], atol=5e-7)
    np.testing.assert_allclose(table[order, 3:], 1 / (1 + np.exp(-arrays["logits"])), atol=5e-7)
    assert not notes and all(len(cell.split(".")[1]) == 6 for cell in text.splitlines()[0].split(","))
    part = Outputs({k: v[1:] for k, v in arrays.items()}, {k: v[1:] for k, v in ids.items()}, meta)
    text, notes = system.measure.submission(part)
    lost = np.loadtxt(text.splitlines(), delimiter=",")[order[0]]
    np.testing.assert_allclose(lost[:3], arrays["dimensions"][1:].mean(axis=0), atol=1e-6)
    assert notes == [f"1 of {rows} people could not be prepared: their rows are the mean of the others"]
    with pytest.raises(DataError, match="prepare them again"):
        system.measure.submission(Outputs(arrays, {}, meta))


def test_the_report_shows_snippets_with_their_weights_and_skeletons_with_the_bones_that_count(
    dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(style, "DPI", 40)  # the same figures, drawn faster
    rows = len(dataset.columns("validation").layout.starts)
    truth = {name: dataset.columns("validation").sequences[name] for name in ("categories", "vad")}
    rng = np.random.default_rng(0)
    guesses = {"logits": rng.normal(size=(rows, 26)), "dimensions": rng.uniform(0.2, 0.8, (rows, 3))}
    for name in ("bold_diff_b", "bold_stgcn_spatial"):
        config = config_of(name)
        system = systems.build(config, dataset.recipe)
        batch = next(Batches(dataset, "validation", system.inputs, Order(rows)))
        outputs = {**guesses, **truth, "index": np.arange(rows), "record": batch["record"]}
        outputs["frame"] = dataset.columns("validation")["frame"][batch["record"][:, 0]]
        if name == "bold_diff_b":
            outputs["snippet_weights"] = np.full((rows, config.model.eval_segments), 0.2)
        else:
            outputs["strip"] = np.asarray(strip(batch["joints"], batch["frame_mask"]))
        variables = jax.tree.map(
            lambda x: np.ones(x.shape, x.dtype), jax.eval_shape(system.init, jax.random.key(0))
        )
        results = {"metrics": system.measure.metrics(outputs), "system": name, "step": 1, "protocol": "p"}
        results |= {"split": {"name": "validation", "records": rows, "content_hash": "0" * 64}}
        results |= {"checkpoint": "best", "date": "d", "device": "cpu"}
        read = lambda records, names: read_features(dataset, "validation", names, records)  # noqa: E731
        system.report.write(tmp_path / name, variables, outputs, results, [], read)
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")}
    shared = {
        "score.png",
        "categories.png",
        "jaccard.png",
        "values.png",
        "r2.png",
        "dimensions.png",
        "people.png",
    }
    assert {f"bold_diff_b/{name}" for name in (*shared, "clips_body.png")} <= written
    assert {f"bold_stgcn_spatial/{name}" for name in (*shared, "skeletons.png", "partition.png")} <= written


def test_label_sets_have_the_thresholds_of_the_validation_split(dataset):
    """Where precision equals recall, as many are called positive as are (spec 6)."""
    measure, rng = systems.build(config_of("bold_rgb_b"), dataset.recipe).measure, np.random.default_rng(0)
    truth = {"categories": rng.uniform(size=(40, 26)), "vad": rng.uniform(size=(40, 3))}
    validation = {
        **truth,
        "logits": rng.normal(size=(40, 26)),
        "dimensions": truth["vad"],
        "index": np.arange(40),
    }
    other = {
        **validation,
        "logits": validation["logits"] + 3,
    }  # so that all its scores reach these thresholds
    complete = measure.complete(other, lambda split: {"validation": validation}[split])
    found = predicted_sets({**complete, "logits": validation["logits"]})
    np.testing.assert_array_equal(found.sum(axis=0), (truth["categories"] >= 0.5).sum(axis=0))
    expected = [set(np.flatnonzero(row)) for row in truth["categories"] >= 0.5]
    sets = [set(np.flatnonzero(row)) for row in predicted_sets(complete)]
    jaccard = [len(a & b) / len(a | b) for a, b in zip(sets, expected)]
    assert measure.metrics(complete)["jaccard"] == pytest.approx(np.mean(jaccard))
    hidden = {**other, "vad": np.full((40, 3), np.nan)}
    assert "thresholds" not in measure.complete(hidden, lambda split: pytest.fail("no labels, no thresholds"))


def test_runs_side_by_side_say_what_they_see_in_the_same_people(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(style, "DPI", 40)
    runs = {}
    for name in ("bold_rgb_b", "bold_lma_raw_conv1d"):
        system = systems.build(config_of(name), dataset.recipe)
        meta = {"config": as_json(system.config), "recipe": dataset.recipe.to_json()}
        runs[name] = Restored(1, 1, system.init(jax.random.key(0)), meta, tmp_path)
    monkeypatch.setattr(systems, "load_data", lambda config, folder: dataset)
    (section,) = compare(tmp_path, runs, None, "validation")
    assert section.pictures and (tmp_path / "people.png").stat().st_size
    with pytest.raises(DataError, match="no labels to compare with"):
        compare(tmp_path, runs, None, "test")


def test_a_strip_goes_from_the_first_to_the_last_real_frame():
    joints = np.zeros((1, 12, 18, 3), np.float32)
    joints[0, :9] = np.arange(1, 10)[:, None, None]
    joints[..., 2] = 0.9
    mask = (np.arange(12) < 9).astype(np.float32)[None]
    made = np.asarray(strip(joints, mask, 3))
    np.testing.assert_allclose(made[0, :, 0, 0], [1, 5, 9], rtol=1e-6)


def test_bones_count_as_much_as_their_factors_in_both_directions_where_the_matrix_is_not_zero():
    matrices = partition_matrices(BODY_18, "spatial")
    factors = np.ones_like(matrices)
    a, b = BODY_18.edges[3]
    factors[:, a, b] = 3.0
    found = bone_importance([factors, factors], matrices, BODY_18.edges)
    np.testing.assert_allclose(found, np.where(np.arange(17) == 3, 2.0, 1.0))


def test_flow_pictures_are_white_at_rest_and_coloured_by_direction():
    planes = np.full((4, 2), 128, np.uint8)  # x above y, two by two
    planes[0, 1] = 255
    picture = flow_picture(planes)
    assert picture.shape == (2, 2, 3) and (picture[1] > 245).all() and picture[0, 1].tolist() == [255, 0, 0]


def test_forests_are_fitted_on_the_descriptors_and_scored_by_probabilities_and_by_hard_labels(
    dataset, tmp_path
):
    config = config_of("bold_lma_stats_rf", model__trees=8, model__tree_depths=(1, 3))
    system = systems.build(config, dataset.recipe)
    result = train(config, system, dataset, tmp_path / "run", progress=False)
    assert result.finished and {"ers", "hard_ers", "hard_map", "hard_mra"} <= result.metrics.keys()
    outputs = Run(config, system, dataset).predict(result.state.variables, "validation")
    assert (
        outputs["logits"].shape[1:] == (26,)
        and ((outputs["dimensions"] > 0) & (outputs["dimensions"] < 1)).all()
    )
    positive = dataset.columns("train").sequences["categories"] >= 0.5
    never = ~positive.any(axis=0)
    assert never.any() and np.allclose(outputs["logits"][:, never], np.log(1e-4 / (1 - 1e-4)), atol=1e-3)
    assert any("depth of the trees" in note for note in system.notes)
    with pytest.raises(ConfigError, match="laban=descriptor"):
        systems.build(config_of("bold_lma_stats_rf", model__laban="frames"), dataset.recipe)


def saved_outputs(dataset, folder, name, seed, split="validation"):
    """A run that has nothing but its outputs on a split."""
    planes = {
        f"flow_{stream}": Feature("image", (2 * SIZE, SIZE), "raw") for stream in ("body", "context", "face")
    }
    recipe = dataclasses.replace(dataset.recipe, features={**dataset.recipe.features, **planes})
    system = systems.build(config_of(name), recipe)
    columns, rng = dataset.columns(split), np.random.default_rng(seed)
    rows = len(columns.layout.starts)
    arrays = {n: columns.sequences[n] for n in ("categories", "vad")} | {"index": np.arange(rows)}
    arrays |= {"logits": rng.normal(size=(rows, 26)), "dimensions": rng.uniform(size=(rows, 3))}
    meta = make_meta(
        system=system.config.name,
        step=1,
        split=split,
        dataset=dataset.name,
        content_hash=dataset.split(split).content_hash,
        labels=system.labels,
        config=as_json(system.config),
        recipe=system.recipe,
        protocol="p",
        fold=None,
    )
    folder.mkdir(parents=True)
    made = Outputs(arrays, identities(columns, columns.layout.starts), meta)
    write_outputs(folder / f"outputs_{split}.npz", made)
    return arrays


def test_the_final_ensemble_weighs_probabilities_2_to_2_to_1_and_shows_what_its_members_know(
    dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(style, "DPI", 40)
    config = bold_ensembles.get_config("bold_ens_final@demo")
    runs = {
        name: saved_outputs(dataset, tmp_path / "runs" / name, name.partition("@")[0], seed)
        for seed, name in enumerate(config.members)
    }
    spec = "configs/bold_ensembles.py:bold_ens_final@demo"
    options = ["--config", spec, "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    assert combine.main(options) == 0
    fused = read_outputs(tmp_path / "out" / "outputs_validation.npz").arrays
    expected = sum(w / (1 + np.exp(-runs[name]["logits"])) for name, w in config.members.items())
    np.testing.assert_allclose(1 / (1 + np.exp(-fused["logits"])), expected, rtol=1e-5)
    mean = sum(weight * runs[name]["dimensions"] for name, weight in config.members.items())
    np.testing.assert_allclose(fused["dimensions"], mean, rtol=1e-5)
    written = {path.name for path in (tmp_path / "out" / "report").iterdir()}
    assert {"members.png", "gain.png", "score.png", "index.html"} <= written
    for (
        name
    ) in config.members:  # the labels of the test split are not public, its file is written all the same
        saved_outputs(dataset, tmp_path / "test" / name, name.partition("@")[0], 3, "test")
    options = [
        "--config",
        spec,
        "--runs",
        str(tmp_path / "test"),
        "--out",
        str(tmp_path / "out"),
        "--split",
        "test",
    ]
    assert combine.main([*options, "--submission", str(tmp_path / "server.csv")]) == 0
    rows = (tmp_path / "server.csv").read_text().splitlines()
    assert len(rows) == len(dataset.columns("test").layout.starts) and len(rows[0].split(",")) == 29


@pytest.mark.parametrize("name", bold_ensembles.VARIANTS)
def test_weights_of_an_ensemble_sum_to_one_and_its_members_are_systems(name):
    config = bold_ensembles.get_config(name)
    assert set(config.members) <= set(VARIANTS)
    assert sum(config.members.values()) == pytest.approx(1.0 if config.method == "weighted_mean" else 0.0)
    assert set(bold_ensembles.get_config(f"{name}@demo").members) == {f"{m}@demo" for m in config.members}
