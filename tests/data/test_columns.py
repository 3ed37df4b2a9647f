"""Columns: written whole, checked by their hash, read by name; which records follow each other."""

from __future__ import annotations

import dataclasses
import itertools
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emojax.data.columns import (
    Columns,
    columns_name,
    first_of_each,
    number_sequences,
    open_columns,
    write_columns,
)
from emojax.data.dataset import Split, load_dataset, save_dataset, shard_name
from emojax.data.inputs import Inputs
from emojax.data.loader import Batches, Order
from emojax.data.tfrecord import TFRecordSource, TFRecordWriter
from emojax.errors import DataError
from emojax.objectives.class_weights import expression_sampler_weights
from tests.data.shards import make_dataset

COLUMNS = {
    "label": np.array([3, 1, 2, 0]),
    "va": np.arange(8, dtype=np.float32).reshape(4, 2),
    "source_id": np.array(["a.jpg", "längster Name.jpg", "", "\udcff.jpg"]),
    "video_id": np.array(["a", "a", "b", "b"]),
    "sequence": np.array([0, 0, 1, 1], np.int32),
    "frame": np.array([4, 9, 1, 2]),
}


def test_columns_come_back_as_they_were_written(tmp_path):
    sha = write_columns(tmp_path, "train", COLUMNS, {"clip": np.array([7, 8])})
    columns = open_columns(tmp_path / "columns-train.npz", sha, 4)
    assert list(columns) == list(COLUMNS) and len(columns) == 6
    for name, values in COLUMNS.items():
        np.testing.assert_array_equal(columns[name], values)
        assert columns[name].dtype == values.dtype
    assert dict(columns.sequences).keys() == {"clip"} and columns.sequences["clip"].tolist() == [7, 8]
    with pytest.raises(ValueError, match="read-only"):
        columns["label"][0] = 1
    layout = columns.layout
    assert layout.starts.tolist() == [0, 2] and layout.lengths.tolist() == [2, 2]
    assert layout.frames.tolist() == [4, 9, 1, 2] and layout.sequential


def test_values_of_sequences_are_those_of_their_records(tmp_path):
    told = {name: COLUMNS[name] for name in ("label", "sequence")}
    sequences = {"clip": np.array([7, 8]), "source_id": np.array(["a", "b"])}
    columns = open_columns(
        tmp_path / "columns-train.npz", write_columns(tmp_path, "train", told, sequences), 4
    )
    assert columns.of_records("clip").tolist() == [7, 7, 8, 8]
    assert columns.of_records("label").tolist() == [3, 1, 2, 0]
    assert columns.sources(np.array([3, 0])).tolist() == ["b", "a"]
    with pytest.raises(DataError, match="no column 'va'"):
        columns.of_records("va")
    assert Columns({"label": np.arange(2)}, 2).sources(np.array([0])) is None


def test_equal_columns_give_equal_bytes(tmp_path):
    assert write_columns(tmp_path, "a", COLUMNS) == write_columns(tmp_path, "b", COLUMNS)
    assert (tmp_path / "columns-a.npz").read_bytes() == (tmp_path / "columns-b.npz").read_bytes()
    assert not list(tmp_path.glob("*.tmp"))


def test_single_pictures_are_sequences_of_one(tmp_path):
    sha = write_columns(tmp_path, "train", {"label": np.arange(3)})
    layout = open_columns(tmp_path / "columns-train.npz", sha, 3).layout
    assert layout.starts.tolist() == [0, 1, 2] and layout.lengths.tolist() == [1, 1, 1]
    assert not layout.sequential and layout.num_records == 3


def test_an_unknown_column_is_refused_with_the_names_there_are(tmp_path):
    columns = make_dataset(tmp_path).columns("train")
    assert "depth" not in columns and "label" in columns
    with pytest.raises(DataError, match=r"no column 'depth' in .*columns-train\.npz.*number, label, valence"):
        columns["depth"]
    with pytest.raises(DataError, match="no column 'clip'"):
        columns.sequences["clip"]


def test_damage_is_found_when_the_columns_are_opened(tmp_path):
    dataset = make_dataset(tmp_path)
    file = tmp_path / columns_name("train")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"columns-train\.npz is damaged or from another preparation"):
        dataset.columns("train")


def test_the_columns_of_another_preparation_are_refused(tmp_path):
    dataset = make_dataset(tmp_path)
    write_columns(tmp_path, "train", COLUMNS)
    with pytest.raises(DataError, match="another preparation"):
        dataset.columns("train")


def test_a_folder_without_its_columns_is_refused(tmp_path):
    make_dataset(tmp_path)
    (tmp_path / columns_name("train")).unlink()
    with pytest.raises(DataError, match=r"lacks columns-train\.npz.*preparation command again"):
        load_dataset(tmp_path)


def test_columns_for_another_number_of_records_are_refused(tmp_path):
    dataset = make_dataset(tmp_path)
    split = dataclasses.replace(dataset.split("train"), num_records=12)
    with pytest.raises(DataError, match="holds 11 values for 12 records"):
        dataclasses.replace(dataset, splits={"train": split}).columns("train")["label"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": np.arange(5)}, "different lengths"),
        ({"label": np.array([None] * 4)}, "not numbers or text"),
        ({"label": np.int64(3)}, "not numbers or text"),
        ({"sequence": np.array([0, 2, 2, 3])}, "not numbered from 0"),
        ({"sequence": np.array([1, 1, 2, 2])}, "not numbered from 0"),
        ({"sequence": np.array([0, 1, 0, 1])}, "not numbered from 0"),
        ({"frame": np.array([1, 1, 2, 3])}, "does not rise"),
        ({"frame": np.array([1, 2, 5, 3])}, "does not rise"),
    ],
)
def test_columns_that_do_not_fit_together_are_refused(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        write_columns(tmp_path, "train", COLUMNS | change)
    assert not list(tmp_path.iterdir())


def test_values_of_sequences_must_be_as_many_as_sequences(tmp_path):
    with pytest.raises(ValueError, match="3 values for 2 sequences"):
        write_columns(tmp_path, "train", COLUMNS, {"clip": np.arange(3)})


@given(st.lists(st.integers(1, 4), max_size=12))
def test_sequences_are_numbered_where_a_key_changes(lengths):
    videos = [f"v{i // 2}" for i, length in enumerate(lengths) for _ in range(length)]
    people = [i % 2 for i, length in enumerate(lengths) for _ in range(length)]
    expected = [i for i, length in enumerate(lengths) for _ in range(length)]
    sequence = number_sequences(videos, people)
    assert sequence.dtype == np.int32 and sequence.tolist() == expected
    layout = Columns({"sequence": sequence}, len(sequence)).layout
    assert layout.lengths.tolist() == lengths
    assert layout.starts.tolist() == list(itertools.accumulate(lengths, initial=0))[:-1]
    np.testing.assert_array_equal(first_of_each(sequence, sequence * 3), np.arange(len(lengths)) * 3)


def test_a_sequence_that_goes_on_after_another_is_refused():
    with pytest.raises(ValueError, match=r"\('a',\) goes on at record 2"):
        number_sequences(["a", "b", "a"])


def test_a_value_that_changes_within_a_sequence_is_none_of_the_sequence():
    with pytest.raises(ValueError, match="different values"):
        first_of_each(np.array([0, 0, 1]), np.array([1, 2, 3]))


def test_a_large_folder_opens_without_a_scan(tmp_path):
    """300,000 records in 75 shards: description, columns, indexes, loader and sampler take less than a second."""
    count, num_shards = 300_000, 75
    names = [shard_name("faces", "train", i, num_shards) for i in range(num_shards)]
    for name in names:
        with TFRecordWriter(tmp_path / name) as writer:
            for _ in range(count // num_shards):
                writer.write(b"12345678")
    columns = {
        "label": np.arange(count) % 7,
        "source_id": np.array([f"train/{i:06d}.jpg" for i in range(count)]),
    }
    columns_hash = write_columns(tmp_path, "train", columns)
    content_hash = TFRecordSource([tmp_path / name for name in names]).content_hash()
    split = Split(count, tuple(names), (count // num_shards,) * num_shards, {}, content_hash, columns_hash)
    toy = make_dataset(tmp_path)
    save_dataset(dataclasses.replace(toy, splits={"train": split}))
    write_columns(tmp_path, "train", columns)
    start = time.process_time()
    dataset = load_dataset(tmp_path)
    loader = Batches(dataset, "train", Inputs(("image",), ("label",)), Order(64, train=True), threads=0)
    weights = expression_sampler_weights(dataset.columns("train")["label"], 7)
    seconds = time.process_time() - start
    assert len(weights) == loader.num_examples == count and seconds < 1
