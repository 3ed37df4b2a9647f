"""AffectNet from raw files to shards: both layouts, every bad row counted, killed and continued."""

from __future__ import annotations

import csv
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from data_prep.affectnet.prepare import Options, main, prepare
from data_prep.affectnet.raw import find_layout
from data_prep.affectnet.table import COLUMNS
from emojax import files
from emojax.data.dataset import load_dataset
from emojax.data.example import decode_example
from emojax.errors import DataError
from emojax.vision.align import eye_centres

from .conftest import OPTIONS

ROOT = pathlib.Path(__file__).resolve().parents[2]


def records(folder: pathlib.Path, split: str) -> list[dict]:
    source = load_dataset(folder).source(split)
    return [decode_example(source[i]) for i in range(len(source))]


def source_id(record: dict) -> str:
    return bytes(record["source_id"][0]).decode()


def shard_bytes(folder: pathlib.Path) -> dict[str, bytes]:
    names = [*folder.glob("*.tfrecord-*-of-?????"), folder / "dataset.json"]
    return {path.name: path.read_bytes() for path in sorted(names)}


def skips(folder: pathlib.Path) -> dict[str, int]:
    skipped = dict(load_dataset(folder).skipped["train"])
    skipped.pop("class_not_used", None)
    return skipped


def test_every_kind_of_bad_row_is_counted_under_its_reason_2017(prepared):
    assert skips(prepared) == {
        "malformed_row": 2,
        "unreadable_image": 2,
        "missing_image": 1,
        "truncated_image": 1,
        "va_out_of_range": 1,
        "bad_landmarks": 1,
        "empty_face_box": 1,
        "unknown_expression": 1,
    }


def test_every_kind_of_bad_row_is_counted_under_its_reason_2021(raw_2021, tmp_path):
    prepare(raw_2021, tmp_path / "out", OPTIONS)
    assert skips(tmp_path / "out") == {
        "malformed_row": 2,
        "unreadable_image": 2,
        "missing_image": 1,
        "truncated_image": 1,
        "va_out_of_range": 1,
        "bad_landmarks": 1,
        "unknown_expression": 1,
    }


def test_both_layouts_give_the_same_labels_in_the_same_order(prepared, raw_2021, tmp_path):
    prepare(raw_2021, tmp_path / "out", OPTIONS)
    for split in ("train", "validation"):
        one, other = records(prepared, split), records(tmp_path / "out", split)
        assert len(one) == len(other) > 0
        for a, b in zip(one, other):
            person, number = re.fullmatch(r"(p\d+)/[tv](\d+)\.jpg", source_id(a)).groups()
            assert source_id(b).endswith(f"/images/{number}-{person}.jpg")
            for name in ("label", "valence", "arousal"):
                np.testing.assert_array_equal(a[name], b[name])
    a, b = load_dataset(prepared), load_dataset(tmp_path / "out")
    assert a.statistics == b.statistics and a.labels == b.labels


def test_records_hold_what_dataset_json_declares(prepared):
    dataset = load_dataset(prepared)
    assert dataset.labels.classes == ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger")
    assert set(dataset.features) == {"image", "label", "valence", "arousal", "landmarks", "age", "source_id"}
    first = records(prepared, "train")[0]
    assert set(first) == set(dataset.features)
    image = cv2.imdecode(np.frombuffer(first["image"][0], np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == dataset.features["image"].shape == (48, 48, 3)
    assert first["landmarks"].shape == (136,) and first["age"][0] == -1.0
    left, right = eye_centres(first["landmarks"].reshape(68, 2).astype(np.float64))
    assert abs(left[1] - right[1]) < 1e-3  # rotate_crop levels the eyes


def test_statistics_and_counts_are_those_of_the_training_records(prepared):
    dataset = load_dataset(prepared)
    labels = [int(record["label"][0]) for record in records(prepared, "train")]
    valence = np.array([record["valence"][0] for record in records(prepared, "train")])
    counts = np.bincount(labels, minlength=7)
    assert dataset.statistics["counts"] == counts.tolist()
    assert list(dataset.splits["train"].class_counts.values()) == counts.tolist()
    mean = valence[np.array(labels) == 1].mean()
    assert dataset.statistics["class_mean_va"][1][0] == pytest.approx(mean, abs=1e-5)


def test_eight_classes_add_contempt_as_code_7(raw_2017, prepared, tmp_path):
    prepare(raw_2017, tmp_path / "out", Options(size=48, classes=8))
    eight, seven = load_dataset(tmp_path / "out"), load_dataset(prepared)
    assert eight.labels.classes[7] == "contempt"
    more = eight.splits["validation"].num_records - seven.splits["validation"].num_records
    assert more == eight.splits["validation"].class_counts["contempt"] == 3


def test_packed_pixels_are_the_rgb_crop(raw_2017, prepared, tmp_path):
    prepare(raw_2017, tmp_path / "out", Options(size=48, encoding="raw"))
    assert load_dataset(tmp_path / "out").features["image"].encoding == "raw"
    for packed, jpeg in list(zip(records(tmp_path / "out", "train"), records(prepared, "train")))[:8]:
        rgb = np.frombuffer(packed["image"][0], np.uint8).reshape(48, 48, 3).astype(int)
        bgr = cv2.imdecode(np.frombuffer(jpeg["image"][0], np.uint8), cv2.IMREAD_COLOR).astype(int)
        assert np.abs(rgb - bgr[..., ::-1]).mean() < 6  # JPEG loss only
        assert np.abs(rgb - bgr).mean() > np.abs(rgb - bgr[..., ::-1]).mean()


def test_masks_and_ages_are_stored_on_request(raw_2017, tmp_path):
    prepare(raw_2017, tmp_path / "out", Options(size=48, masks=True), ages=raw_2017 / "ages.csv")
    train = records(tmp_path / "out", "train")
    ages = dict(line.split(",") for line in (raw_2017 / "ages.csv").read_text().splitlines()[1:])
    assert all(record["age"][0] == pytest.approx(float(ages[source_id(record)])) for record in train)
    mask = np.frombuffer(train[0]["face_mask"][0], np.uint8)
    assert mask.size == 56 * 56 and 0 < mask.mean() < 0.4


def test_a_bad_table_of_ages_stops_the_run_at_once(raw_2017, tmp_path):
    (tmp_path / "ages.csv").write_text("a.jpg,old\n")
    with pytest.raises(DataError, match="no table of ages"):
        prepare(raw_2017, tmp_path / "out", OPTIONS, ages=tmp_path / "ages.csv")
    with pytest.raises(DataError, match="Cannot read the ages"):
        prepare(raw_2017, tmp_path / "out", OPTIONS, ages=tmp_path / "none.csv")


def test_a_validation_list_without_header_loses_no_row(raw_2017, prepared, tmp_path):
    raw = tmp_path / "raw"
    shutil.copytree(raw_2017, raw)
    lines = (raw / "validation.csv").read_text().splitlines(keepends=True)
    assert lines[0].startswith(COLUMNS[0])
    (raw / "validation.csv").write_text("".join(lines[1:]))
    prepare(raw, tmp_path / "out", OPTIONS)
    expected = load_dataset(prepared).splits["validation"].content_hash
    assert load_dataset(tmp_path / "out").splits["validation"].content_hash == expected


def test_the_lists_may_be_in_their_own_folder(raw_2017, tmp_path):
    raw = tmp_path / "raw"
    (raw / "Manually_Annotated_file_lists").mkdir(parents=True)
    for name in ("training.csv", "validation.csv"):
        shutil.copy(raw_2017 / name, raw / "Manually_Annotated_file_lists")
    (raw / "Manually_Annotated_Images").symlink_to(raw_2017 / "Manually_Annotated_Images")
    dataset, _ = prepare(raw, tmp_path / "out", OPTIONS)
    assert dataset.splits["train"].num_records > 50


def test_a_folder_that_is_no_affectnet_is_told_what_was_looked_for(tmp_path, capsys):
    assert main(["--raw", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ") and "training.csv" in message and "train_set/" in message
    with pytest.raises(DataError, match="There is no folder"):
        find_layout(tmp_path / "absent")


def test_a_class_without_a_row_is_an_error_before_any_picture_is_read(raw_2017, tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "Manually_Annotated_Images").symlink_to(raw_2017 / "Manually_Annotated_Images")
    shutil.copy(raw_2017 / "validation.csv", raw)
    rows = (raw_2017 / "training.csv").read_text().splitlines(keepends=True)
    (raw / "training.csv").write_text("".join(row for row in rows if row.split(",")[6:7] != ["4"]))
    with pytest.raises(DataError, match=r"train split .* has no row of fear \(code 4\).*8: 1, 9: 1"):
        prepare(raw, tmp_path / "out", OPTIONS)
    assert not (tmp_path / "out").exists()


def test_a_class_whose_pictures_are_all_missing_is_an_error_that_names_the_cause(raw_2017, tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "Manually_Annotated_Images").symlink_to(raw_2017 / "Manually_Annotated_Images")
    shutil.copy(raw_2017 / "validation.csv", raw)
    header, *rows = list(csv.reader((raw_2017 / "training.csv").open()))
    rows = [[f"gone/{row[0]}", *row[1:]] if row[6:7] == ["4"] else row for row in rows]
    with (raw / "training.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    with pytest.raises(DataError, match=r"train split has no record of fear.*missing_image [3-9]"):
        prepare(raw, tmp_path / "out", OPTIONS)


def test_a_split_without_rows_is_an_error(raw_2017, tmp_path):
    (tmp_path / "raw").mkdir()
    shutil.copy(raw_2017 / "training.csv", tmp_path / "raw")
    (tmp_path / "raw" / "validation.csv").write_text(",".join(COLUMNS) + "\n")
    with pytest.raises(DataError, match=r"validation split .* has no rows"):
        prepare(tmp_path / "raw", tmp_path / "out", OPTIONS)


def test_the_table_shows_skips_and_published_counts(raw_2017, tmp_path, capsys):
    arguments = ["--raw", str(raw_2017), "--out", str(tmp_path / "out"), "--size", "48", "--workers", "1"]
    assert main(arguments) == 0
    table = capsys.readouterr().out
    assert re.search(r"truncated_image +1 +e\.g\. training\.csv line \d+", table)
    assert "134,415" in table and "NOT the published ones" in table and "data_prep.check" in table
    assert main([*arguments[:5], "64", *arguments[6:]]) == 2
    assert "size 48 then, 64 now" in capsys.readouterr().err


@pytest.mark.parametrize(
    "file_name", ["dataset.json.{pid}.tmp", "features.json", "affectnet-train.tfrecord-00000-of-00001.tmp"]
)
def test_a_full_disk_ends_the_command_with_one_line(raw_2017, tmp_path, capsys, monkeypatch, file_name):
    monkeypatch.setattr(files, "_ABANDONED_SECONDS", float("inf"))  # /dev/full is older than any run
    out = tmp_path / "out"
    out.mkdir()
    file_name = file_name.format(pid=os.getpid())
    (out / file_name).symlink_to("/dev/full")
    arguments = ["--raw", str(raw_2017), "--out", str(out), "--size", "48", "--workers", "1"]
    assert main(arguments) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("error: ") and "No space left on device" in message
    (out / file_name).unlink(missing_ok=True)
    assert main(arguments) == 0


def test_the_folder_opens_as_a_tfds_data_set(prepared):
    tfds = pytest.importorskip("tensorflow_datasets")
    builder = tfds.builder_from_directory(str(prepared))
    assert builder.info.splits["train"].num_examples == load_dataset(prepared).splits["train"].num_records
    assert builder.info.features["label"].names[1] == "happy"


def test_ctrl_c_stops_at_once_and_leaves_no_half_shard(raw_2017, tmp_path):
    raw = _many_rows(raw_2017, tmp_path)
    # A test run started in the background of a script ignores SIGINT, and its children would inherit that.
    listens = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [
        sys.executable,
        "-c",
        f"{listens}; import sys; from data_prep.affectnet.prepare import main; sys.exit(main())",
    ]
    options = [*_command(raw, tmp_path / "out")[3:], "--shards", "2"]
    run = subprocess.Popen([*command, *options], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    _wait_for(tmp_path / "out", "*.tfrecord-*.tmp", 1, run)
    run.send_signal(signal.SIGINT)
    _, message = run.communicate(timeout=240)
    assert run.returncode == 130 and "the same command continues" in message
    assert not list((tmp_path / "out").glob("*.tfrecord-*"))


def test_killed_at_any_moment_and_run_again_gives_the_same_bytes(raw_2017, tmp_path):
    raw = _many_rows(raw_2017, tmp_path)
    prepare(raw, tmp_path / "whole", OPTIONS, num_shards=24)
    out = tmp_path / "killed"
    finished: set[str] = set()
    for wanted in (1, 8):
        finished = _run_and_kill([*_command(raw, out), "--shards", "24"], out, wanted)
        assert len(finished) >= wanted
    assert not (out / "dataset.json").exists()
    times = {name: (out / name).stat().st_mtime_ns for name in finished}
    prepare(raw, out, OPTIONS, num_shards=24)
    assert shard_bytes(out) == shard_bytes(tmp_path / "whole")
    assert {name: (out / name).stat().st_mtime_ns for name in finished} == times


def test_parts_on_several_machines_killed_and_run_again_are_joined_to_the_same_bytes(
    raw_2017, tmp_path, capsys
):
    raw = _many_rows(raw_2017, tmp_path, times=6)
    prepare(raw, tmp_path / "whole", OPTIONS, num_shards=12)
    out = tmp_path / "parts"
    command = [*_command(raw, out), "--shards", "12"]
    other = subprocess.Popen([*command, "--part", "2/3"], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    _run_and_kill([*command, "--part", "1/3"], out, 1)
    assert other.wait(240) == 0, other.stderr.read()
    other.stderr.close()
    for part in ("1/3", "3/3"):
        assert main([*command[3:], "--part", part]) == 0
        told = capsys.readouterr().out
        assert f"Part {part} of {out}: " in told and "the same command without --part" in told
        assert not (out / "dataset.json").exists()
    assert main(command[3:]) == 0
    assert shard_bytes(out) == shard_bytes(tmp_path / "whole")


@pytest.mark.parametrize("part", ["0/3", "4/3", "3", "a/b", "1/0"])
def test_a_part_that_does_not_exist_is_refused(tmp_path, capsys, part):
    assert main(["--raw", str(tmp_path), "--out", str(tmp_path / "out"), "--part", part]) == 2
    assert "is no part I/N" in capsys.readouterr().err


def _many_rows(raw_2017: pathlib.Path, tmp_path: pathlib.Path, times: int = 30) -> pathlib.Path:
    """The same pictures in many times the rows, so that a run takes seconds."""
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "Manually_Annotated_Images").symlink_to(raw_2017 / "Manually_Annotated_Images")
    header, *rows = (raw_2017 / "training.csv").read_text().splitlines(keepends=True)
    (raw / "training.csv").write_text(header + "".join(rows * times))
    shutil.copy(raw_2017 / "validation.csv", raw)
    return raw


def _command(raw: pathlib.Path, out: pathlib.Path) -> list[str]:
    command = [sys.executable, "-m", "data_prep.affectnet", "--raw", str(raw), "--out", str(out)]
    return [*command, "--size", "48", "--workers", "2"]


def _wait_for(folder: pathlib.Path, pattern: str, count: int, run: subprocess.Popen) -> None:
    deadline = time.monotonic() + 240
    while len(list(folder.glob(pattern))) < count:
        assert run.poll() is None, "the run ended too early"
        assert time.monotonic() < deadline, "the run is stuck"
        time.sleep(0.005)


def _run_and_kill(command: list[str], out: pathlib.Path, wanted: int) -> set[str]:
    """Kills the run with SIGKILL once `wanted` shards are finished; returns the finished ones.

    Its workers must end by themselves: nobody is left to stop them.
    """
    run = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
    _wait_for(out / ".prepare", "*.tfrecord-*.json", wanted, run)
    run.send_signal(signal.SIGKILL)
    run.wait()
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        try:
            os.killpg(run.pid, 0)
        except ProcessLookupError:
            state = out / ".prepare"
            return {path.name.removesuffix(".json") for path in state.glob("*.tfrecord-*.json")}
        time.sleep(0.02)
    raise AssertionError("workers of the killed run are still alive")
