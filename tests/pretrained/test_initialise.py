"""Fresh networks start from files and runs: every array where it belongs, or a clear refusal."""

from __future__ import annotations

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from emojax.data.recipe import Feature, Recipe
from emojax.engine.checkpoint import Checkpoints
from emojax.engine.state import TrainState
from emojax.errors import CheckpointError, ConfigError
from emojax.labels import Labels
from emojax.models.backbones import create_backbone
from emojax.models.face_net import FaceNet
from emojax.models.heads import ExpressionHead
from emojax.pretrained.initialise import initialise, load_backbone
from emojax.pretrained.layouts import flatten, unflatten
from emojax.pretrained.native import Weights, save_weights, sha256
from emojax.pretrained.runs import load_any
from tests.models import golden
from tests.pretrained.test_convert import random_weights

BACKBONE = "densenet_tiny"


def zeros(net, channels=3):
    """Variables of a network, all zero, so that what was loaded can be told from what was not."""
    image = jax.ShapeDtypeStruct((1, 32, 32, channels), jnp.float32)
    shapes = jax.eval_shape(lambda x: net.init(jax.random.key(0), x, train=False), image)
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), shapes)


def face_net(num_classes=7, channels=3):
    net = FaceNet(create_backbone(BACKBONE), ExpressionHead(num_classes), "avg", True)
    return zeros(net, channels)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Weights of the backbone with a classifier of 5 classes, as `import` writes them."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    weights = random_weights(BACKBONE)
    save_weights(Weights(BACKBONE, weights.variables, {}, {"source": "tiny.pth"}), path)
    return path


def test_a_file_fills_the_backbone_and_leaves_the_head_fresh(file):
    loaded, record = initialise(face_net(), str(file))
    expected = random_weights(BACKBONE).variables
    flat = flatten(loaded)
    for path, value in flat.items():
        collection, part, rest = path.split("/", 2)
        wanted = expected[f"{collection}/{rest}"] if part == "backbone" else np.zeros(value.shape)
        np.testing.assert_array_equal(value, wanted, err_msg=path)
    (entry,) = record.values()
    assert list(record) == ["backbone"] and entry["sha256"] == sha256(file) and entry["arch"] == BACKBONE
    assert entry["left_out"] == ["params/classifier/bias", "params/classifier/kernel"]
    assert entry["adapted"] == [] and entry["loaded"] == len(flat) - 2
    json.dumps(record)


@pytest.mark.parametrize("channels", [10, 15])
def test_a_first_convolution_is_averaged_and_repeated_for_flow_and_rgb_differences(file, channels):
    loaded, record = initialise(face_net(channels=channels), str(file))
    kernel = np.asarray(loaded["params"]["backbone"]["conv0"]["kernel"])
    original = random_weights(BACKBONE).variables["params/conv0/kernel"]
    np.testing.assert_allclose(kernel, np.repeat(original.mean(2, keepdims=True), channels, 2), rtol=1e-5)
    assert record["backbone"]["adapted"] == ["params/backbone/conv0/kernel"]


def test_parts_of_a_network_take_different_files(file, tmp_path):
    other = tmp_path / "other.safetensors"
    weights = random_weights(BACKBONE).variables
    save_weights(Weights(BACKBONE, {k: v + 1 for k, v in weights.items()}, {}, {"source": "x"}), other)
    one = zeros(create_backbone(BACKBONE))
    both = {c: {"body": one[c], "face": one[c]} for c in one}
    loaded, record = initialise(both, {"body": str(file), "face": str(other)})
    kernels = [np.asarray(loaded["params"][part]["conv0"]["kernel"]) for part in ("body", "face")]
    np.testing.assert_allclose(kernels[1], kernels[0] + 1, rtol=1e-6)
    assert record["body"]["sha256"] != record["face"]["sha256"]
    with pytest.raises(ConfigError, match="the part 'head'; the network has body, face"):
        initialise(both, {"head": str(file)})


def test_weights_of_another_network_are_refused_by_name(file):
    net = FaceNet(create_backbone("resnet_tiny"), ExpressionHead(7), "avg", True)
    with pytest.raises(CheckpointError, match=r"does not fit backbone: .*unknown here.*"):
        initialise(zeros(net), str(file))
    wider = FaceNet(create_backbone(BACKBONE, growth_rate=8), ExpressionHead(7), "avg", True)
    with pytest.raises(CheckpointError, match=r"\(has \[.*\], needs \["):
        initialise(zeros(wider), str(file))


def test_publishers_files_are_refused_with_the_command_that_imports_them(tmp_path):
    np.savez(tmp_path / "weights.npz", **{"conv.weight": np.zeros(3)})
    with pytest.raises(CheckpointError, match=r"python -m emojax\.pretrained import"):
        initialise(face_net(), str(tmp_path / "weights.npz"))


def test_load_backbone_gives_the_trunk_and_its_origin(file):
    variables, metadata = load_backbone(str(file), BACKBONE)
    assert "classifier" not in variables["params"] and "norm5" in variables["batch_stats"]
    assert metadata["sha256"] == sha256(file) and metadata["source"] == "tiny.pth"


def write_run(folder, variables, steps, config=None, labels=("a", "b"), dimensions=()):
    tx = optax.sgd(0.1, momentum=0.9)
    checkpoints = Checkpoints(folder, "accuracy")
    for step, accuracy in steps.items():
        moved = jax.tree.map(lambda x, step=step: x + step, variables)
        state = TrainState.create(moved, tx.init(moved["params"])).replace(step=jnp.int32(step))
        meta = {**meta_of(accuracy, Labels(labels, dimensions)), **({"config": config} if config else {})}
        checkpoints.save(state, step=step, meta=meta, metrics={"accuracy": accuracy})
    checkpoints.close()


def meta_of(accuracy, labels):
    """What a checkpoint says of its run, as far as a reader of weights looks at it."""
    recipe = Recipe("toy", labels, {"image": Feature("image", (8, 8, 3), "raw")})
    return {
        "config": {"model": {"backbone": BACKBONE}},
        "recipe": json.loads(json.dumps(recipe.to_json())),
        "dataset": {"name": "toy", "content_hash": ""},
        "monitor": {"metric": "accuracy", "direction": "larger", "value": accuracy},
        "log": {"sums": {}, "count": 0},
        "notes": [],
        "total_steps": 5,
        **{key: {} for key in ("initialised_from", "loader", "early_stopping")},
    }


def test_a_run_gives_its_best_parameters_and_new_heads_stay_fresh(tmp_path):
    write_run(tmp_path / "run", face_net(num_classes=8), {3: 0.6, 5: 0.4})
    loaded, record = initialise(face_net(num_classes=7), str(tmp_path / "run"))
    assert float(loaded["params"]["backbone"]["conv0"]["kernel"].min()) == 3
    assert float(loaded["params"]["head"]["expression"]["kernel"].max()) == 0
    entry = record["network"]
    assert entry["arch"] == "run, step 3" and len(entry["sha256"]) == 64
    assert sorted(entry["fresh"]) == ["params/head/expression/bias", "params/head/expression/kernel"]
    streams = {collection: {"face": parts["backbone"]} for collection, parts in face_net().items()}
    part, record = initialise(streams, {"face": str(tmp_path / "run")})
    assert float(part["params"]["face"]["conv0"]["kernel"].min()) == 3
    assert record["face"]["arch"] == BACKBONE


def test_a_run_whose_training_had_failed_is_refused(tmp_path):
    write_run(tmp_path / "run", jax.tree.map(lambda x: x + np.nan, face_net()), {3: 0.6})
    with pytest.raises(CheckpointError, match=r"of no use: .* holds NaN or infinity"):
        initialise(face_net(), str(tmp_path / "run"))
    with pytest.raises(CheckpointError, match=r"of no use: .* holds NaN or infinity"):
        load_any(tmp_path / "run")


def test_a_run_of_another_backbone_is_refused(tmp_path):
    net = FaceNet(create_backbone("resnet_tiny"), ExpressionHead(7), "avg", True)
    write_run(tmp_path / "run", zeros(net), {1: 0.5})
    with pytest.raises(CheckpointError, match=r"does not fit this network: batch_stats/backbone/denseblock1"):
        initialise(face_net(), str(tmp_path / "run"))
    with pytest.raises(CheckpointError, match="no finished checkpoint"):
        (tmp_path / "empty" / "checkpoints").mkdir(parents=True)
        initialise(face_net(), str(tmp_path / "empty"))


def test_an_imported_emotion_gcn_fills_the_whole_network_under_its_own_graph_only(tmp_path):
    received = np.full((9, 9), 1 / 9)  # rows sum to one, as the authors' matrix
    received[0] = np.eye(9)[1]
    path = tmp_path / "authors.safetensors"
    weights = random_weights("emotion_gcn")
    save_weights(Weights("emotion_gcn", weights.variables, {"A": received}, {"source": "x"}), path)
    fresh = unflatten({p: jnp.zeros(v.shape) for p, v in weights.variables.items()})
    loaded, record = initialise(fresh, str(path), adjacency=received.T)
    np.testing.assert_array_equal(
        loaded["params"]["head"]["gcn"]["layer_1"]["kernel"],
        weights.variables["params/head/gcn/layer_1/kernel"],
    )
    assert record["network"]["loaded"] == len(weights.variables)
    with pytest.raises(CheckpointError, match=":code_parity"):
        initialise(fresh, str(path), adjacency=received)
    shorter = {**weights.variables, "params/head/gcn/layer_0/kernel": np.zeros((50, 512))}
    with pytest.raises(CheckpointError, match="300-d GloVe"):
        initialise(unflatten({p: jnp.zeros(v.shape) for p, v in shorter.items()}), str(path))


def test_the_backbone_of_a_whole_network_goes_to_a_stream(tmp_path):
    """A face stream of people takes what the authors trained on faces."""
    weights = random_weights("multi_breg_next", 7)
    path = str(tmp_path / "authors.safetensors")
    save_weights(replace(weights, info={"source": "x"}), path)
    backbone = create_backbone("breg_next50")
    streams = {collection: {"face": parts} for collection, parts in zeros(backbone).items()}
    loaded, record = initialise(streams, {"face": path})
    kernel = np.asarray(loaded["params"]["face"]["stage1_0"]["conv1"]["kernel"])
    expected = weights.variables["params/backbone/stage1_0/conv1/kernel"]
    np.testing.assert_array_equal(kernel, expected)
    assert record["face"]["arch"] == "breg_next50"
    variables, metadata = load_backbone(path, "breg_next50")
    np.testing.assert_array_equal(variables["params"]["stage1_0"]["conv1"]["kernel"], expected)
    assert metadata["arch"] == "breg_next50"
    with pytest.raises(CheckpointError, match="holds weights of breg_next50, but densenet121"):
        load_backbone(path, "densenet121")
    # A whole network with other heads is told how to take the backbone alone.
    net = FaceNet(backbone, ExpressionHead(7), "avg", False)
    with pytest.raises(
        CheckpointError, match="affectnet_breg.py:breg_mtl_ccc builds its network.*--without-head"
    ):
        initialise(zeros(net), path)


def test_golden_weights_differ_by_path():
    values = golden.variables({"params/a/kernel": (2, 2), "params/b/kernel": (2, 2)})
    assert not np.array_equal(*values.values())
