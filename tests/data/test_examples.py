"""Batches of examples that are many records: shapes, padding, columns, order, taking it up again."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from emojax.data.columns import write_columns
from emojax.data.frames import example_records
from emojax.data.inputs import Inputs
from emojax.data.loader import Batches, Order, count_examples
from emojax.data.select import FlowStack, Frames, Pictures, Segments, Whole, Windows
from emojax.errors import CheckpointError, ConfigError, DataError
from tests.data.clips import LENGTHS, SIZE, columns_of, frame, make_clips

FEATURES, COLUMNS = ("image", "number"), ("number", "va", "joints", "label", "clip_label")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return make_clips(tmp_path_factory.mktemp("clips"))


def batches(clips, select, features=("image",), columns=COLUMNS[1:], batch_size=4, split="train", **options):
    order = {f.name: options.pop(f.name) for f in dataclasses.fields(Order) if f.name in options}
    options = {"threads": 0, **options}
    return Batches(clips, split, Inputs(features, columns, select), Order(batch_size, **order), **options)


def assert_equal(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize(
    "select", [Windows(4, rest="pad"), Segments(3), FlowStack(Segments(2)), Whole(12, shift=True)]
)
def test_a_batch_holds_the_frames_of_its_examples(clips, select, train):
    columns, _ = columns_of(LENGTHS)
    seen = []
    for batch in batches(clips, select, train=train):
        rows, time = 4, select.time
        shapes = {
            "image": (SIZE, SIZE, 3),
            "va": (2,),
            "joints": (4, 3),
            "label": (),
            "record": (),
            "frame_mask": (),
        }
        assert {name: batch[name].shape for name in shapes} == {
            n: (rows, time, *s) for n, s in shapes.items()
        }
        assert batch["clip_label"].shape == batch["index"].shape == batch["mask"].shape == (rows,)
        assert [batch[n].dtype for n in ("image", "va", "label", "record")] == [np.uint8, "f4", "i4", "i4"]
        assert batch["frame_mask"].dtype == batch["mask"].dtype == np.float32
        np.testing.assert_array_equal(batch["frame_mask"], batch["record"] >= 0)
        np.testing.assert_array_equal(batch["position"], np.arange(rows))
        for place in np.ndindex(rows, time):
            number = batch["record"][place]
            expected = frame(columns, number) if number >= 0 else 0
            np.testing.assert_array_equal(batch["image"][place], expected)
            for name in ("va", "joints", "label"):
                expected = columns[name][number].astype(batch[name].dtype) if number >= 0 else 0
                np.testing.assert_array_equal(batch[name][place], expected)
        for row in np.flatnonzero(batch["mask"]):
            records = batch["record"][row][batch["record"][row] >= 0]
            assert set(columns["label"][records]) == {batch["clip_label"][row]}
            assert example_records(batch)[row] == records[0]
        padding = batch["mask"] == 0
        assert not batch["image"][padding].any() and not batch["clip_label"][padding].any()
        assert (batch["index"][padding] == -1).all() and (batch["record"][padding] == -1).all()
        seen += batch["index"][~padding].tolist()
    assert sorted(seen) == list(range(len(seen)))


def test_single_pictures_have_no_axis_of_time(clips):
    batch = next(batches(clips, Pictures(), features=FEATURES, columns=("va", "clip_label")))
    assert batch["image"].shape == (4, SIZE, SIZE, 3) and batch["va"].shape == (4, 2)
    assert batch["number"].tolist() == batch["index"].tolist() == [0, 1, 2, 3]
    assert "record" not in batch and "frame_mask" not in batch


def test_frames_of_a_part_tell_their_records(clips):
    batch = next(batches(clips, Frames((0.5, 0.8)), features=FEATURES, columns=("va",)))
    assert batch["image"].shape == (4, SIZE, SIZE, 3) and "frame_mask" not in batch
    np.testing.assert_array_equal(batch["number"], batch["record"])
    assert batch["record"].tolist() == [3, 4, 5, 8]
    np.testing.assert_array_equal(example_records(batch), batch["record"])


def test_training_and_evaluation_may_select_differently(clips):
    inputs = Inputs((), ("va",), Segments(3, 5), evaluate=Segments(9, 5))
    train, evaluate = (Batches(clips, "train", inputs, Order(4, train=t), threads=0) for t in (True, False))
    assert next(train)["va"].shape == (4, 3, 2) and next(evaluate)["va"].shape == (4, 9, 2)
    inputs = Inputs((), ("va",), Windows(5))
    count = {t: count_examples(clips, "train", inputs, train=t) for t in (True, False)}
    assert count == {True: sum(n // 5 for n in LENGTHS), False: sum(-(-n // 5) for n in LENGTHS)}


def test_columns_alone_open_no_shard(clips, tmp_path):
    columns, _ = columns_of(LENGTHS)
    moved = dataclasses.replace(clips, path=str(tmp_path))
    write_columns(tmp_path, "train", columns, {"clip_label": columns_of(LENGTHS)[1]})
    batch = next(batches(moved, Whole(12), features=(), columns=("joints", "clip_label")))
    np.testing.assert_array_equal(batch["joints"][0, :7], columns["joints"][:7])
    assert not batch["joints"][0, 7:].any() and batch["joints"].shape == (4, 12, 4, 3)
    with pytest.raises(DataError, match="Cannot read"):
        batches(moved, Whole(12))


def test_each_epoch_draws_other_segments_and_a_seed_the_same(clips):
    def epochs(**options):
        loader = batches(clips, Segments(3), features=(), num_epochs=3, train=True, batch_size=10, **options)
        return [batch["record"][np.argsort(batch["index"])] for batch in loader]

    first, second, _ = epochs()
    assert (first != second).any()
    np.testing.assert_array_equal(epochs(), epochs(threads=3))
    assert (epochs(seed=1)[0] != first).any()


def test_what_is_drawn_depends_neither_on_processes_nor_on_the_batch_size(clips):
    def drawn(batch_size, count):
        parts = [
            list(
                batches(
                    clips, Segments(3), (), (), batch_size, train=True, process_index=i, process_count=count
                )
            )
            for i in range(count)
        ]
        found = [
            (int(i), r.tolist()) for p in parts for b in p for i, r in zip(b["index"], b["record"]) if i >= 0
        ]
        return sorted(found)

    assert drawn(4, 1) == drawn(5, 2) == drawn(3, 3)


@pytest.mark.parametrize("select", [Windows(4), Segments(3), Whole(12, shift=True)])
def test_the_order_of_examples_is_taken_up_at_any_step(clips, select):
    options = {"train": True, "num_epochs": 3}
    loader = batches(clips, select, **options)
    states, seen = [loader.state()], []
    for batch in loader:
        seen.append(batch)
        states.append(json.loads(json.dumps(loader.state())))
    for step, state in enumerate(states):
        for one, other in zip(seen[step:], batches(clips, select, start=state, **options), strict=True):
            assert_equal(one, other)


def test_the_state_of_another_selection_is_refused(clips):
    state = batches(clips, Segments(3)).state()
    with pytest.raises(CheckpointError, match=r"select = Segments\(count=3.*this run has Segments\(count=4"):
        batches(clips, Segments(4), start=state)


def test_weights_are_of_examples(clips):
    weights = np.zeros(len(LENGTHS))
    weights[3] = 1
    batch = next(batches(clips, Segments(2), train=True, weights=weights))
    assert batch["index"].tolist() == [3] * 4
    with pytest.raises(ConfigError, match=r"shape \(57,\) for 10 examples"):
        batches(clips, Segments(2), train=True, weights=np.ones(57))


def test_a_text_or_an_unknown_column_is_refused(clips):
    with pytest.raises(ConfigError, match="'source_id' is a text"):
        batches(clips, Pictures(), columns=("source_id",))
    with pytest.raises(DataError, match="no column 'depth'"):
        batches(clips, Pictures(), columns=("depth",))


def test_a_number_too_large_for_a_batch_is_refused(clips, tmp_path):
    columns = columns_of(LENGTHS)[0] | {"number": np.full(57, 2**40)}
    columns_hash = write_columns(tmp_path, "train", columns)
    split = dataclasses.replace(clips.split("train"), columns_hash=columns_hash)
    moved = dataclasses.replace(clips, path=str(tmp_path), splits={"train": split})
    with pytest.raises(DataError, match="'number' holds 1099511627776"):
        batches(moved, Pictures(), (), ("number",))
