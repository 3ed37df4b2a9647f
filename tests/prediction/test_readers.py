"""What a system reads of a face or a person in a frame, and frames gathered over time."""

import csv
import sys
import types

import cv2
import numpy as np
import pytest

from data_prep.folder.people import main as prepare_people
from emojax import cli, systems
from emojax.data.dataset import load_dataset
from emojax.data.loader import Batches, Order
from emojax.errors import ConfigError, Skip
from emojax.prediction.answers import standardised
from emojax.prediction.clips import Clips
from emojax.prediction.inputs import Frame
from emojax.prediction.model import _by_frame
from emojax.prediction.readers import ClipPersonReader, PersonReader, SequenceFaceReader, reader_of
from emojax.vision import dlib68
from emojax.vision.faces import DetectedFace
from emojax.vision.people_detector import make_people_detector, with_faces


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Pictures of two people each, with labels and valence; the folder of the pictures and the prepared data."""
    folder = tmp_path_factory.mktemp("people")
    (folder / "img").mkdir()
    generator = np.random.default_rng(0)
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "box", "label", "valence"])
        for i in range(10):
            pixels = generator.integers(0, 256, (60, 90, 3)).astype(np.uint8)
            cv2.imwrite(str(folder / "img" / f"{i}.png"), pixels)
            writer.writerow([f"{i}.png", "5 4 30 50", "joy;pride", "0.8"])
            writer.writerow([f"{i}.png", "50 6 35 40", "joy" if i % 2 else "calm", "0.25"])
    arguments = ["--images", folder / "img", "--labels", folder / "labels.csv", "--out", folder / "data"]
    assert prepare_people([*map(str, arguments), "--size", "32", "--workers", "1"]) == 0
    return folder


def test_own_people_become_data_that_people_systems_take(people):
    dataset = load_dataset(people / "data")
    assert dataset.labels.classes == ("calm", "joy", "pride") and dataset.labels.dimensions == ("valence",)
    together = np.array(dataset.statistics["cooccurrence"])
    assert together[1, 2] == together[2, 2] == 8 and together[0, 1] == 0
    subjects = [set(dataset.columns(split)["subject"]) for split in ("train", "validation")]
    assert not subjects[0] & subjects[1]  # a picture, and who is in it, is in one split
    for variant in ("own_people_bcf", "own_people_bc_mlgcn"):
        config = cli.load_config_file(f"configs/own_people.py:{variant}@demo")
        config.image_size = 32
        if variant.endswith("mlgcn"):
            config.model.gcn.tau = 0.5
        system = systems.build(config, dataset.recipe)
        assert system.monitor == "map_over_aae" and isinstance(
            reader_of(system, dataset.recipe), PersonReader
        )
    without = systems.build(
        config, dataset.recipe.__class__(**{**vars(dataset.recipe), "labels": _no_values(dataset)})
    )
    assert without.monitor == "map" and without.net.dimensions is None


def _no_values(dataset):
    return dataset.labels.__class__(dataset.labels.classes)


@pytest.mark.parametrize(
    "rows,reason",
    [
        (["image,label", "a.png,joy"], "has no column 'box'"),
        (["image,box,label,valence", "a.png,0 0 5 5,joy,7"], "line 2: valence is '7', not in .0, 1."),
        (["image,box,label", "a.png,0 0 5,joy"], "line 2: the box '0 0 5' is not x, y, width, height"),
        (["image,box,label", "a.png,0 0 5 5,joy"], "fewer than two labels"),
    ],
)
def test_a_table_of_people_that_cannot_be_is_one_line(tmp_path, capsys, rows, reason):
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    arguments = ["--images", tmp_path, "--labels", tmp_path / "t.csv", "--out", tmp_path / "out"]
    assert prepare_people([*map(str, arguments)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and __import__("re").search(reason, error)


def test_a_person_in_a_picture_is_read_as_the_prepared_record(people):
    dataset = load_dataset(people / "data")
    config = cli.load_config_file("configs/own_people.py:own_people_bcf@demo")
    config.image_size = 32
    system = systems.build(config, dataset.recipe)
    reader = reader_of(system, dataset.recipe)
    order = Order(batch_size=4, train=False, seed=0)
    batch = next(iter(Batches(dataset, "validation", system.inputs, order)))
    sources = dataset.columns("validation")["source_id"]
    for row, source in enumerate(sources[:4]):
        name, number = source.split("#")
        boxes = [DetectedFace((5, 4, 30, 50)), DetectedFace((50, 6, 35, 40))]
        image = cv2.imread(str(people / "img" / name))
        record = reader(image, boxes[int(number) % 2], boxes)
        for feature in ("body", "context", "face", "body_box"):
            np.testing.assert_array_equal(record[feature], batch[feature][row])


def system_of(name: str):
    config = cli.load_config_file(name)
    recipe = systems.stand_in(config)
    return systems.build(config, recipe), recipe


def test_what_no_picture_shows_is_refused_in_one_line():
    for name, reason in {
        "configs/bold.py:bold_stgcn_spatial@demo": "reads the joints of OpenPose",
        "configs/emotic.py:emotic_bcfpsa_r18@demo": "reads the joints of OpenPose",
        "configs/bold.py:bold_flow_bcf@demo": "reads optical flow",
    }.items():
        with pytest.raises(ConfigError, match=reason) as error:
            reader_of(*system_of(name))
        assert "\n" not in str(error.value)


def test_systems_of_clips_read_faces_or_people_of_frames(monkeypatch):
    image = np.random.default_rng(1).integers(0, 256, (80, 100, 3)).astype(np.uint8)
    box = DetectedFace((20.0, 10.0, 30.0, 40.0))
    reader = reader_of(*system_of("configs/bold.py:bold_rgb_bcf@demo"))
    assert isinstance(reader, ClipPersonReader)
    record = reader(image, box, [box])
    assert set(record) == {"body", "context", "face"} and record["body"].shape == (
        reader.size,
        reader.size,
        3,
    )
    reader = reader_of(*system_of("configs/sasefe.py:sase12_cnn_frontal@demo"))
    assert isinstance(reader, SequenceFaceReader) and reader.needs_landmarks
    with pytest.raises(Skip, match="without its 68 landmarks"):
        reader(image, box, [box])
    monkeypatch.setitem(sys.modules, "dlib", None)
    dlib68.networks.cache_clear()
    with pytest.raises(ConfigError, match=r"dlib is not installed .*pip install dlib-bin.*--boxes FILE.csv"):
        reader.make_detector("auto")


def test_faces_outside_whole_people_become_people():
    face = DetectedFace((40.0, 20.0, 10.0, 10.0), None, 0.9)
    (person,) = with_faces(lambda image: [face])(np.full((120, 100, 3), 128, np.uint8))
    assert person.box == (30.0, 15.0, 30.0, 70.0) and person.score == 0.9
    with pytest.raises(ConfigError, match="no detector of people 'haar'"):
        make_people_detector("haar")


def test_logits_become_probabilities_by_their_link():
    logits = np.array([[0.0, np.log(3.0)]])
    np.testing.assert_allclose(standardised({"logits": logits}, {})["probabilities"], [[0.25, 0.75]])
    sigmoid = standardised({"logits": logits, "dimensions": logits}, {"logits": "sigmoid"})
    np.testing.assert_allclose(sigmoid["probabilities"], [[0.5, 0.75]])


def test_answers_of_windows_belong_to_their_frames_and_those_of_clips_to_all():
    table = np.array([[0, 1, 2], [3, 4, -1]])
    windows = np.arange(6.0).reshape(2, 3, 1)
    np.testing.assert_array_equal(_by_frame(windows, table, 5)[:, 0], [0, 1, 2, 3, 4])
    clips = _by_frame(np.array([[1.0], [4.0]]), np.array([[0, 1], [1, 2]]), 4)
    np.testing.assert_array_equal(clips[:, 0], [1, 2.5, 4, 2.5])


def test_each_face_is_followed_and_answered_when_its_clip_is_full_or_it_is_gone():
    """Two faces; the second leaves after three frames and is answered a second later."""
    asked = []

    def answers(records):
        asked.append([record["frame"] for record in records])
        return [({}, {"valence": float(len(records))})] * len(records)

    clips = Clips(types.SimpleNamespace(clip_length=4, answers_of_clip=answers))
    left, right = DetectedFace((0.0, 0.0, 10.0, 10.0)), DetectedFace((50.0, 0.0, 10.0, 10.0))
    for number in range(9):
        faces = [left, right] if number < 3 else [left]
        records = [{"frame": number}] * len(faces)
        clips.add(Frame(None, number, number * 0.4, None), faces, records)
    seen = clips.finish()
    assert asked == [[0, 1, 2, 3], [0, 1, 2], [4, 5, 6, 7], [8]]
    assert [one.answer[1]["valence"] for one in seen[0]] == [4.0, 3.0] and len(seen[8]) == 1
