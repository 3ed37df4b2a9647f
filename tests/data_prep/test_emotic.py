"""The preparation of EMOTIC, from the raw layout to records."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from PIL import Image

from data_prep.check.command import check_dataset
from data_prep.emotic.crops import main as crops_main
from data_prep.emotic.prepare import main, prepare
from data_prep.emotic.raw import SPLITS, Person, find_emotic, read_annotations
from data_prep.emotic.records import EmoticSource, Options, record_features
from data_prep.emotic.side import SideInputs, Status
from emojax.data.dataset import load_dataset
from emojax.data.decode import read_record
from emojax.data.inputs import Inputs
from emojax.data.loader import Batches, Order
from emojax.errors import DataError, Skip
from emojax.graphs.openpose import RIGHT_HAND
from emojax.labels import EMOTIC_LABELS
from emojax.systems.people.inputs import mask_boxes
from emojax.vision.boxes import MAX_PEOPLE

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPTIONS = Options(size=64, encoding="raw")
# Reason of each fault in the order in which `emotic_faults` makes them; None where it is mended.
FAULTS = (
    *("missing_image", "truncated_image", "unreadable_image", "unreadable_image", "image_size_differs"),
    *(None, None, "box_outside_image", "empty_box", "bad_box"),
    *("no_categories", "unknown_category", "nan_vad", "vad_out_of_range"),
)


def records(folder, split: str, names) -> dict[str, np.ndarray]:
    """All records of a split as one batch."""
    dataset = load_dataset(folder)
    size = dataset.split(split).num_records
    batches = Batches(dataset, split, Inputs(tuple(names)), Order(size), threads=0)
    batch = next(batches)
    batches.close()
    return batch


def sources(folder, split: str) -> list[str]:
    source = load_dataset(folder).source(split)
    return [read_record(source, i, ["source_id"])["source_id"][0].decode() for i in range(len(source))]


def test_every_fault_is_counted_under_its_reason_and_the_rest_is_kept(raw_emotic, prepared_emotic):
    dataset = load_dataset(prepared_emotic)
    counted = {reason: FAULTS.count(reason) for reason in set(FAULTS) - {None}}
    assert dataset.skipped["train"] == counted
    people = read_annotations(find_emotic(raw_emotic).annotations)
    for split in SPLITS:
        lost = sum(dataset.skipped.get(split, {}).values())
        assert dataset.split(split).num_records == len(people[split]) - lost
        assert dataset.statistics["raw"][split]["people"] == len(people[split])


def test_records_agree_with_the_raw_files(raw_emotic, prepared_emotic, emotic_sides):
    people = {p.source: p for p in read_annotations(find_emotic(raw_emotic).annotations)["test"]}
    names = ["context", "body", "body_box", "categories", "vad", "vad_raw", "people_boxes", "people_count"]
    batch = records(prepared_emotic, "test", names)
    order = sources(prepared_emotic, "test")
    assert order == list(people)
    for row, source in enumerate(order):
        person = people[source]
        image = cv2.imread(str(raw_emotic / "emotic" / person.image))[..., ::-1]
        height, width = image.shape[:2]
        x1, y1, x2, y2 = (int(value) for value in np.clip(person.box, 0, (width, height) * 2))
        np.testing.assert_array_equal(
            batch["context"][row], cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA)
        )
        crop = cv2.resize(image[y1:y2, x1:x2], (64, 64), interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(batch["body"][row], crop)
        np.testing.assert_allclose(
            batch["body_box"][row] / 64, np.array((x1, y1, x2, y2)) / ((width, height) * 2), atol=1 / 64
        )
        named = [name for name, on in zip(EMOTIC_LABELS.classes, batch["categories"][row]) if on]
        assert named == sorted(name.lower() for name in person.categories)
        np.testing.assert_allclose(batch["vad_raw"][row], person.vad, rtol=1e-6)
        np.testing.assert_allclose(batch["vad"][row], np.array(person.vad) / 10, rtol=1e-6)
        assert batch["people_count"][row] == 1 + len(person.others)
        np.testing.assert_allclose(
            batch["people_boxes"][row, 0], np.array((x1, y1, x2, y2)) / ((width, height) * 2), atol=1e-6
        )


def test_side_inputs_are_there_with_a_flag_or_zeros_without(prepared_emotic):
    flags = [f"{name}_valid" for name in ("face", "pose", "scene", "attribute", "depth")]
    names = ["face", "pose", "joints", "scene_scores", "attribute_scores", "depth", *flags]
    batch = records(prepared_emotic, "train", names)
    statistics = load_dataset(prepared_emotic).statistics
    contents = {
        "face": batch["face"].reshape(len(batch["face"]), -1),
        "pose": np.concatenate([batch["pose"], batch["joints"].reshape(len(batch["pose"]), -1)], axis=1),
        "scene": batch["scene_scores"],
        "attribute": batch["attribute_scores"],
        "depth": batch["depth"].reshape(len(batch["depth"]), -1),
    }
    for name, content in contents.items():
        valid = batch[f"{name}_valid"]
        assert set(np.unique(valid)) <= {0.0, 1.0} and valid.any()
        np.testing.assert_array_equal(content.any(axis=1), valid == 1)
        counts = statistics["side_inputs"]["train"][name]
        assert counts["valid"] == valid.sum() and sum(counts.values()) == len(valid)
    seen = batch["scene_valid"] == 1
    np.testing.assert_allclose(batch["scene_scores"][seen].sum(axis=1), 1, rtol=1e-4)
    pixels = batch["depth"][batch["depth_valid"] == 1] / 255
    assert statistics["depth_mean"] == pytest.approx(pixels.mean(), rel=1e-6)
    assert statistics["depth_std"] == pytest.approx(pixels.std(), rel=1e-6)


def test_joints_are_those_of_the_person_in_the_crop(raw_emotic, prepared_emotic):
    """The nose of the pose lies on the face the landmarks show, both told in the crop."""
    batch = records(prepared_emotic, "train", ["joints", "pose_valid", "pose"])
    nose = batch["joints"][batch["pose_valid"] == 1, 0]
    sure = nose[:, 2] >= 0.1
    assert sure.mean() > 0.8
    assert (nose[sure, 1] < 0.6).all() and abs(np.median(nose[sure, 0]) - 0.5) < 0.1
    assert (batch["joints"][..., :2] >= 0).all() and (batch["joints"][..., :2] <= 1).all()


def test_statistics_are_those_of_the_training_records(prepared_emotic):
    dataset = load_dataset(prepared_emotic)
    batch = records(prepared_emotic, "train", ["categories", "vad"])
    labels = batch["categories"].astype(int)
    statistics = dataset.statistics
    np.testing.assert_array_equal(statistics["cooccurrence"], labels.T @ labels)
    np.testing.assert_array_equal(statistics["counts"], labels.sum(axis=0))
    np.testing.assert_allclose(
        statistics["conditional"], (labels.T @ labels) / np.maximum(labels.sum(axis=0), 1)[:, None]
    )
    assert statistics["labels_per_person"] == pytest.approx(labels.sum(axis=1).mean())
    np.testing.assert_allclose(statistics["dimension_mean"], batch["vad"].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(statistics["dimension_std"], batch["vad"].std(axis=0), rtol=1e-4)
    for split, description in dataset.splits.items():
        counts = records(prepared_emotic, split, ["categories"])["categories"].sum(axis=0)
        assert list(description.class_counts.values()) == counts.tolist()
    assert dataset.labels == EMOTIC_LABELS


def test_annotations_of_every_annotator_are_kept_on_the_host(prepared_emotic):
    source = load_dataset(prepared_emotic).source("validation")
    said = json.loads(read_record(source, 0, ["annotations"])["annotations"][0])
    assert len(said["categories"]) == len(said["continuous"]) >= 3
    assert said["gender"] in ("Male", "Female") and said["age"]


def test_the_check_passes_and_finds_a_changed_category(prepared_emotic, tmp_path):
    report = check_dataset(load_dataset(prepared_emotic), workers=1)
    assert (report.problems, report.total) == ([], 0)
    folder = tmp_path / "copy"
    shutil.copytree(prepared_emotic, folder)
    content = json.loads((folder / "dataset.json").read_text())
    content["splits"]["test"]["class_counts"]["peace"] += 1
    content["labels"]["classes"] = content["labels"]["classes"][::-1]
    (folder / "dataset.json").write_text(json.dumps(content))
    problems = check_dataset(load_dataset(folder), workers=1).problems
    assert any("the classes are" in problem for problem in problems)
    assert any("records of class peace" in problem for problem in problems)


def test_the_bytes_do_not_depend_on_the_workers(raw_emotic, emotic_sides, prepared_emotic, tmp_path):
    prepare(raw_emotic, tmp_path, OPTIONS, emotic_sides, num_shards=3, workers=2)
    for path in prepared_emotic.glob("*.tfrecord-?????-of-?????"):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()
    assert (tmp_path / "dataset.json").read_text() == (prepared_emotic / "dataset.json").read_text()


def test_a_killed_run_goes_on_and_gives_the_same_bytes(raw_emotic, prepared_emotic, tmp_path):
    command = [sys.executable, "-m", "data_prep.emotic", "--raw", str(raw_emotic), "--out", str(tmp_path)]
    command += ["--size", "64", "--encoding", "raw", "--shards", "3", "--workers", "1"]
    run = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while not list((tmp_path / ".prepare").glob("*.tfrecord-*.json")):
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not (tmp_path / "dataset.json").exists()
    finished = {
        name: os.stat(tmp_path / name).st_mtime_ns
        for path in (tmp_path / ".prepare").glob("*.tfrecord-*.json")
        for name in [path.name.removesuffix(".json")]
    }
    assert 1 <= len(finished) < 5
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    for name, modified in finished.items():
        assert os.stat(tmp_path / name).st_mtime_ns == modified
    assert (tmp_path / "dataset.json").read_text() == (prepared_emotic / "dataset.json").read_text()


def test_other_options_or_side_inputs_are_refused_for_a_begun_folder(raw_emotic, prepared_emotic, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(prepared_emotic, folder)
    with pytest.raises(DataError, match="vad_scale tenth then, unit now"):
        prepare(raw_emotic, folder, Options(64, "raw", "unit"), SideInputs(), num_shards=3)
    with pytest.raises(DataError, match="poses True then, False now"):
        prepare(raw_emotic, folder, OPTIONS, SideInputs(), num_shards=3)


def test_without_side_inputs_everything_is_zeros_and_the_report_says_so(raw_emotic, tmp_path, capsys):
    raw = tmp_path / "raw"  # without the folders that are taken without being named
    raw.mkdir()
    for name in ("emotic", "Annotations"):
        (raw / name).symlink_to(raw_emotic / name)
    arguments = ["--raw", str(raw), "--out", str(tmp_path / "out"), "--size", "32", "--workers", "1"]
    assert main([*arguments, "--face_detector", "none", "--vad_scale", "unit"]) == 0
    out = capsys.readouterr().out
    assert "No training record has: face, pose, scene, attribute, depth." in out
    assert "no release of EMOTIC" in out and "skipped nan_vad" in out
    batch = records(tmp_path / "out", "test", ["face", "pose", "depth", "vad", "vad_raw", "context"])
    assert not batch["face"].any() and not batch["pose"].any() and not batch["depth"].any()
    assert batch["context"].any()
    np.testing.assert_allclose(batch["vad"], (batch["vad_raw"] - 1) / 9, rtol=1e-5)
    assert load_dataset(tmp_path / "out").statistics["depth_mean"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--raw", "/nowhere"], "There is no folder /nowhere"),
        (["--poses", "/nowhere"], r"There is no folder /nowhere (--poses)"),
    ],
)
def test_mistakes_are_told_in_one_line(raw_emotic, tmp_path, capsys, arguments, message):
    assert main(["--raw", str(raw_emotic), "--out", str(tmp_path), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1


def test_a_split_without_a_usable_person_is_an_error(raw_emotic, tmp_path):
    raw = tmp_path / "raw"
    for name in ("emotic", "Annotations"):
        shutil.copytree(raw_emotic / name, raw / name)
    for person in read_annotations(find_emotic(raw).annotations)["train"]:
        (raw / "emotic" / person.image).unlink(missing_ok=True)
    with pytest.raises(DataError, match=r"No person of the train split can be used \(missing_image"):
        prepare(raw, tmp_path / "out", Options(size=32), SideInputs(face_detector="none"))


class TestOnePerson:
    """`EmoticSource.convert` on made-up people of one real picture file."""

    @pytest.fixture
    def source(self, tmp_path):
        image = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
        (tmp_path / "f").mkdir()
        cv2.imwrite(str(tmp_path / "f" / "a.png"), image)
        return EmoticSource(str(tmp_path), SideInputs(face_detector="none"), OPTIONS)

    @staticmethod
    def person(**changes) -> Person:
        values = dict(folder="f", filename="a.png", number=0, size=(160.0, 120.0), box=(20, 10, 90, 110))
        values |= dict(others=(), categories=("Peace",), vad=(5.0, 5.0, 5.0), annotations="{}")
        return Person(**(values | changes))

    def test_one_person_alone(self, source):
        features = source.convert(self.person()).features
        assert features["people_count"] == 1 and not features["people_boxes"][1:].any()

    def test_twenty_people_and_more(self, source):
        others = tuple((i, i, i + 20.0, i + 30.0) for i in range(19))
        assert source.convert(self.person(others=others)).features["people_count"] == 20
        assert source.convert(self.person(others=others * 3)).features["people_count"] == MAX_PEOPLE

    def test_a_person_touching_every_border(self, source):
        features = source.convert(self.person(box=(-10, -10, 500, 500))).features
        np.testing.assert_array_equal(features["body_box"], (0, 0, 64, 64))
        assert features["body"] == features["context"]

    @pytest.mark.parametrize("encoding", ["jpeg", "raw"])
    def test_the_masked_context_does_not_depend_on_the_agent(self, source, tmp_path, encoding):
        """Two files that differ in the box alone give the network the same context, also as stored by default."""
        agent = cv2.imread(str(tmp_path / "f" / "a.png"))
        agent[10:110, 20:90] = (0, 0, 255)
        cv2.imwrite(str(tmp_path / "f" / "b.png"), agent)
        options = dataclasses.replace(OPTIONS, encoding=encoding)
        feature, masked, whole = record_features(options)["context"], [], []
        for filename in ("a.png", "b.png"):
            record = EmoticSource(source.images, source.sides, options).convert(
                self.person(filename=filename)
            )
            pixels = np.frombuffer(record.features["context"], np.uint8)
            image = (
                pixels.reshape(feature.shape) if encoding == "raw" else cv2.imdecode(pixels, cv2.IMREAD_COLOR)
            )
            whole.append(image)
            masked.append(np.asarray(mask_boxes(image[None], record.features["body_box"][None])))
        assert (whole[0] != whole[1]).any() and masked[0].any()
        np.testing.assert_array_equal(*masked)

    def test_swapped_corners(self, source):
        swapped = source.convert(self.person(box=(90, 110, 20, 10))).features
        assert swapped["body"] == source.convert(self.person()).features["body"]

    def test_a_larger_copy_of_the_image_moves_the_box(self, source):
        half = self.person(size=(80.0, 60.0), box=(10, 5, 45, 55))
        assert source.convert(half).features["body"] == source.convert(self.person()).features["body"]
        unknown = self.person(size=(0.0, 0.0))
        assert source.convert(unknown).features["body"] == source.convert(self.person()).features["body"]

    def test_spelling_of_categories(self, source):
        for doubt in ("DOUBT/CONFUSION ", "Doubt / Confusion", "Doubt/ Confusion"):
            record = source.convert(self.person(categories=(doubt, "Disconnect", "Peace", "peace")))
            named = [n for n, on in zip(EMOTIC_LABELS.classes, record.features["categories"]) if on]
            assert named == ["disconnection", "doubt/confusion", "peace"]

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"vad": (5.0, float("nan"), 5.0)}, "nan_vad"),
            ({"vad": (0.5, 5.0, 5.0)}, "vad_out_of_range"),
            ({"categories": ()}, "no_categories"),
            ({"categories": ("Peace", "Boredom")}, "unknown_category"),
            ({"filename": "b.png"}, "missing_image"),
            ({"size": (120.0, 150.0)}, "image_size_differs"),
            ({"size": (120.0, 160.0), "box": (10, 20, 90, 150)}, "image_size_differs"),
            ({"box": ()}, "bad_box"),
        ],
    )
    def test_faults(self, source, changes, reason):
        with pytest.raises(Skip) as skip:
            source.convert(self.person(**changes))
        assert skip.value.reason == reason

    def test_a_size_with_width_and_height_exchanged_leaves_the_box_unless_the_picture_was_turned(
        self, source, tmp_path
    ):
        exchanged = source.convert(self.person(size=(120.0, 160.0))).features
        assert exchanged["body"] == source.convert(self.person()).features["body"]
        picture = Image.open(tmp_path / "f" / "a.png")
        exif = Image.Exif()
        exif[0x0112] = 6
        picture.save(tmp_path / "f" / "turned.jpg", exif=exif)
        with pytest.raises(Skip, match="drawn on the turned picture"):
            source.convert(self.person(filename="turned.jpg", size=(120.0, 160.0)))

    def test_damaged_side_inputs_are_zeros_and_counted_as_unreadable(self, source, tmp_path):
        side = tmp_path / "side" / "f"
        side.mkdir(parents=True)
        for name in ("a.csv", "a_person0_keypoints.json", "a.png", "a.npy"):
            (side / name).write_text("garbage")
        folder = str(tmp_path / "side")
        damaged = EmoticSource(source.images, SideInputs(folder, folder, folder, folder), OPTIONS)
        record = damaged.convert(self.person())
        assert [
            record.columns[f"{name}_status"] for name in ("face", "pose", "scene", "attribute", "depth")
        ] == [3] * 5
        assert not record.features["pose"].any() and record.features["scene_valid"] == 0.0
        assert damaged.signature(self.person()) != source.signature(self.person())

    def test_the_files_of_a_person_come_before_those_of_the_image(self, source, tmp_path):
        side = tmp_path / "side" / "f"
        side.mkdir(parents=True)
        scores = np.zeros(467, np.float32)
        for name, i in (("a.npy", 3), ("a_person1.npy", 5)):
            np.save(side / name, scores + np.eye(467, dtype=np.float32)[i])
        np.save(side / "b.npy", np.ones(365))
        with_sides = EmoticSource(source.images, SideInputs(scenes=str(tmp_path / "side")), OPTIONS)
        assert with_sides.convert(self.person()).features["scene_scores"].argmax() == 3
        assert with_sides.convert(self.person(number=1)).features["scene_scores"].argmax() == 5

    @pytest.mark.parametrize(
        ("name", "corner"), [("a_keypoints.json", (20, 10)), ("a_person0_keypoints.json", (0, 0))]
    )
    def test_a_pose_of_the_image_or_of_the_crop_is_told_in_the_crop(self, source, tmp_path, name, corner):
        """OpenPose's pixels are those of the picture it saw: the image, or what `emotic_crops` cut out of it."""
        side = tmp_path / "side" / "f"
        side.mkdir(parents=True)
        body, hand = np.zeros((25, 3)), np.zeros((21, 3))
        body[:3, :2] = np.array([(35, 50), (0, 0), (70, 100)]) + corner  # of a crop of 70 x 100
        body[3, :2] = (
            np.array((-5, 20)) + corner
        )  # outside the box, where only the whole image shows anything
        hand[0, :2] = np.array((7, 90)) + corner
        body[:4, 2] = hand[0, 2] = 0.9
        parts = {"pose_keypoints_2d": body, "hand_right_keypoints_2d": hand}
        content = {"people": [{part: values.reshape(-1).tolist() for part, values in parts.items()}]}
        (side / name).write_text(json.dumps(content))
        with_sides = EmoticSource(source.images, SideInputs(poses=str(tmp_path / "side")), OPTIONS)
        features = with_sides.convert(self.person()).features
        joints, hand_root = features["joints"], features["joints"][RIGHT_HAND]
        np.testing.assert_allclose(joints[:3], [(0.5, 0.5, 0.9), (0, 0, 0.9), (1, 1, 0.9)], rtol=1e-6)
        np.testing.assert_allclose(hand_root, (0.1, 0.9, 0.9), rtol=1e-6)
        assert not joints[3].any()
        np.testing.assert_allclose(features["pose"][:6], (0, 0, -0.5, -0.5, 0.5, 0.5), rtol=1e-6)

    def test_a_pose_of_the_crop_comes_before_one_of_the_image(self, source, tmp_path):
        side = tmp_path / "side" / "f"
        side.mkdir(parents=True)
        for name, x in (("a_keypoints.json", 90), ("a_person0_keypoints.json", 14)):
            body = np.zeros((25, 3))
            body[0] = (x, 50, 0.9)
            content = {"people": [{"pose_keypoints_2d": body.reshape(-1).tolist()}]}
            (side / name).write_text(json.dumps(content))
        with_sides = EmoticSource(source.images, SideInputs(poses=str(tmp_path / "side")), OPTIONS)
        np.testing.assert_allclose(with_sides.convert(self.person()).features["joints"][0, :2], (0.2, 0.5))

    def test_sixteen_bit_depth_maps_keep_their_range(self, source, tmp_path):
        side = tmp_path / "side" / "f"
        side.mkdir(parents=True)
        cv2.imwrite(str(side / "a.png"), np.full((30, 40), 257 * 90, np.uint16))
        with_sides = EmoticSource(source.images, SideInputs(depth=str(tmp_path / "side")), OPTIONS)
        depth = cv2.imdecode(np.frombuffer(with_sides.convert(self.person()).features["depth"], np.uint8), 0)
        assert depth.shape == (64, 64) and (depth == 90).all()


def test_crops_for_openpose_are_the_body_boxes(raw_emotic, tmp_path, capsys):
    assert crops_main(["--raw", str(raw_emotic), "--out", str(tmp_path), "--workers", "1"]) == 0
    assert "people have no usable box or image" in capsys.readouterr().out
    people = read_annotations(find_emotic(raw_emotic).annotations)["test"]
    person = people[0]
    crop = cv2.imread(str(tmp_path / f"{person.stem}_person{person.number}.jpg"))
    assert crop.shape[:2] == (person.box[3] - person.box[1], person.box[2] - person.box[0])


@pytest.mark.parametrize(
    "content", ["pipe", b"", b"PK\x03\x04", b'{"people": [{"pose_keypoints_2d": {"a": 1}}]}', b"\0,\0"]
)
@pytest.mark.parametrize("kind", ["faces", "poses", "depth", "scenes"])
def test_a_damaged_side_input_is_counted_as_unreadable_or_without_a_finding(tmp_path, kind, content):
    (tmp_path / "images" / "f").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "images" / "f" / "a.png"), np.full((120, 160, 3), 90, np.uint8))
    sides = dataclasses.replace(SideInputs(face_detector="none"), **{kind: str(tmp_path)})
    person = TestOnePerson.person()
    path = pathlib.Path(min(sides.paths(person), key=len))
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path) if content == "pipe" else path.write_bytes(content)
    columns = EmoticSource(str(tmp_path / "images"), sides, OPTIONS).convert(person).columns
    side = {"faces": "face", "poses": "pose", "depth": "depth", "scenes": "scene"}[kind]
    status = columns.get(f"{side}_status", columns.get(side))
    assert status in ((Status.UNREADABLE, Status.NOTHING_FOUND) if kind == "faces" else (Status.UNREADABLE,))
