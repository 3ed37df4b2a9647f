"""`emojax.load`: a trained run as an object that predicts pictures."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

import emojax
from emojax import systems
from emojax.data.columns import Columns
from emojax.engine.inference import Predictor
from emojax.engine.restore import read_variables
from emojax.errors import ConfigError, DataError
from emojax.prediction.boxes import GivenBoxes
from emojax.prediction.inputs import read_picture
from emojax.vision.faces import DetectedFace


@pytest.fixture(scope="module")
def model(run):
    return emojax.load(run, detector="none")


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (3, 40, 50, 3)).astype(np.uint8)


def test_importing_emojax_imports_no_library():
    code = "import sys, emojax; print(sorted({'jax', 'numpy', 'cv2', 'flax'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_the_systems_are_listed_without_jax():
    code = "import sys, emojax; s = emojax.systems(); import emojax.systems as p; "
    code += "print(len(s) > 100, p.build, 'jax' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout.startswith("True <function build") and found.stdout.endswith(" False\n"), found.stderr


def test_pictures_are_predicted_in_the_order_of_the_labels(model, pictures):
    outputs = model.predict(pictures)
    assert model.labels.classes[0] == "neutral" and model.labels.dimensions == ("valence", "arousal")
    assert outputs["probabilities"].shape == (3, 7) and outputs["valence_arousal"].shape == (3, 2)
    np.testing.assert_allclose(outputs["probabilities"].sum(axis=1), 1, rtol=1e-5)
    assert model.embed(pictures).shape == (3, 32)


def test_a_batch_predicts_as_its_pictures_alone(model, pictures):
    many = np.concatenate([pictures] * 12)  # 36: two compiled sizes
    together = model.predict(many)["probabilities"]
    alone = [model.predict(picture)["probabilities"][0] for picture in pictures]
    np.testing.assert_allclose(together, np.array(alone * 12), atol=1e-6)


def test_no_picture_gives_no_rows(model):
    assert model.predict([])["probabilities"].shape == (0, 7) and model.embed([]).shape == (0, 32)


def test_a_path_predicts_as_its_pixels(model, pictures, tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), pictures[0][..., ::-1])
    by_path, by_pixels = model.predict(path), model.predict(pictures[0])
    np.testing.assert_array_equal(by_path["valence_arousal"], by_pixels["valence_arousal"])


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), "missing.png"]
)
def test_what_is_no_picture_is_refused(model, wrong):
    with pytest.raises(DataError, match=r"A picture is an array|Cannot predict: no file missing.png"):
        model.predict([wrong])


def test_faces_are_found_and_named(run, pictures):
    box = (5.0, 6.0, 20.0, 24.0)
    outside = DetectedFace((90.0, 90.0, 5.0, 5.0))
    model = emojax.load(run, detector=lambda image: [DetectedFace(box), outside])
    (face,) = model.detect_and_predict(pictures[0])
    assert face.box == box and face.label in model.labels.classes
    crop = cv2.resize(pictures[0][6:30, 5:25], (32, 32), interpolation=cv2.INTER_LINEAR)
    stored = cv2.imdecode(cv2.imencode(".jpg", crop[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 95))[1], 1)[
        ..., ::-1
    ]
    expected = model.predict(np.ascontiguousarray(stored))["probabilities"][0]
    np.testing.assert_allclose(list(face.probabilities.values()), expected, atol=1e-6)
    assert set(face.values) == {"valence", "arousal"}


def test_an_unknown_detector_is_refused_by_name(run, pictures):
    for name, reason in {"haarr": "There is no detector 'haarr'", "os:nothing": "cannot be imported"}.items():
        with pytest.raises(ConfigError, match=reason):
            emojax.load(run, detector=name).detect_and_predict(pictures[0])


def test_original_pictures_are_predicted_as_their_prepared_records(model, run, dataset, boxes):
    """The crop, the alignment and the JPEG of the preparation are repeated."""
    restored = read_variables(run)
    predictor = Predictor(systems.build(restored.config, restored.recipe), dataset)
    recorded = predictor.predict(predictor.place(restored.variables), "validation")
    columns: Columns = dataset.columns("validation")
    given, crops = GivenBoxes(boxes), []
    paths = {path.name: path for path, _ in given._faces}
    for source in columns["source_id"]:
        frame = read_picture(paths[source.rsplit("/", 1)[-1]], upright=False)
        crops.append(model.crop(frame.image, given.of(frame)[0]))
    outputs = model.predict(crops)
    assert len(crops) == len(recorded["index"]) > 30
    same = outputs["probabilities"].argmax(axis=1) == recorded["probabilities"].argmax(axis=1)
    assert same.mean() >= 0.99
    np.testing.assert_allclose(outputs["valence_arousal"], recorded["valence_arousal"], atol=0.01)
