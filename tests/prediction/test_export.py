"""`python -m emojax.export`: a model that moves, predicts the same, and says what it is."""

import json
import pathlib
import shutil
import sys

import jax
import numpy as np
import pytest

import emojax
from emojax.engine.model_folder import read_model
from emojax.engine.restore import read_variables
from emojax.engine.thresholds import read_thresholds, write_thresholds
from emojax.engine.workdir import require_own_config
from emojax.errors import CheckpointError, ConfigError, DataError
from emojax.export import main
from emojax.pretrained.runs import read_weights

PICTURES = np.random.default_rng(1).integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "model"
    assert main(["--workdir", str(run), "--to", str(folder)]) == 0
    return folder


@pytest.fixture
def copied(exported, tmp_path):
    return pathlib.Path(shutil.copytree(exported, tmp_path / "elsewhere"))


def test_a_copied_folder_predicts_bit_for_bit_as_its_run(run, copied):
    here, there = emojax.load(run).predict(PICTURES), emojax.load(copied).predict(PICTURES)
    assert here.keys() == there.keys() and len(here) == 2
    for name, value in here.items():
        np.testing.assert_array_equal(value, there[name])


def test_the_folder_holds_nothing_pickled_and_a_card(copied):
    assert sorted(path.name for path in copied.iterdir()) == ["README.md", "model.safetensors", "recipe.json"]
    card = (copied / "README.md").read_text()
    for part in (
        "neutral, happy, sad",
        "valence, arousal",
        "rotate_crop",
        "Intended use and limits",
        "affectnet",
    ):
        assert part in card


def test_thresholds_of_an_evaluation_travel_and_name_the_labels(run, tmp_path):
    workdir = pathlib.Path(shutil.copytree(run, tmp_path / "run"))
    assert emojax.load(workdir).labels_of({"happy": 0.9}) == ()
    write_thresholds(workdir, read_variables(workdir), np.array([0.1, 0.2, 0.3, np.inf, 0.5, 0.5, 0.5]))
    assert main(["--workdir", str(workdir), "--to", str(tmp_path / "model")]) == 0
    model = emojax.load(tmp_path / "model")
    said = dict(zip(model.labels.classes, (0.1, 0.1, 0.4, 1.0, 0.5, 0.4, 0.4)))
    assert model.labels_of(said) == ("neutral", "sad", "fear")
    other = read_model(tmp_path / "model")
    other.variables["params"]["head"] = {}
    assert read_thresholds(tmp_path / "model", other) is None  # they are those of one network
    path = next((tmp_path / "model" / "fitted").iterdir())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="Delete it: python -m emojax.evaluate writes it again"):
        emojax.load(tmp_path / "model")


def test_weights_of_the_folder_start_another_run(run, copied):
    ours, theirs = read_weights(run)[1], read_weights(copied)[1]
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(value, theirs[name]) for name, value in ours.items())


def test_a_model_is_not_trained_on_in_place(copied):
    restored = read_model(copied)
    with pytest.raises(ConfigError, match="holds an exported model, which cannot be trained on"):
        require_own_config(copied, restored.config)


def test_another_checkpoint_of_a_model_is_refused(copied):
    with pytest.raises(CheckpointError, match="holds one checkpoint"):
        read_variables(copied, "77")


def _flip(path: pathlib.Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: _flip(folder / "model.safetensors", -5),
        lambda folder: (folder / "model.safetensors").write_bytes(b"nothing"),
        lambda folder: (folder / "recipe.json").write_text("{"),
        lambda folder: (folder / "recipe.json").write_text(
            (folder / "recipe.json").read_text().replace("happy", "merry")
        ),
    ],
)
def test_a_damaged_model_is_refused_in_one_line(copied, damage):
    damage(copied)
    with pytest.raises(CheckpointError) as error:
        read_variables(copied)
    assert "\n" not in str(error.value) and "Copy or export the model again" in str(error.value)


def test_stablehlo_predicts_any_number_of_pictures_with_jax_alone(run, tmp_path):
    folder = tmp_path / "compiled"
    assert main(["--workdir", str(run), "--to", str(folder), "--format", "stablehlo"]) == 0
    network = jax.export.deserialize((folder / "model.stablehlo").read_bytes())
    expected = emojax.load(run).predict(PICTURES)
    for count in (1, 5):
        outputs = network.call(PICTURES[:count])
        for name, value in expected.items():
            np.testing.assert_allclose(outputs[name], value[:count], atol=1e-5)
    assert json.loads((folder / "recipe.json").read_text())["recipe"]["labels"]["classes"][0] == "neutral"


def test_onnx_predicts_any_number_of_pictures_in_onnxruntime(run, tmp_path, capsys):
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
    folder = tmp_path / "moved"
    assert main(["--workdir", str(run), "--to", str(folder), "--format", "onnx"]) == 0
    assert "onnxruntime and JAX differ by at most" in capsys.readouterr().out
    network = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    expected = emojax.load(run).predict(PICTURES)
    names = [output.name for output in network.get_outputs()]
    for count in (1, 5):
        outputs = dict(zip(names, network.run(None, {"image": PICTURES[:count]})))
        for name, value in expected.items():
            np.testing.assert_allclose(outputs[name], value[:count], atol=1e-5)
    told = network.get_modelmeta().custom_metadata_map
    recipe = json.loads((folder / "recipe.json").read_text())
    assert {name: json.loads(value) for name, value in told.items()} == recipe
    assert recipe["recipe"]["labels"]["classes"][0] == "neutral" and recipe["recipe"]["build"]["align"]
    assert "Needs onnxruntime alone" in (folder / "README.md").read_text()


def test_onnx_without_its_package_is_one_line(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    for name in [name for name in sys.modules if name.startswith("emojax.exports.to_onnx")]:
        monkeypatch.delitem(sys.modules, name)
    assert main(["--workdir", str(run), "--to", str(tmp_path / "out"), "--format", "onnx"]) == 2
    assert capsys.readouterr().err == (
        'error: ONNX needs a package that is not installed (onnx): pip install "emojax[onnx]", or pip install onnx '
        "onnxruntime\n"
    )


def test_a_format_that_cannot_hold_the_network_is_refused_in_one_line(run, tmp_path, capsys):
    folder = tmp_path / "out"
    assert main(["--workdir", str(run), "--to", str(folder), "--format", "torch"]) == 2
    assert "No code for torch is known" in capsys.readouterr().err and not folder.exists()


def test_a_folder_that_holds_something_is_not_written_into(run, exported, capsys):
    assert main(["--workdir", str(run), "--to", str(exported)]) == 2
    assert "is there and not empty" in capsys.readouterr().err
