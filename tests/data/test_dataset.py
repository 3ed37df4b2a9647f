"""dataset.json: what is written comes back, and what is missing or damaged is said clearly."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import subprocess
import sys

import pytest

from emojax.data.dataset import (
    Dataset,
    Feature,
    Split,
    load_dataset,
    save_dataset,
    shard_name,
)
from emojax.data.tfds_metadata import write_tfds_metadata
from emojax.errors import DataError, OutputError
from tests.data.shards import FACE_FEATURES, make_dataset, write_shard


def change_json(folder, change):
    path = folder / "dataset.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_what_is_saved_is_loaded(tmp_path):
    dataset = make_dataset(tmp_path)
    assert load_dataset(tmp_path) == dataset
    assert load_dataset(str(tmp_path)).split("train").class_counts == {"neutral": 2}


def test_the_folder_can_be_moved(tmp_path):
    dataset = make_dataset(tmp_path)
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    assert load_dataset(moved) == dataclasses.replace(dataset, path=str(moved))
    assert len(load_dataset(moved).source("train")) == 11


@pytest.mark.parametrize("exists", [True, False])
def test_a_missing_data_set_is_answered_with_the_commands_that_make_it(tmp_path, exists):
    folder = tmp_path if exists else tmp_path / "absent"
    with pytest.raises(DataError) as caught:
        load_dataset(folder)
    assert f"python -m data_prep.affectnet --raw RAW_FOLDER --out {folder}" in str(caught.value)
    assert "python -m data_prep.synthetic affectnet --out RAW_FOLDER" in str(caught.value)
    assert "scripts/demo" in str(caught.value)


def test_a_file_in_place_of_the_folder_is_no_data_set(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="no prepared data"):
        load_dataset(tmp_path / "file")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"schema_version": 1}', "\ufffd"])
def test_a_damaged_description_is_a_clear_error(tmp_path, text):
    make_dataset(tmp_path)
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(DataError, match=r"dataset\.json"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    "key", ["name", "labels", "features", "splits", "statistics", "build", "skipped", "schema_version"]
)
def test_a_description_without_one_of_its_fields_is_a_clear_error(tmp_path, key):
    make_dataset(tmp_path)
    change_json(tmp_path, lambda content: content.pop(key))
    with pytest.raises(DataError, match=r"dataset\.json .*(damaged|version)"):
        load_dataset(tmp_path)


def test_another_schema_version_is_refused(tmp_path):
    make_dataset(tmp_path)
    change_json(tmp_path, lambda content: content.update(schema_version=99))
    with pytest.raises(DataError, match="schema version 99"):
        load_dataset(tmp_path)


def test_a_folder_of_schema_version_1_says_how_to_renew_it(tmp_path):
    make_dataset(tmp_path)
    change_json(tmp_path, lambda content: content.update(schema_version=1))
    with pytest.raises(DataError, match=r"schema version 1, this one reads 2.*preparation command again"):
        load_dataset(tmp_path)


def test_counts_that_do_not_add_up_are_refused(tmp_path):
    make_dataset(tmp_path)
    change_json(tmp_path, lambda content: content["splits"]["train"].update(num_records=12))
    with pytest.raises(DataError, match="do not add up"):
        load_dataset(tmp_path)


def test_a_missing_shard_is_named(tmp_path):
    make_dataset(tmp_path)
    (tmp_path / shard_name("faces", "train", 2, 3)).unlink()
    with pytest.raises(DataError, match=r"lacks 1 of the 3 shards .*faces-train\.tfrecord-00002-of-00003"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c.update(statistics=None), "statistics is null, not an object"),
        (
            lambda c: c["splits"]["train"].update(num_records="5"),
            "splits.train.num_records is '5', not an integer",
        ),
        (lambda c: c["splits"]["train"].update(records_per_shard=[2.5]), "is 2.5, not an integer"),
        (lambda c: c["features"]["image"].update(kind="sound"), "Feature kind 'sound' is not one of"),
        (lambda c: c["labels"].update(classes="abc"), "labels.classes is 'abc', not a list"),
        (lambda c: c.update(skipped={"train": {"blurred": None}}), "skipped.train.blurred is null"),
    ],
)
def test_a_field_of_the_wrong_type_is_told_by_its_name(tmp_path, change, message):
    make_dataset(tmp_path)
    change_json(tmp_path, change)
    with pytest.raises(DataError, match=message) as caught:
        load_dataset(tmp_path)
    assert "\n" not in str(caught.value) and "preparation command" in str(caught.value)


@pytest.mark.parametrize("records", [0, 4])
def test_a_shard_with_another_number_of_records_is_named(tmp_path, records):
    dataset = make_dataset(tmp_path)
    write_shard(tmp_path / dataset.split("train").shards[0], [{"label": 1}] * records)
    with pytest.raises(DataError, match=f"00000-of-00003 holds {records} records, dataset.json says 5"):
        load_dataset(tmp_path).source("train")


def test_an_unknown_split_or_feature_is_answered_with_those_there_are(tmp_path):
    dataset = make_dataset(tmp_path)
    with pytest.raises(DataError, match=r"no split 'test'\. It has: train"):
        dataset.source("test")
    with pytest.raises(DataError, match=r"no 'depth'\. They hold: image, label"):
        dataset.feature("depth")


def test_a_failing_write_leaves_the_old_description(tmp_path, monkeypatch):
    dataset = make_dataset(tmp_path)

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", fail)
        with pytest.raises(OutputError, match="No space left"):
            save_dataset(dataclasses.replace(dataset, name="other"))
    assert load_dataset(tmp_path) == dataset
    assert not list(tmp_path.glob("*.tmp"))


def test_a_number_that_json_lacks_is_refused_and_leaves_the_old_description(tmp_path):
    dataset = make_dataset(tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        save_dataset(dataclasses.replace(dataset, statistics={"spearman": math.nan}))
    assert load_dataset(tmp_path) == dataset


@pytest.mark.parametrize(
    ("kind", "shape", "encoding"),
    [
        ("video", (), ""),
        ("image", (8, 8, 3), "gif"),
        ("image", (8, 8, 3), ""),
        ("image", (8, 8, 4), "raw"),
        ("image", (8,), "raw"),
        ("int", (), "raw"),
    ],
)
def test_a_feature_that_cannot_be_is_refused(kind, shape, encoding):
    with pytest.raises(ValueError, match=r"kind|Encoding|shape"):
        Feature(kind, shape, encoding)


def test_shards_are_named_as_tfds_expects():
    assert shard_name("affectnet", "train", 3, 64) == "affectnet-train.tfrecord-00003-of-00064"


FEATURES_OF_ALL_KINDS = {
    **FACE_FEATURES,
    "face_mask": Feature("image", (4, 4), "raw"),
    "photo": Feature("image", (8, 8, 3), "jpeg"),
    "depth": Feature("image", (8, 8), "png"),
    "boxes": Feature("int", (4,)),
}


def test_tfds_opens_the_folder_without_tensorflow(tmp_path):
    dataset = dataclasses.replace(make_dataset(tmp_path), features=FEATURES_OF_ALL_KINDS)
    write_tfds_metadata(dataset)
    # In an interpreter of its own, so that no other test has TensorFlow loaded.
    program = f"""if True:
        import sys, tensorflow_datasets as tfds
        info = tfds.builder_from_directory({str(tmp_path)!r}).info
        assert info.splits["train"].num_examples == 11 and info.splits["train"].shard_lengths == [5, 0, 6]
        assert info.features["label"].names == {list(dataset.labels.classes)!r}
        shapes = {{name: tuple(feature.shape) for name, feature in info.features.items()}}
        assert shapes["landmarks"] == (136,) and shapes["image"] == shapes["photo"] == (8, 8, 3)
        assert shapes["face_mask"] == (4, 4) and shapes["depth"] == (8, 8, 1), shapes
        assert "tensorflow" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.tensorflow
def test_tfds_reads_the_records_with_tensorflow(tmp_path):
    pytest.importorskip("tensorflow")
    import tensorflow_datasets as tfds

    dataset = make_dataset(tmp_path, counts=(5, 6))
    write_tfds_metadata(dataset)
    records = list(tfds.builder_from_directory(tmp_path).as_dataset(split="train"))
    assert [int(record["label"]) for record in records] == [number % 7 for number in range(11)]
    assert records[3]["source_id"].numpy() == b"folder/3.jpg"
    assert records[3]["image"].shape == (8, 8, 3)


def test_the_readme_tells_every_field():
    readme = pathlib.Path(__file__).parents[2].joinpath("emojax/data/README.md").read_text()
    for field in dataclasses.fields(Dataset) + dataclasses.fields(Split) + dataclasses.fields(Feature):
        assert field.name == "path" or f"`{field.name}`" in readme, field.name
