"""The check finds what is wrong and says where; a good folder passes."""

from __future__ import annotations

import csv
import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest

from data_prep.affectnet.prepare import Options, prepare
from data_prep.check.command import main
from data_prep.published import compare_counts
from emojax.data.dataset import load_dataset, save_dataset
from emojax.data.example import decode_example, encode_example
from emojax.data.tfrecord import TFRecordSource, TFRecordWriter
from emojax.datasets import AFFECTNET
from emojax.labels import affectnet_labels
from emojax.vision.images import encode_jpeg
from tests.data_prep.damage import copy_linked

_ONE = ["--workers", "1"]
PICTURES = "Manually_Annotated_Images"


@pytest.fixture
def folder(prepared, tmp_path) -> pathlib.Path:
    shutil.copytree(prepared, tmp_path / "data")
    return tmp_path / "data"


def first_shard(folder: pathlib.Path) -> pathlib.Path:
    return folder / load_dataset(folder).splits["train"].shards[0]


def edit_record(folder: pathlib.Path, number: int, **changed) -> None:
    """Rewrites a record of the first training shard with other values (checksums are right again)."""
    path = first_shard(folder)
    source = TFRecordSource([path])
    payloads = [source[i] for i in range(len(source))]
    record = {name: value for name, value in decode_example(payloads[number]).items()}
    record = {
        n: [bytes(v) for v in value] if isinstance(value, list) else value for n, value in record.items()
    }
    payloads[number] = encode_example(record | changed)
    with TFRecordWriter(path) as writer:
        for payload in payloads:
            writer.write(payload)


def problems(folder: pathlib.Path, capsys) -> str:
    assert main([str(folder), *_ONE]) == 1
    return capsys.readouterr().out


def test_a_good_folder_passes_and_is_told_apart_from_the_real_one(folder, capsys):
    assert main([str(folder), *_ONE]) == 0
    out = capsys.readouterr().out
    assert "OK: " in out and "NOT the published ones" in out


def test_all_cores_find_the_same(folder, capsys):
    assert main([str(folder), "--workers", "2"]) == 0


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_a_flipped_byte_is_found_with_file_record_and_offset(folder, where, capsys):
    path = first_shard(folder)
    data = bytearray(path.read_bytes())
    data[int(where * len(data))] ^= 4
    path.write_bytes(data)
    out = problems(folder, capsys)
    assert path.name in out and "record " in out and "byte " in out


def test_a_shard_cut_short_is_found(folder, capsys):
    path = first_shard(folder)
    path.write_bytes(path.read_bytes()[:-100])
    assert "cut short" in problems(folder, capsys)


def test_wrong_class_order_is_found(folder, capsys):
    content = json.loads((folder / "dataset.json").read_text())
    classes = content["labels"]["classes"]
    classes[0], classes[1] = classes[1], classes[0]
    (folder / "dataset.json").write_text(json.dumps(content))
    out = problems(folder, capsys)
    assert "the order of affectnet is" in out and "records of class happy" in out


def test_wrong_counts_are_found(folder, capsys):
    dataset = load_dataset(folder)
    train = dataset.splits["train"]
    counts = dict(train.class_counts) | {"sad": train.class_counts["sad"] + 1}
    splits = dict(dataset.splits) | {"train": dataclasses.replace(train, class_counts=counts)}
    save_dataset(dataclasses.replace(dataset, splits=splits))
    said = train.class_counts["sad"]
    assert f"train: {said} records of class sad, dataset.json says {said + 1}" in problems(folder, capsys)


def test_a_record_that_differs_from_its_columns_is_found(folder, capsys):
    edit_record(folder, 1, valence=np.float32(-0.125))
    assert "column 'valence' says" in problems(folder, capsys)


def test_damaged_columns_are_found(folder, capsys):
    (folder / "columns-train.npz").write_bytes(b"junk")
    assert "columns-train.npz is damaged or from another preparation" in problems(folder, capsys)


def test_a_replaced_record_changes_the_content_hash(folder, capsys):
    edit_record(folder, 0, age=np.float32(33))
    out = problems(folder, capsys)
    assert "content hash" in out and "record 0 (byte 0): column 'age' says -1.0, the record [33.]" in out


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"label": 9}, "label 9 is none of the 7 classes"),
        ({"label": -1}, "label -1 is none of the 7 classes"),
        ({"valence": 1.5}, "valence is 1.5, outside -1..1"),
        ({"valence": 5.0}, "valence is 5, outside -1..1"),
        ({"arousal": float("nan")}, "arousal is not finite"),
        ({"landmarks": np.zeros(10, np.float32)}, "landmarks has 10 values"),
        ({"image": b"no jpeg"}, "image does not decode"),
        ({"image": encode_jpeg(np.zeros((20, 48, 3), np.uint8))}, "image decodes to shape (20, 48, 3)"),
        ({"surprise": 1}, "unknown ['surprise']"),
        ({"label": 1.0}, "label is not a list of kind int"),
    ],
)
def test_bad_values_are_found_with_their_record(folder, capsys, changed, message):
    edit_record(folder, 3, **changed)
    out = problems(folder, capsys)
    assert message in out and f"{first_shard(folder).name}: record 3 (byte " in out


def rewrite_shard(folder: pathlib.Path, change) -> None:
    """`change` takes and gives the payloads of the first training shard; checksums are right again."""
    path = first_shard(folder)
    source = TFRecordSource([path])
    payloads = change([source[i] for i in range(len(source))])
    with TFRecordWriter(path) as writer:
        for payload in payloads:
            writer.write(payload)


@pytest.mark.parametrize(
    ("change", "record"),
    [
        (lambda payloads: [payloads[1], payloads[0], *payloads[2:]], 0),
        (lambda payloads: [*payloads[:4], payloads[3], *payloads[5:]], 4),
    ],
    ids=["swapped", "doubled"],
)
def test_swapped_and_doubled_records_under_valid_checksums_are_found(folder, capsys, change, record):
    rewrite_shard(folder, change)
    out = problems(folder, capsys)
    assert f"{first_shard(folder).name}: record {record} (byte " in out and "the record" in out
    assert "the content hash is" in out


def edit_json(folder: pathlib.Path, change) -> None:
    content = json.loads((folder / "dataset.json").read_text())
    change(content)
    (folder / "dataset.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["counts"].reverse(), "statistics: counts[0] is"),
        (lambda s: s["spearman"].reverse(), "statistics: spearman[0][0] is"),
        (
            lambda s: s["spearman"][2].__setitem__(8, 0.25),
            "statistics: spearman[2][8] is 0.25, the records give",
        ),
        (lambda s: s["class_mean_va"].reverse(), "statistics: class_mean_va[0][0] is"),
        (lambda s: s["va_histogram"]["5"].reverse(), "statistics: va_histogram.5["),
        (lambda s: s["sector_counts"].pop("8"), "statistics: sector_counts has other fields"),
        (lambda s: s.pop("spearman"), "the statistics lack 'spearman'"),
        (lambda s: s.update(num_samples=True), "statistics: num_samples is True"),
    ],
)
def test_statistics_that_the_records_do_not_give_are_found(folder, capsys, change, message):
    edit_json(folder, lambda content: change(content["statistics"]))
    assert message in problems(folder, capsys)


def test_a_wrong_content_hash_is_found(folder, capsys):
    edit_json(folder, lambda content: content["splits"]["train"].update(content_hash="0" * 64))
    assert "the content hash is" in problems(folder, capsys)


def test_a_picture_in_two_splits_and_one_that_comes_again_are_told(raw_2017, tmp_path, capsys):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "Manually_Annotated_Images").symlink_to(raw_2017 / "Manually_Annotated_Images")
    lists = {name: (raw_2017 / name).read_text().splitlines() for name in ("training.csv", "validation.csv")}
    lists["training.csv"] += [*lists["validation.csv"][1:4], lists["training.csv"][1]]
    for name, lines in lists.items():
        (raw / name).write_text("\n".join(lines) + "\n")
    prepare(raw, tmp_path / "out", Options(size=48, classes=8))
    out = problems(tmp_path / "out", capsys)
    assert "3 pictures of validation are in train, too (equal pixels), e.g. affectnet-train.tfrecord-" in out
    assert "train and validation share 3 source ids, e.g. p" in out
    assert "note: train holds 1 picture again (equal pixels)" in out


def test_a_picture_in_two_splits_is_told_whatever_its_name_and_its_box(raw_2017, tmp_path, capsys):
    raw = copy_linked(raw_2017, tmp_path / "raw")
    rows = {name: list(csv.reader((raw / name).open())) for name in ("training.csv", "validation.csv")}
    label = rows["training.csv"][0].index("expression")
    shown = next(
        row for row in rows["training.csv"][1:] if row[label] == "1" and (raw / PICTURES / row[0]).exists()
    )
    copied = raw / PICTURES / "copy.jpg"
    shutil.copyfile(raw / PICTURES / shown[0], copied)
    other = ["copy.jpg", *(str(int(shown[i]) + 1) for i in (1, 2)), *shown[3:]]
    lines = (raw / "validation.csv").read_text() + ",".join(other) + "\n"
    (raw / "validation.csv").unlink()
    (raw / "validation.csv").write_text(lines)
    prepare(raw, tmp_path / "out", Options(size=48, classes=8))
    told = problems(tmp_path / "out", capsys)
    assert "train and validation share 1 picture files (equal bytes)" in told and "equal pixels" not in told


def test_the_check_does_not_advise_itself(folder, capsys):
    edit_json(folder, lambda content: content["splits"]["train"].update(content_hash="0" * 64))
    assert "data_prep.check" not in problems(folder, capsys)


def test_a_split_that_the_description_has_lost_is_found_by_its_shards(folder, capsys):
    edit_json(folder, lambda content: content["splits"].pop("validation"))
    assert "affectnet-validation.tfrecord-00000-of-00001: dataset.json lists no such shard" in problems(
        folder, capsys
    )


def test_a_missing_folder_tells_how_to_make_the_data(tmp_path, capsys):
    assert main([str(tmp_path / "absent"), *_ONE]) == 2
    assert "data_prep.affectnet" in capsys.readouterr().err


@pytest.mark.parametrize("classes, total", [(7, 283_901), (8, 287_651)])
def test_published_counts_are_recognised(classes, total):
    published = AFFECTNET.known_counts(affectnet_labels(classes).classes)
    assert sum(published["train"].values()) == total
    assert sum(published["validation"].values()) == 500 * classes
    same, message = compare_counts("affectnet", published)
    assert same and "are the published ones" in message
    published["train"]["fear"] -= 1
    same, message = compare_counts("affectnet", published)
    assert not same and "train fear 6,377 instead of 6,378" in message
