"""Import takes every tensor or none, names what does not fit, and export gives the publisher's file back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from emojax.errors import CheckpointError, ConfigError
from emojax.models.backbones import backbone_names
from emojax.pretrained.catalogue import architecture, architectures
from emojax.pretrained.convert import abstract_shapes, export_weights, import_weights
from emojax.pretrained.native import Weights, load_weights, save_weights, write_safetensors
from emojax.pretrained.torch_names import torch_tensors
from tests.models import golden
from tests.pretrained.files import torch_zip

CLASSES = 5


def random_weights(arch: str, num_classes: int = CLASSES, num_attributes: int = 0) -> Weights:
    shapes = abstract_shapes(arch, num_classes, num_attributes)
    return Weights(arch, golden.variables(shapes), {}, {})


@pytest.fixture(scope="module")
def state() -> dict[str, np.ndarray]:
    """A torch state dict of the tiny DenseNet with 5 classes."""
    return export_weights(random_weights("densenet_tiny"))


def written(tmp_path, state, name="weights.pth"):
    torch_zip(tmp_path / name, state)
    return tmp_path / name


def same(found, expected):
    assert found.keys() == expected.keys()
    for path, value in expected.items():
        np.testing.assert_array_equal(found[path], value, err_msg=path)


def test_export_has_torchvisions_names_and_counters():
    state = export_weights(random_weights("resnet50", num_classes=0))
    assert state["layer1.0.downsample.0.weight"].shape == (256, 64, 1, 1)
    assert state["layer4.2.bn3.num_batches_tracked"].dtype == np.int64
    assert state["conv1.weight"].shape == (64, 3, 7, 7)


def test_vgg_layers_have_torchvisions_numbers():
    names = {
        "vgg16": ("features.28.weight", "features.0.bias"),
        "vgg19": ("features.34.weight", "features.2.bias"),
        "vgg16_bn": ("features.40.weight", "features.41.running_mean"),
        "vgg19_bn": ("features.49.weight", "features.50.running_var"),
    }
    for arch, expected in names.items():
        shapes = abstract_shapes(arch, 0)
        names = {t.name for t in _torch_tensors(arch, shapes).values()}
        assert names.issuperset(expected), arch


def _torch_tensors(arch, shapes):
    return torch_tensors(arch, architecture(arch).torch, shapes)


def test_dense_layers_after_a_map_are_reordered():
    """Row (y, x, channel) of ours is column (channel, y, x) of torch's."""
    layout = _torch_tensors("vgg16", {"params/fc6/kernel": (7 * 7 * 512, 3)})["params/fc6/kernel"].layout
    theirs = np.arange(3 * 512 * 49, dtype=np.float32).reshape(3, 512, 7, 7)
    ours = layout.from_source(theirs.reshape(3, -1))
    assert ours.reshape(7, 7, 512, 3)[2, 5, 100, 1] == theirs[1, 100, 2, 5]
    np.testing.assert_array_equal(layout.to_source(ours), theirs.reshape(3, -1))


PREFIXES = ("module.", "_orig_mod.", "model.", "model._orig_mod.module.", "net.encoder.")


@pytest.mark.parametrize("wrap", ["plain", *PREFIXES, "state_dict", "net", "old names", "inner _orig_mod"])
def test_usual_variants_of_state_dicts_are_understood(tmp_path, state, wrap):
    expected = import_weights(written(tmp_path, state), "densenet_tiny", num_classes=CLASSES)
    variant = dict(state)
    if wrap in PREFIXES:
        variant = {f"{wrap}{k}": v for k, v in state.items()}
    elif wrap in ("state_dict", "net"):
        variant = {"epoch": 90, wrap: state, "optimizer": {"state": {}}}
    elif wrap == "inner _orig_mod":
        variant = {k.replace("features.", "features._orig_mod."): v for k, v in state.items()}
    elif wrap == "old names":
        variant = {_old_name(k): v for k, v in state.items()}
        assert variant.keys() != state.keys()
    imported = import_weights(written(tmp_path, variant, "variant.pth"), "densenet_tiny", num_classes=CLASSES)
    same(imported.weights.variables, expected.weights.variables)


def test_a_network_among_others_is_taken_by_prefix(tmp_path, state):
    expected = import_weights(
        written(tmp_path, state), "densenet_tiny", num_classes=CLASSES
    ).weights.variables
    others = {"criterion.weight": np.ones(5, np.float32), "ema.features.conv0.weight": np.ones(3, np.float32)}
    file = written(tmp_path, {**{f"model.{k}": v for k, v in state.items()}, **others}, "several.pth")
    with pytest.raises(CheckpointError, match="beside others: pass --prefix 'model.'"):
        import_weights(file, "densenet_tiny", num_classes=CLASSES)
    imported = import_weights(file, "densenet_tiny", num_classes=CLASSES, prefix="model.")
    same(imported.weights.variables, expected)
    assert imported.left_out == sorted(others)
    with pytest.raises(CheckpointError, match=r"no tensor under 'net\.'; its names start with .*'model'"):
        import_weights(file, "densenet_tiny", num_classes=CLASSES, prefix="net.")
    both = written(tmp_path, {"student": state, "teacher": {"a": np.ones(1)}}, "both.pth")
    imported = import_weights(both, "densenet_tiny", num_classes=CLASSES, key="student")
    same(imported.weights.variables, expected)


def _old_name(name: str) -> str:
    """torchvision before 0.2: ``denselayer1.norm.1`` for today's ``denselayer1.norm1``."""
    for part in ("norm", "conv"):
        for number in "12":
            name = name.replace(f".{part}{number}.", f".{part}.{number}.") if "denselayer" in name else name
    return name


def test_missing_unknown_and_misshapen_tensors_are_named(tmp_path, state):
    def message(changed):
        with pytest.raises(CheckpointError) as error:
            import_weights(written(tmp_path, changed), "densenet_tiny", num_classes=CLASSES)
        return str(error.value)

    missing = {k: v for k, v in state.items() if k != "features.norm0.running_var"}
    assert "1 missing: features.norm0.running_var" in message(missing)
    unknown = {**state, "decoder.weight": np.zeros(3, np.float32)}
    assert "1 unknown: decoder.weight" in message(unknown)
    misshapen = {**state, "features.conv0.weight": np.zeros((16, 1, 7, 7), np.float32)}
    assert "features.conv0.weight (has [16, 1, 7, 7], needs [16, 3, 7, 7])" in message(misshapen)
    several = {k: v for k, v in unknown.items() if k != "features.norm0.bias"}
    assert "features.norm0.bias" in message(several) and "decoder.weight" in message(several)


def test_weights_that_are_not_finite_or_not_floating_are_refused(tmp_path, state):
    broken = {**state, "features.norm0.bias": np.full(16, np.nan, np.float32)}
    with pytest.raises(CheckpointError, match=r"features\.norm0\.bias holds NaN"):
        import_weights(written(tmp_path, broken), "densenet_tiny", num_classes=CLASSES)
    too_large = {**state, "features.norm0.bias": np.full(16, 1e300)}  # infinity in float32
    with pytest.raises(CheckpointError, match=r"features\.norm0\.bias holds NaN or infinity"):
        import_weights(written(tmp_path, too_large), "densenet_tiny", num_classes=CLASSES)
    quantised = {**state, "features.norm0.bias": np.ones(16, np.int64)}
    with pytest.raises(CheckpointError, match=r"features\.norm0\.bias is int64"):
        import_weights(written(tmp_path, quantised), "densenet_tiny", num_classes=CLASSES)


def test_half_precision_becomes_float32_and_is_reported(tmp_path, state):
    half = {k: v.astype(np.float16) if v.dtype == np.float32 else v for k, v in state.items()}
    imported = import_weights(written(tmp_path, half), "densenet_tiny", num_classes=CLASSES)
    kernel = imported.weights.variables["params/conv0/kernel"]
    assert kernel.dtype == np.float32
    np.testing.assert_array_equal(kernel, half["features.conv0.weight"].transpose(2, 3, 1, 0))
    assert {note for *_, note in imported.mapped} == {"float16 -> float32"}


def test_another_number_of_classes_is_told_and_the_head_left_out_only_when_asked(tmp_path, state):
    file = written(tmp_path, state)
    with pytest.raises(CheckpointError, match=r"classifier\.bias.*--num-classes 5, or --without-head"):
        import_weights(file, "densenet_tiny")
    imported = import_weights(file, "densenet_tiny", with_head=False)
    assert imported.left_out == ["classifier.bias", "classifier.weight"]
    assert not any("classifier" in path for path in imported.weights.variables)
    assert imported.weights.info["num_classes"] == 0
    headless = {k: v for k, v in state.items() if "classifier" not in k}
    with pytest.raises(CheckpointError, match="no classifier of that name: pass --without-head"):
        import_weights(written(tmp_path, headless), "densenet_tiny")


@pytest.mark.parametrize("with_head", [True, False])
def test_vggface2s_resnet_is_not_taken_for_torchvisions(tmp_path, with_head):
    state = {
        "fc.weight": np.ones((8631, 2048), np.float32),
        "conv1.weight": np.ones((64, 3, 7, 7), np.float32),
    }
    with pytest.raises(CheckpointError, match=r"another network than resnet50: 8,631 .*reads BGR .*91\.4953"):
        import_weights(written(tmp_path, state), "resnet50", with_head=with_head)


def test_a_width_that_no_classifier_has_is_refused(tmp_path, state):
    file = written(tmp_path, state)
    with pytest.raises(ConfigError, match="--num-classes is 0, but a classifier has 1 class or more"):
        import_weights(file, "densenet_tiny", num_classes=0)
    with pytest.raises(ConfigError, match="cnn_m has no classifier"):
        import_weights(file, "cnn_m", num_classes=5)


def test_another_architecture_is_told(tmp_path, state):
    with pytest.raises(CheckpointError, match="looks like another architecture"):
        import_weights(written(tmp_path, state), "resnet18")
    with pytest.raises(ConfigError, match="densenet121"):
        import_weights(written(tmp_path, state), "densnet121")


def test_unwanted_tensors_are_left_out_by_pattern(tmp_path, state):
    extra = {
        **state,
        "decoder.0.weight": np.zeros(3, np.float32),
        "decoder.1.weight": np.zeros(3, np.float32),
    }
    imported = import_weights(
        written(tmp_path, extra), "densenet_tiny", num_classes=CLASSES, leave_out=["decoder.*"]
    )
    assert imported.left_out == ["decoder.0.weight", "decoder.1.weight"]


def test_keras_shortcuts_of_xception_are_found_by_width_whatever_their_number(tmp_path):
    weights = random_weights("xception", num_classes=0)
    file = tmp_path / "xception.npz"
    np.savez(file, **_keras_xception(weights.variables))
    imported = import_weights(file, "xception", with_head=False)
    same(imported.weights.variables, weights.variables)
    assert imported.weights.info["input"]["scale"] == pytest.approx(1 / 127.5)


def _keras_xception(variables) -> dict[str, np.ndarray]:
    leaves = {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "var": "moving_variance"}
    result = {}
    for path, value in variables.items():
        _, layer, *inner, leaf = path.split("/")
        if "shortcut" in layer:
            number = {"block2": 7, "block3": 8, "block4": 9, "block13": 10}[layer.split("_")[0]]
            layer = f"batch_normalization_{number}" if layer.endswith("_bn") else f"conv2d_{number}"
        if inner == ["depthwise"]:
            value = value.transpose(0, 1, 3, 2)
        name = f"{inner[0]}_kernel" if inner else leaves.get(leaf, leaf)
        result[f"{layer}/{name}"] = value
    return result


def test_places_attributes_come_from_their_own_file(tmp_path):
    weights = random_weights("wide_resnet18_places", num_classes=365)
    matrix = np.random.default_rng(0).normal(size=(102, 512)).astype(np.float32)
    np.save(tmp_path / "attributes.npy", matrix)
    file = written(tmp_path, {"state_dict": export_weights(weights)})
    imported = import_weights(file, "wide_resnet18_places", attributes=tmp_path / "attributes.npy")
    np.testing.assert_array_equal(imported.weights.variables["params/attributes/kernel"], matrix.T)
    with pytest.raises(CheckpointError, match="attribute matrix"):
        import_weights(file, "wide_resnet18_places", attributes=file)
    with pytest.raises(ConfigError, match="wide_resnet18_places"):
        import_weights(file, "resnet18", attributes=tmp_path / "attributes.npy")


# What the public training script saves: a few names and shapes of each, by our paths of the same numbers.
AUTHORS = {
    "emotion_gcn": {
        "features.conv0.weight": (64, 3, 7, 7),
        "features.denseblock4.denselayer16.conv2.weight": (32, 128, 3, 3),
        "features.norm5.running_var": (1024,),
        "gc1.weight": (300, 512),
        "gc2.weight": (512, 1024),
    },
    "multi_densenet": {
        "model_base.conv0.weight": (64, 3, 7, 7),
        "model_base.denseblock1.denselayer2.norm1.bias": (96,),
        "lin_cat.weight": (7, 1024),
        "lin_cat.bias": (7,),
        "lin_cont.weight": (2, 1024),
    },
    "breg_next_gcn": {
        "model._conv0.bias": (32,),
        "model._model.0._layer_stack.6._shortcut._a": (1,),
        "model._model.1._layer_stack.0._conv0.weight": (64, 32, 3, 3),
        "model._model.4._layer_stack.6._batchnorm_conv1.running_mean": (128,),
        "model._model.5.weight": (128,),
        "gc1.weight": (300, 512),
        "gc2.weight": (512, 128),
    },
    "multi_breg_next": {
        "_conv0.weight": (32, 3, 3, 3),
        "_model.3._layer_stack.0._shortcut._c": (1,),
        "fc_cat.weight": (7, 128),
        "fc_cont.bias": (2,),
    },
}


@pytest.mark.parametrize("arch", AUTHORS)
def test_what_the_authors_script_saves_is_read_whole(tmp_path, arch):
    weights = random_weights(arch, architecture(arch).num_classes)
    state = export_weights(weights)
    assert AUTHORS[arch].items() <= {k: v.shape for k, v in state.items()}.items()
    matrix = np.eye(9, dtype=np.float32)
    if arch.endswith("gcn"):
        state["A"] = matrix
    unused = {}
    if arch == "breg_next_gcn":  # its network has a classifier that it never uses
        unused = {
            "model._fc0.weight": np.ones((7, 128), np.float32),
            "model._fc0.bias": np.ones(7, np.float32),
        }
    content = {"epoch": 9, "model_state_dict": {**state, **unused}, "optimizer_state_dict": {"state": {}}}
    file = written(tmp_path, content)
    imported = import_weights(file, arch)
    same(imported.weights.variables, weights.variables)
    assert imported.left_out == sorted(unused)
    if arch.endswith("gcn"):
        np.testing.assert_array_equal(imported.weights.constants["A"], matrix)
        np.testing.assert_array_equal(export_weights(imported.weights)["A"], matrix)

    backbone = import_weights(file, arch, with_head=False).weights
    assert backbone.arch == architecture(arch).backbone and not backbone.constants
    shapes = {p: v.shape for p, v in backbone.variables.items()}
    assert shapes == abstract_shapes(backbone.arch, 0)


def test_a_checkpoint_of_the_authors_is_recognised_under_another_name(tmp_path):
    file = written(tmp_path, export_weights(random_weights("multi_breg_next", 7)))
    with pytest.raises(CheckpointError, match="pass --arch multi_breg_next"):
        import_weights(file, "densenet_tiny")


def test_a_label_graph_that_is_not_finite_is_refused(tmp_path):
    state = {**export_weights(random_weights("emotion_gcn")), "A": np.full((9, 9), np.nan, np.float32)}
    with pytest.raises(CheckpointError, match="A holds NaN or infinity"):
        import_weights(written(tmp_path, state), "emotion_gcn")


def test_our_file_keeps_values_and_origin(tmp_path, state):
    imported = import_weights(written(tmp_path, state), "densenet_tiny", num_classes=CLASSES)
    save_weights(imported.weights, tmp_path / "tiny.safetensors")
    loaded = load_weights(tmp_path / "tiny.safetensors", "densenet_tiny")
    same(loaded.variables, imported.weights.variables)
    assert loaded.info == {**imported.weights.info, "input": _listed(imported.weights.info["input"])}
    assert loaded.info["source"] == "weights.pth" and len(loaded.info["source_sha256"]) == 64
    with pytest.raises(CheckpointError, match="holds weights of densenet_tiny, but resnet18"):
        load_weights(tmp_path / "tiny.safetensors", "resnet18")
    with pytest.raises(CheckpointError, match=r"Import it first: .* --arch densenet_tiny"):
        load_weights(tmp_path / "weights.pth", "densenet_tiny")


def _listed(coding: dict) -> dict:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in coding.items()}


def test_a_folder_that_cannot_be_made_is_told_and_nothing_is_left(tmp_path):
    weights = random_weights("densenet_tiny")
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="Cannot write"):
        save_weights(weights, tmp_path / "file" / "tiny.safetensors")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_every_backbone_is_in_the_catalogue():
    assert set(backbone_names()) <= set(architectures())


def test_our_file_is_checked_when_it_is_read(tmp_path):
    weights, file = random_weights("densenet_tiny", 0), tmp_path / "tiny.safetensors"
    path = "params/norm0/bias"
    for value, told in ((np.nan, "norm0/bias holds NaN"), (-np.inf, "norm0/bias holds NaN or infinity")):
        save_weights(
            replace(weights, variables={**weights.variables, path: np.full(16, value, np.float32)}), file
        )
        with pytest.raises(CheckpointError, match=told):
            load_weights(file)
    save_weights(replace(weights, variables={**weights.variables, path: np.ones(16, np.int64)}), file)
    with pytest.raises(CheckpointError, match="norm0/bias is int64"):
        load_weights(file)
    for header in ({}, {"info": "{"}, {"info": '{"source": 3}'}):
        write_safetensors(
            weights.variables, {"format": "emojax-weights-1", "arch": "densenet_tiny", **header}, file
        )
        with pytest.raises(CheckpointError, match="header is damaged"):
            load_weights(file)
