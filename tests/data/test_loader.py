"""The order of batches, taking it up again, what is in a batch, and how a bad record shows."""

from __future__ import annotations

import dataclasses
import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emojax.data.dataset import Feature
from emojax.data.decode import read_record
from emojax.data.inputs import Inputs
from emojax.data.loader import Batches, Order, _Epochs
from emojax.data.tfrecord import TFRecordWriter
from emojax.errors import CheckpointError, ConfigError, DataError
from tests.data.shards import (
    FACE_FEATURES,
    described_again,
    encode_picture,
    face_record,
    make_dataset,
    picture,
    with_features,
    write_shard,
)

FEATURES = ("label", "valence")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """23 records in three shards, one of them empty."""
    return make_dataset(tmp_path_factory.mktemp("faces"), counts=(11, 0, 12))


def batches(dataset, features=FEATURES, **options):
    """Batches of the training split; options of `Order` and of `Batches` together."""
    options = {"batch_size": 5, "train": True, "threads": 0, **options}
    order = {k: options.pop(k) for k in list(options) if k in {f.name for f in dataclasses.fields(Order)}}
    return Batches(dataset, "train", Inputs(tuple(features)), Order(**order), **options)


def indexes(iterator):
    """Record numbers of each batch, without padding."""
    return [batch["index"][batch["mask"] > 0].tolist() for batch in iterator]


def flat(lists):
    return [item for part in lists for item in part]


def assert_equal(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


# The order of records.


def test_without_shuffling_records_come_in_shard_order(dataset):
    assert flat(indexes(batches(dataset, train=False, num_epochs=2))) == [*range(23), *range(23)]


def test_every_epoch_holds_every_record_once_in_a_new_order(dataset):
    loader = batches(dataset, num_epochs=6)
    order = np.array(flat(indexes(loader))).reshape(6, 23)
    assert loader.steps_per_epoch == 5
    np.testing.assert_array_equal(np.sort(order), np.tile(np.arange(23), (6, 1)))
    assert len({tuple(epoch) for epoch in order}) == 6


def test_shuffling_is_global_and_even():
    """Over many epochs every record is equally often at every place: chi-squared of 23 x 23 counts."""
    order = _Epochs(23, Order(1, train=True), None)
    counts = np.zeros((23, 23))
    for epoch in range(2300):
        counts[order.examples(epoch), np.arange(23)] += 1
    chi_squared = ((counts - 100) ** 2 / 100).sum()
    assert 22 * 22 - 5 * 31 < chi_squared < 22 * 22 + 5 * 31  # Standard deviation sqrt(2 * 484) = 31.


def test_the_order_depends_on_the_seed_alone(dataset):
    order = flat(indexes(batches(dataset, seed=3)))
    assert order == flat(indexes(batches(dataset, seed=3, batch_size=4, features=("image",))))
    assert order != flat(indexes(batches(dataset, seed=4)))


def test_no_seed_repeats_the_epochs_of_the_next_seed(dataset):
    orders = [
        tuple(epoch)
        for seed in range(4)
        for epoch in np.reshape(flat(indexes(batches(dataset, seed=seed, num_epochs=4))), (4, 23))
    ]
    assert len(set(orders)) == 16


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_do_not_change_the_batches(dataset, threads):
    features = ("image", "label", "landmarks")
    for one, other in zip(
        batches(dataset, features, num_epochs=3),
        batches(dataset, features, num_epochs=3, threads=threads),
        strict=True,
    ):
        assert_equal(one, other)


def test_without_a_number_of_epochs_it_goes_on(dataset):
    loader = batches(dataset, num_epochs=None, threads=2)
    assert len([next(loader) for _ in range(23)]) == 23
    loader.close()


# Processes.


@given(
    processes=st.integers(1, 5), batch_size=st.integers(1, 24), shuffle=st.booleans(), weighted=st.booleans()
)
@settings(deadline=None, max_examples=24)
def test_processes_share_each_global_batch(dataset, processes, batch_size, shuffle, weighted):
    """Any batch size with any number of processes, in the order of `position`."""
    options = {
        "batch_size": batch_size,
        "train": shuffle,
        "num_epochs": 2,
        "weights": np.arange(23) if weighted else None,
    }
    alone = list(batches(dataset, **options))
    parts = [
        list(batches(dataset, process_index=i, process_count=processes, **options)) for i in range(processes)
    ]
    assert {len(part) for part in parts} == {len(alone)}
    for whole, *shares in zip(alone, *parts, strict=True):
        assert len({len(share["index"]) for share in shares}) == 1
        together = {k: np.concatenate([share[k] for share in shares]) for k in whole}
        order = np.argsort(together["position"])
        assert together["position"][order].tolist() == list(range(len(order)))
        for name in set(whole) - {"position"}:
            np.testing.assert_array_equal(together[name][order][:batch_size], whole[name])
            assert not together["mask"][order][batch_size:].any()


def test_every_process_has_batches_of_one_shape(dataset):
    for process in range(4):
        loader = batches(dataset, batch_size=4, process_index=process, process_count=4, pad_to_multiple=2)
        assert loader.rows == 2 and {batch["label"].shape for batch in loader} == {(2,)}


# Batches.


def test_a_short_batch_is_padded_with_zeros(dataset):
    loader = batches(dataset, ("image", "label", "valence", "landmarks"), train=False, pad_to_multiple=4)
    assert loader.rows == 8
    last = list(loader)[-1]
    assert last["mask"].tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert last["index"].tolist() == [20, 21, 22, -1, -1, -1, -1, -1]
    for name in ("image", "label", "valence", "landmarks"):
        assert len(last[name]) == 8 and not last[name][3:].any()


def test_a_batch_larger_than_the_split_is_padded(dataset):
    (batch,) = batches(dataset, batch_size=64)
    assert batch["label"].shape == (64,) and batch["mask"].sum() == 23


@pytest.mark.parametrize("encoding", ["raw", "png", "jpeg"])
def test_a_batch_holds_what_the_records_hold(tmp_path, encoding):
    features = {**FACE_FEATURES, "image": Feature("image", (8, 8, 3), encoding)}
    dataset = make_dataset(tmp_path, features=features)
    names = ("image", "label", "valence", "arousal", "landmarks", "age")
    for batch in batches(dataset, names, batch_size=4):
        real = batch["index"][batch["mask"] > 0]
        assert {name: batch[name].dtype for name in names} == {
            "image": np.uint8, "label": np.int32, "valence": np.float32,
            "arousal": np.float32, "landmarks": np.float32, "age": np.float32,
        }  # fmt: skip
        assert batch["mask"].dtype == np.float32 and batch["index"].dtype == np.int32
        np.testing.assert_array_equal(batch["label"][: len(real)], real % 7)
        np.testing.assert_array_equal(batch["valence"][: len(real)], (real / 1000).astype(np.float32))
        np.testing.assert_array_equal(batch["landmarks"][: len(real), 5], real + 5)
        for image, number in zip(batch["image"], real):
            tolerance = 40 if encoding == "jpeg" else 0  # Colour is stored at half the resolution.
            np.testing.assert_allclose(image, picture(number), atol=tolerance)


def test_jpeg_channels_are_red_green_blue(tmp_path):
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 250
    features = {"image": Feature("image", (8, 8, 3), "jpeg")}
    dataset = make_dataset(tmp_path, (1,), features, [{"image": encode_picture(red, "jpeg")}])
    (batch,) = batches(dataset, ("image",))
    np.testing.assert_allclose(batch["image"][0], red, atol=6)


def test_grey_pictures_masks_and_vectors_of_integers_are_read(tmp_path):
    mask, depth, labels = np.eye(4, dtype=np.uint8), picture(1, (6, 5)), np.arange(26) % 2
    features = {
        "depth": Feature("image", (6, 5), "png"),
        "face_mask": Feature("image", (4, 4), "raw"),
        "labels": Feature("int", (26,)),
    }
    record = {"depth": encode_picture(depth, "png"), "face_mask": mask.tobytes(), "labels": labels}
    (batch,) = batches(make_dataset(tmp_path, (1,), features, [record]), tuple(features))
    np.testing.assert_array_equal(batch["depth"][0], depth)
    np.testing.assert_array_equal(batch["face_mask"][0], mask)
    np.testing.assert_array_equal(batch["labels"][0], labels)


def test_raw_pixels_are_right_when_their_place_in_the_record_moves(tmp_path):
    """They are expected where the last record had them; text before and numbers after move them here."""
    features = {
        "a_text": Feature("bytes"),
        "image": Feature("image", (8, 8, 3), "raw"),
        "number": Feature("int"),
    }
    records = [
        {"a_text": b"x" * (n // 3 * 50), "image": picture(n).tobytes(), "number": 10 ** (n % 4)}
        for n in range(30)
    ]
    dataset = make_dataset(tmp_path, (30,), features, records)
    for options in ({"train": False}, {"train": True}, {"train": True, "threads": 4}):
        for batch in batches(dataset, ("image", "number"), num_epochs=3, **options):
            np.testing.assert_array_equal(batch["image"], [picture(n) for n in batch["index"]])
            np.testing.assert_array_equal(batch["number"], 10 ** (batch["index"] % 4))


def test_batches_do_not_share_memory(dataset):
    kept = list(batches(dataset, ("image",), threads=2, num_epochs=2))
    again = list(batches(dataset, ("image",), num_epochs=2))
    for one, other in zip(kept, again, strict=True):
        assert_equal(one, other)


def test_texts_are_read_on_the_host(dataset):
    source = dataset.source("train")
    record = read_record(source, 12, ["source_id", "label", "landmarks"])
    assert record["source_id"] == [b"folder/12.jpg"] and record["label"].tolist() == [5]
    with pytest.raises(DataError, match=r"record 1 \(byte \d+\) holds no feature 'video'"):
        read_record(source, 12, ["video"])


# Taking the order up again.


@pytest.mark.parametrize("threads", [0, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_jump_to_a_step_equals_iterating_to_it(dataset, threads, weighted):
    options = {"num_epochs": 4, "threads": threads, "weights": np.arange(23) + 1.0 if weighted else None}
    features = ("image", "label")
    whole = list(batches(dataset, features, **options))
    for step in (0, 1, 4, 5, 13, 19):
        for one, other in zip(whole[step:], batches(dataset, features, start=step, **options), strict=True):
            assert_equal(one, other)
    assert list(batches(dataset, features, start=20, **options)) == []


def test_a_jump_far_ahead_costs_nothing(dataset):
    loader = batches(dataset, num_epochs=None, start=10**12)
    assert len(next(loader)["label"]) == 5


@pytest.mark.parametrize("threads", [0, 3])
def test_the_state_after_any_step_takes_up_the_order(dataset, threads):
    loader = batches(dataset, num_epochs=3, threads=threads)
    states = [loader.state()]
    seen = []
    for batch in loader:
        seen.append(batch)
        states.append(json.loads(json.dumps(loader.state())))
    for step, state in enumerate(states):
        again = batches(dataset, num_epochs=3, threads=threads, start=state)
        assert again.state() == state
        for one, other in zip(seen[step:], again, strict=True):
            assert_equal(one, other)


@pytest.mark.parametrize("change", [{"seed": 1}, {"batch_size": 4}])
def test_the_state_of_another_order_is_refused(dataset, change):
    state = batches(dataset).state()
    with pytest.raises(CheckpointError, match=next(iter(change))):
        batches(dataset, start=state, **change)


def test_the_state_of_other_records_is_refused(dataset, tmp_path):
    state = batches(dataset).state()
    other = make_dataset(tmp_path, (23,), records=[face_record(number + 1) for number in range(23)])
    with pytest.raises(CheckpointError, match="content_hash"):
        batches(other, start=state)


# The weighted sampler.


def test_the_sampler_draws_in_proportion_to_the_weights(dataset):
    weights = np.arange(23.0)
    epochs = 400
    loader = batches(dataset, weights=weights, batch_size=23, num_epochs=epochs)
    counts = np.bincount(flat(indexes(loader)), minlength=23)
    expected = epochs * 23 * weights / weights.sum()
    assert loader.steps_per_epoch == 1 and counts.sum() == epochs * 23 and counts[0] == 0
    assert np.all(np.abs(counts - expected) <= 5 * np.sqrt(expected))


def test_the_sampler_draws_anew_each_epoch_and_the_same_for_a_seed(dataset):
    draws = np.reshape(flat(indexes(batches(dataset, weights=np.ones(23), num_epochs=3))), (3, 23))
    assert len({tuple(draw) for draw in draws}) == 3
    again = np.reshape(flat(indexes(batches(dataset, weights=np.ones(23), num_epochs=3))), (3, 23))
    np.testing.assert_array_equal(draws, again)


def test_records_of_weight_zero_are_never_drawn(dataset):
    weights = np.zeros(23)
    weights[[0, 22]] = 1
    assert set(flat(indexes(batches(dataset, weights=weights, num_epochs=20)))) == {0, 22}


@pytest.mark.parametrize(
    "weights",
    [np.ones(22), np.zeros(23), -np.ones(23), np.full(23, np.nan), np.full(23, np.inf), np.ones((23, 1))],
)
def test_weights_that_cannot_be_are_refused(dataset, weights):
    with pytest.raises(ConfigError, match=r"[wW]eights"):
        batches(dataset, weights=weights)


# Mistakes.


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"batch_size": -5},
        {"process_index": 1},
        {"seed": -1},
        {"start": -1},
        {"start": 6},
        {"features": ("source_id",)},
    ],
)
def test_options_that_do_not_go_together_are_refused(dataset, options):
    with pytest.raises(ConfigError):
        batches(dataset, **options)


def test_an_unknown_feature_or_split_is_refused(dataset):
    with pytest.raises(DataError, match="no 'depth'"):
        batches(dataset, ("depth",))
    with pytest.raises(DataError, match="no split 'test'"):
        Batches(dataset, "test", Inputs(FEATURES), Order(5))


def test_a_split_without_records_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no records"):
        batches(make_dataset(tmp_path, counts=(0,)))


@pytest.mark.parametrize("threads", [0, 2])
def test_a_damaged_record_comes_out_of_next_and_stays(tmp_path, threads):
    dataset = make_dataset(tmp_path, counts=(11, 12))
    path = tmp_path / dataset.split("train").shards[1]
    source = dataset.source("train")
    _, record, offset = source.locate(13)
    content, times = bytearray(path.read_bytes()), path.stat()
    content[offset + 60] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    loader = batches(dataset, ("image",), train=False, threads=threads)
    assert [next(loader)["index"][0] for _ in range(2)] == [0, 5]
    for _ in range(3):
        with pytest.raises(DataError) as caught:
            next(loader)
        assert f"{path}: record {record} (byte {offset})" in str(caught.value)
    loader.close()


@pytest.mark.parametrize(
    ("feature", "described", "reason"),
    [
        ("image", Feature("image", (8, 9, 3), "raw"), "192 values"),
        ("image", Feature("image", (8, 8, 3), "png"), "not a picture"),
        ("label", Feature("float"), "stored as another type"),
        ("label", Feature("int", (2,)), "1 values"),
        ("valence", Feature("int"), "stored as another type"),
        ("landmarks", Feature("float"), "136 numbers"),
        ("source_id", Feature("float"), "stored as another type"),
        ("label", Feature("image", (8, 8), "raw"), "stored as another type"),
        ("absent", Feature("float"), "missing"),
    ],
)
def test_a_record_that_is_not_as_described_is_reported_with_file_record_offset_and_feature(
    dataset, feature, described, reason
):
    loader = batches(with_features(dataset, **{feature: described}), (feature,), train=False)
    with pytest.raises(DataError) as caught:
        next(loader)
    path, _, _ = dataset.source("train").locate(0)
    assert f"{path}: record 0 (byte 0), feature {feature!r}: {reason}" in str(caught.value)


@pytest.mark.parametrize("encoding", ["jpeg", "png"])
def test_a_picture_of_another_size_is_reported(tmp_path, encoding):
    features = {"image": Feature("image", (8, 8, 3), encoding)}
    records = [{"image": encode_picture(picture(n, (8, 8 + (n == 1), 3)), encoding)} for n in range(3)]
    loader = batches(make_dataset(tmp_path, (3,), features, records), ("image",), train=False)
    with pytest.raises(
        DataError, match=r"record 1 \(byte \d+\), feature 'image': .*\(8, 9, 3\).*\(8, 8, 3\)"
    ):
        next(loader)


@pytest.mark.parametrize("content", [b"", b"junk"])
def test_bytes_that_are_no_picture_are_reported(tmp_path, content):
    features = {"image": Feature("image", (8, 8, 3), "jpeg")}
    loader = batches(make_dataset(tmp_path, (1,), features, [{"image": content}]), ("image",))
    with pytest.raises(DataError, match=r"record 0 \(byte 0\), feature 'image'"):
        next(loader)


def test_a_record_that_is_no_example_is_reported(tmp_path):
    dataset = make_dataset(tmp_path, (1,))
    with TFRecordWriter(tmp_path / dataset.split("train").shards[0]) as writer:
        writer.write(b"\xff" * 20)
    with pytest.raises(DataError, match=r"record 0 \(byte 0\)"):
        next(batches(described_again(dataset)))


def test_a_number_too_large_for_the_batch_is_reported(tmp_path):
    dataset = make_dataset(tmp_path, (1,), {"number": Feature("int")}, [{"number": 2**31}])
    with pytest.raises(DataError, match="feature 'number'"):
        next(batches(dataset, ("number",)))


def test_a_shard_with_fewer_records_than_described_is_refused(tmp_path):
    dataset = make_dataset(tmp_path)
    write_shard(tmp_path / dataset.split("train").shards[0], [face_record(0)])
    with pytest.raises(DataError, match=r"holds 1 records, dataset\.json says 5"):
        batches(dataset)


def test_other_records_under_valid_checksums_are_refused_at_the_start(tmp_path):
    dataset = make_dataset(tmp_path)
    records = [face_record(number) for number in range(5)]
    for changed in (records[::-1], [*records[:4], records[0]], [records[1], records[0], *records[2:]]):
        write_shard(tmp_path / dataset.split("train").shards[0], changed)
        with pytest.raises(DataError, match=r"not those that dataset\.json describes.* in a new one"):
            batches(dataset)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"label": -1}, "label is -1, outside 0..6"),
        ({"label": 7}, "label is 7, outside 0..6"),
        ({"valence": 5.0}, "valence is 5, outside -1..1"),
        ({"arousal": float("nan")}, "arousal is nan, outside -1..1"),
    ],
)
def test_a_label_outside_its_range_names_file_and_record(tmp_path, changed, message):
    dataset = make_dataset(tmp_path, (5, 0, 6))
    records = [face_record(number) for number in range(5, 11)]
    write_shard(
        tmp_path / dataset.split("train").shards[2], [*records[:2], records[2] | changed, *records[3:]]
    )
    with pytest.raises(DataError, match=rf"00002-of-00003: record 2 \(byte \d+\): {message}"):
        list(batches(described_again(dataset), ("label", "valence", "arousal")))


def test_a_column_outside_its_range_names_file_and_record(tmp_path):
    records = [face_record(0), face_record(1) | {"label": -1}]
    dataset = make_dataset(tmp_path, (2,), records=records)
    with pytest.raises(DataError, match=r"columns-train\.npz: record 1: label is -1, outside 0\.\.6"):
        dataset.columns("train")


def delimited(number, payload):
    """A length-delimited field of fewer than 128 bytes."""
    return bytes([number << 3 | 2, len(payload)]) + payload


def test_records_of_another_writer_are_read(tmp_path):
    """Numbers one by one instead of packed, the value before its name: valid, though not the usual way."""
    valence = delimited(2, delimited(2, b"\x0d\x00\x00\x80\x3f")) + delimited(1, b"valence")
    number = delimited(2, delimited(3, b"\x08\xac\x02")) + delimited(1, b"number")
    dataset = make_dataset(tmp_path, (1,), {"valence": Feature("float"), "number": Feature("int")}, [{}])
    with TFRecordWriter(tmp_path / dataset.split("train").shards[0]) as writer:
        writer.write(delimited(1, delimited(1, valence) + delimited(1, number)))
    (batch,) = batches(described_again(dataset), ("valence", "number"), batch_size=1)
    assert batch["valence"].tolist() == [1.0] and batch["number"].tolist() == [300]
