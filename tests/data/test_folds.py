"""Folds: no subject in two, together everything; statistics, counts and hashes of the records that are there."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emojax.data.decode import read_features
from emojax.data.folds import _deal, pool, read_fold
from emojax.data.inputs import Inputs
from emojax.data.loader import Batches, Order
from emojax.data.select import Windows
from emojax.errors import ConfigError, DataError
from emojax.graphs.statistics import face_statistics
from tests import toy
from tests.data.clips import make_clips

LENGTHS = {"train": (7, 3, 12, 5, 1, 9, 4, 6, 8, 2), "validation": (4, 4, 2), "test": (3, 2)}


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """People person0 to person4 in training; person0 and person1 in validation, too."""
    return make_clips(tmp_path_factory.mktemp("clips"), LENGTHS)


@given(st.lists(st.integers(0, 8), min_size=2, max_size=60), st.data())
def test_no_group_is_in_two_folds_and_folds_are_even(values, data):
    values = np.array(values)
    groups, sizes = np.unique(values, return_counts=True)
    if len(groups) < 2:
        return
    of = data.draw(st.integers(2, len(groups)))
    folds = _deal(values, "subject", of, "data")
    assert set(folds) == set(range(of))
    assert all(len(set(folds[values == group])) == 1 for group in groups)
    loads = np.bincount(folds)
    assert loads.max() - loads.min() <= sizes.max()
    np.testing.assert_array_equal(folds, _deal(values, "subject", of, "data"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=12)
@given(of=st.one_of(st.none(), st.integers(2, 5)), by=st.sampled_from(["subject", "video_id"]))
def test_the_folds_of_a_division_are_everything_and_share_no_one(clips, of, by):
    everyone = np.concatenate([clips.columns(split)["source_id"] for split in ("train", "validation")])
    people = np.concatenate([clips.columns(split)[by] for split in ("train", "validation")])
    count = of or len(set(people))
    seen = []
    for k in range(1, count + 1):
        view = clips.fold(k, of, by=by)
        train, validation = view.columns("train"), view.columns("validation")
        assert not set(train[by]) & set(validation[by])
        assert of or len(set(validation[by])) == 1
        assert view.split("train").num_records + view.split("validation").num_records == len(everyone)
        seen += view.records["validation"].tolist()
        assert sorted([*view.records["train"], *view.records["validation"]]) == list(range(len(everyone)))
    assert sorted(seen) == list(range(len(everyone)))


def test_a_fold_holds_the_records_of_its_people(clips):
    view = clips.fold(2, 3)
    for split in ("train", "validation"):
        columns, records = view.columns(split), read_features(view, split, ("image", "number"))
        pooled = {
            name: np.concatenate([read_features(clips, s, (name,))[name] for s in ("train", "validation")])
            for name in records
        }
        for name in records:
            np.testing.assert_array_equal(records[name], pooled[name][view.records[split]])
        np.testing.assert_array_equal(records["number"], columns["number"])
        assert sum(view.split(split).class_counts.values()) == len(columns["label"])


def test_sequences_stay_whole_and_keep_their_values(clips):
    view = clips.fold(1, 3)
    columns = view.columns("train")
    layout = columns.layout
    for i, (start, length) in enumerate(zip(layout.starts, layout.lengths)):
        rows = slice(start, start + length)
        assert (np.diff(columns["frame"][rows]) == 2).all() and set(columns["sequence"][rows]) == {i}
        assert set(columns["label"][rows]) == {columns.sequences["clip_label"][i]}
    batch = next(
        Batches(view, "train", Inputs(("number",), ("number", "clip_label"), Windows(2)), Order(5), threads=0)
    )
    assert batch["number"].shape == (5, 2)


def test_other_splits_stay_as_they_are(clips):
    view = clips.fold(1, 3)
    assert view.split("test") == clips.split("test") and view.source("test").records_per_file == (5,)
    np.testing.assert_array_equal(view.columns("test")["label"], clips.columns("test")["label"])
    alone = clips.fold(1, 5, pool=("train",))
    assert alone.split("train").num_records + alone.split("validation").num_records == 57


def test_the_statistics_of_a_fold_are_those_of_its_training_records(tmp_path):
    dataset = toy.make_dataset(tmp_path, train=90, validation=21)
    view = dataset.fold(1, 4, by="source_id")
    expected = face_statistics(view.columns("train"), dataset.labels)
    assert view.recipe.statistics == expected != dataset.statistics
    assert expected["num_samples"] == view.split("train").num_records < 111


def test_hashes_tell_folds_apart_and_are_the_same_every_time(clips):
    hashes = [clips.fold(k, 3).split("train") for k in (1, 2, 3, 1)]
    assert len({s.content_hash for s in hashes}) == len({s.columns_hash for s in hashes}) == 3
    assert hashes[0] == hashes[3]


def test_pooled_outputs_are_those_of_every_record_once(clips):
    outputs = []
    for k in (1, 2, 3):
        view = clips.fold(k, 3)
        index = np.arange(view.split("validation").num_records)[::-1]
        outputs.append(
            {
                "pool_record": view.records["validation"][index],
                "value": view.columns("validation")["va"][index],
                "sequence": view.columns("validation")["sequence"][index],
                "scalar": 3,
            }
        )
    together = pool(outputs)
    va = np.concatenate([clips.columns(split)["va"] for split in ("train", "validation")])
    assert together["index"].tolist() == list(range(len(va))) and set(together["fold"]) == {0, 1, 2}
    np.testing.assert_array_equal(together["value"], va)
    videos = np.concatenate(
        [[f"{s} {v}" for v in clips.columns(s)["video_id"]] for s in ("train", "validation")]
    )
    assert len(set(zip(together["sequence"], videos))) == len(set(videos)) == len(set(together["sequence"]))
    with pytest.raises(DataError, match="predicted in two folds"):
        pool([outputs[0], outputs[0]])


def test_what_a_config_says_of_a_fold(clips):
    assert read_fold(clips, "", "subject") is clips
    np.testing.assert_array_equal(
        read_fold(clips, "2/3", "subject").records["train"], clips.fold(2, 3).records["train"]
    )
    assert len(set(read_fold(clips, "1/all", "video_id").columns("validation")["video_id"])) == 1
    for text in ("2", "2/x", "a/b", "1/3/5"):
        with pytest.raises(ConfigError, match="A fold is K/N"):
            read_fold(clips, text, "subject")


@pytest.mark.parametrize(("k", "of"), [(0, 3), (4, 3), (1, 1), (1, 6), (7, None)])
def test_folds_that_do_not_exist_are_refused(clips, k, of):
    with pytest.raises(ConfigError, match="fold"):
        clips.fold(k, of)


def test_a_fold_by_a_column_that_is_not_there_is_refused(clips):
    with pytest.raises(DataError, match="no column 'person' in the columns of train and validation"):
        clips.fold(1, 2, by="person")


@pytest.mark.parametrize("named", ["", "os:system", "emojax.graphs.statistics", None])
def test_data_that_do_not_say_how_their_statistics_are_made_are_refused(clips, named):
    build = {} if named is None else {"statistics": named}
    with pytest.raises(DataError, match="does not say how its statistics are made"):
        dataclasses.replace(clips, build=build).fold(1, 2)
