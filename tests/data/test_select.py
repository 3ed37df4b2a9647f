"""Selections: which records make an example; never across sequences, and each frame once in evaluation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emojax.data.columns import Layout
from emojax.data.select import FlowStack, Frames, Pictures, Segments, Uniform, Whole, Windows
from emojax.errors import ConfigError, DataError

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=8)


def layout(*lengths, frames=None) -> Layout:
    starts = np.cumsum([0, *lengths])[:-1]
    return Layout(starts, np.array(lengths), frames)


def rng(*key) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(key))


def examples(select, of: Layout, train: bool, seed: int = 0) -> np.ndarray:
    """Records of all examples [E, T]."""
    plan = select.plan(of, train)
    return np.stack([plan.records(i, rng(seed, i)) for i in range(plan.num_examples)])


ANY = st.one_of(
    st.just(Pictures()),
    st.just(Frames((0.5, 0.8))),
    st.builds(Windows, st.integers(1, 12), rest=st.sampled_from(["pad", None])),
    st.builds(Windows, st.integers(1, 12), stride=st.just(1), short=st.just("repeat")),
    st.builds(Uniform, st.integers(1, 9)),
    st.builds(Segments, st.integers(1, 30), window=st.integers(1, 7), validation_fallback=st.booleans()),
    st.builds(FlowStack, st.builds(Segments, st.integers(1, 5), window=st.just(5))),
    st.builds(FlowStack, st.just(Windows(4, rest="pad")), before=st.integers(0, 3), after=st.integers(0, 3)),
    st.builds(Whole, st.just(40), shift=st.booleans()),
)


@given(ANY, LENGTHS, st.booleans())
def test_an_example_never_mixes_sequences(select, lengths, train):
    of = layout(*lengths)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    try:
        plan = select.plan(of, train)
    except DataError:
        assert train and max(lengths) < select.length  # windows that drop what is too short
        return
    for i in range(plan.num_examples):
        records = plan.records(i, rng(0, i))
        real = records[records >= 0]
        assert records.shape == (select.time or 1,) and len(real) and (records < of.num_records).all()
        assert set(owner[real]) == {plan.sequence[i]}


@given(ANY, LENGTHS, st.booleans(), st.integers(0, 3))
def test_a_selection_is_a_function_of_seed_and_example(select, lengths, train, seed):
    of = layout(*lengths)
    if isinstance(select, Windows) and train and max(lengths) < select.length:
        return
    np.testing.assert_array_equal(examples(select, of, train, seed), examples(select, of, train, seed))


@given(
    LENGTHS,
    st.integers(1, 50),
    st.one_of(st.none(), st.integers(1, 3)),
    st.randoms(use_true_random=False),
)
def test_evaluation_windows_hold_each_frame_exactly_once(lengths, length, max_step, random):
    frames = np.concatenate([np.cumsum([random.choice([1, 1, 2, 5]) for _ in range(n)]) for n in lengths])
    records = examples(Windows(length, max_step=max_step), layout(*lengths, frames=frames), train=False)
    assert sorted(records[records >= 0].tolist()) == list(range(sum(lengths)))
    for row in records:
        real = row[row >= 0]
        assert (row[: len(real)] == real).all() and (np.diff(real) == 1).all()  # padding at the end
        assert max_step is None or (np.diff(frames[real]) <= max_step).all()


@given(LENGTHS, st.integers(1, 12))
def test_training_windows_drop_the_rest(lengths, length):
    if max(lengths) < length:
        with pytest.raises(DataError, match="finds no example: the longest sequence has"):
            Windows(length).plan(layout(*lengths), train=True)
        return
    records = examples(Windows(length), layout(*lengths), train=True)
    assert len(records) == sum(n // length for n in lengths) and (records >= 0).all()


def test_windows_of_the_cnn_rnn_thesis():
    """107,640 = 1,794 windows of 60 frames (affwild_cnn_rnn spec 1.5): rests are dropped in training alone."""
    of = layout(60 * 1000, 59, 60 * 794 + 17)
    assert Windows(60).plan(of, train=True).num_examples == 1794
    assert Windows(60).plan(of, train=False).num_examples == 1794 + 2


def test_a_window_ends_at_a_gap():
    frames = np.array([1, 2, 4, 10, 11])
    records = examples(Windows(3, max_step=5), layout(5, frames=frames), train=False)
    assert records.tolist() == [[0, 1, 2], [3, 4, -1]]
    with pytest.raises(DataError, match="column 'frame'"):
        Windows(3, max_step=5).plan(layout(5), train=False)


def test_overlapping_windows():
    records = examples(Windows(3, stride=2), layout(6), train=False)
    assert records.tolist() == [[0, 1, 2], [2, 3, 4], [4, 5, -1]]
    with pytest.raises(ConfigError, match="evaluation needs stride <= length"):
        Windows(2, stride=3).plan(layout(6), train=False)
    assert examples(Windows(2, stride=3), layout(6), train=True).tolist() == [[0, 1], [3, 4]]


def test_a_window_can_pass_frames_over():
    select = Windows(3, stride=4, rest="drop", short="repeat", dilation=2)
    records = examples(select, layout(10, 4), train=False)
    assert records.tolist() == [[0, 2, 4], [4, 6, 8], [10, 12, 13]]
    with pytest.raises(ConfigError, match="rest='drop'"):
        Windows(3, dilation=2)


def test_a_lone_short_window_repeats_its_last_frame():
    """image_sequences spec 1.8: five frames of the middle of the clip; the rest is dropped, a short clip filled up."""
    select = Windows(5, between=(0.5, 0.8), rest="drop", short="repeat")
    records = examples(select, layout(40, 10), train=False)  # 12 frames from 20 on, 3 frames from 45 on
    assert records.tolist() == [[20, 21, 22, 23, 24], [25, 26, 27, 28, 29], [45, 46, 47, 47, 47]]


@given(st.integers(1, 2000))
def test_the_middle_of_a_clip_is_that_of_exact_shares(n):
    """floor(0.5 n) <= i < ceil(0.8 n) with 0.8 = 4/5, at least one frame (image_sequences spec 1.4)."""
    records = examples(Frames((0.5, 0.8)), layout(n), train=True)[:, 0]
    first = min(n // 2, n - 1)
    assert records.tolist() == list(range(first, max(-(-4 * n // 5), first + 1)))


def test_uniform_frames_reach_from_the_first_to_the_last():
    assert examples(Uniform(5), layout(9, 2), train=False).tolist() == [[0, 2, 4, 6, 8], [9, 9, 9, 10, 10]]
    assert examples(Uniform(3, between=(0.5, 0.8)), layout(10), train=True).tolist() == [[5, 6, 7]]


# Segments: context_emotion spec 1.5, corrections BoLD 2 and 3.


@pytest.mark.parametrize(
    ("length", "count", "window", "expected"),
    [
        (100, 3, 5, [16, 48, 80]),  # tick 32: floor(16 + 32 k)
        (101, 3, 5, [16, 48, 80]),  # tick 97 / 3: 16.17, 48.5, 80.8
        (
            100,
            25,
            5,
            [1, 5, 9, 13, 17, 21, 24, 28, 32, 36, 40, 44, 48, 51, 55, 59, 63, 67, 71, 74, 78, 82, 86, 90, 94],
        ),
        (7, 3, 5, [0, 1, 2]),  # tick 1
        (5, 3, 5, [0, 0, 0]),
        (2, 3, 5, [0, 0, 0]),
    ],
)
def test_places_of_evaluation(length, count, window, expected):
    assert Segments(count, window).middle_offsets(length).tolist() == expected


def test_the_fallback_of_the_public_validation():
    select = Segments(25, 5, validation_fallback=True)
    assert not select.middle_offsets(29).any() and select.middle_offsets(30).any()
    assert Segments(25, 5).middle_offsets(29).any()


@given(st.integers(1, 200), st.integers(1, 30), st.integers(1, 7), st.integers(0, 9))
def test_places_of_training(length, count, window, seed):
    offsets = Segments(count, window).random_offsets(length, rng(seed))
    size = (length - window + 1) // count
    assert len(offsets) == count and offsets.min() >= 0
    if size > 0:
        assert ((offsets - size * np.arange(count) >= 0) & (offsets - size * np.arange(count) < size)).all()
        assert offsets.max() <= length - window
    else:
        assert (np.diff(offsets) >= 0).all() and offsets.max() <= max(length - window, 0)
        assert length > count or not offsets.any()


def test_every_place_of_a_segment_is_drawn_equally_often():
    draws = np.stack([Segments(3, 5).random_offsets(19, rng(i)) for i in range(3000)])  # a = 5
    for k in range(3):
        counts = np.bincount(draws[:, k] - 5 * k, minlength=5)
        assert len(counts) == 5 and ((counts - 600) ** 2 / 600).sum() < 20


@pytest.mark.parametrize("length", [7, 8, 9])
def test_segments_of_one_place_take_it(length):
    """The public code fails at a = 1 (N = 7-9 at K = 3, W = 5)."""
    assert Segments(3, 5).random_offsets(length, rng(1)).tolist() == [0, 1, 2]


def test_the_middle_of_each_snippet_is_taken():
    """The centre frame is offset + 3 from 1, for windows of 5 and of 6, kept inside the clip."""
    assert examples(Segments(3, 5), layout(4, 100), train=False).tolist() == [[2, 2, 2], [22, 54, 86]]
    assert examples(Segments(1, 6), layout(2, 6), train=False).tolist() == [[1], [4]]


def test_spare_records_at_the_end_are_never_taken():
    assert examples(Segments(3, 5, spare=1), layout(4, 101), train=False).tolist() == [
        [2, 2, 2],
        [22, 54, 86],
    ]
    draws = [examples(Segments(3, 1, spare=2), layout(9), True, seed) for seed in range(99)]
    assert np.max(draws) == 5 and np.min(draws) == 0  # of 7 records segments of 2
    assert examples(Segments(2, spare=1), layout(1), train=False).tolist() == [[0, 0]]
    assert examples(Whole(4, spare=2), layout(6, 1), train=False).tolist() == [[0, 1, 2, 3], [6, -1, -1, -1]]


def test_a_stack_holds_the_neighbours_within_the_clip():
    records = examples(FlowStack(Uniform(2)), layout(3, 9), train=False)
    assert records.tolist() == [[0, 0, 0, 1, 2, 0, 1, 2, 2, 2], [3, 3, 3, 4, 5, 9, 10, 11, 11, 11]]


@given(LENGTHS)
def test_a_stack_of_random_segments_is_around_them(lengths):
    of = layout(*lengths)
    stacks = examples(FlowStack(Segments(3, 5)), of, train=True).reshape(-1, 3, 5)
    np.testing.assert_array_equal(stacks[:, :, 2], examples(Segments(3, 5), of, train=True))


@given(LENGTHS, st.booleans())
def test_a_whole_sequence_is_padded(lengths, train):
    rows = examples(Whole(45, shift=True), layout(*lengths), train)
    for row, n in zip(rows, lengths):
        real = np.flatnonzero(row >= 0)
        assert len(real) == n and (np.diff(real) == 1).all() and (train or real[0] == 0)


def test_the_beginning_of_a_shifted_sequence_is_anywhere():
    rows = np.stack([Whole(4, shift=True).plan(layout(2), True).records(0, rng(i)) for i in range(200)])
    assert set((rows >= 0).argmax(axis=1)) == {0, 1, 2}


def test_a_sequence_too_long_to_be_whole_is_refused():
    with pytest.raises(ConfigError, match="longest sequence has 6 records"):
        Whole(5).plan(layout(3, 6), train=True)


@pytest.mark.parametrize("select", [Windows(2), Segments(2), Uniform(2), Whole(2), FlowStack(Pictures())])
def test_single_pictures_have_no_sequences(select):
    pictures = Layout(np.arange(3), np.ones(3, int), sequential=False)
    with pytest.raises(DataError, match="single pictures"):
        select.plan(pictures, train=True)
    assert examples(Pictures(), pictures, True).tolist() == [[0], [1], [2]]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Windows(0),
        lambda: Windows(3, stride=0),
        lambda: Windows(3, rest="keep"),
        lambda: Windows(3, short="x"),
        lambda: Segments(0),
        lambda: Segments(2, window=0),
        lambda: Segments(2, spare=-1),
        lambda: Uniform(0),
        lambda: Whole(0),
        lambda: FlowStack(Segments(1), before=-1),
        lambda: Frames((0.8, 0.5)),
        lambda: Frames((0.5, 1.2)),
    ],
)
def test_impossible_rules_are_refused(make):
    with pytest.raises(ConfigError):
        make()
