"""Faces of a video are followed by the overlap of their boxes."""

import numpy as np

from emojax.prediction.tracks import Tracker


def numbers(tracker, seconds, *boxes):
    return [number for number, _ in tracker.update(seconds, boxes, [np.zeros(1)] * len(boxes))]


def test_people_keep_their_numbers_when_their_order_changes():
    tracker = Tracker()
    assert numbers(tracker, 0.0, (0, 0, 10, 10), (50, 0, 10, 10)) == [0, 1]
    assert numbers(tracker, 0.1, (51, 1, 10, 10), (1, 0, 10, 10)) == [1, 0]


def test_a_short_gap_keeps_the_number_and_a_long_one_does_not():
    tracker = Tracker()
    numbers(tracker, 0.0, (0, 0, 10, 10))
    assert numbers(tracker, 0.2) == []
    assert numbers(tracker, 0.9, (1, 1, 10, 10)) == [0]
    assert numbers(tracker, 2.0, (1, 1, 10, 10)) == [1]


def test_two_faces_never_share_a_number():
    tracker = Tracker()
    numbers(tracker, 0.0, (0, 0, 10, 10))
    assert sorted(numbers(tracker, 0.1, (0, 0, 10, 10), (1, 0, 10, 10))) == [0, 1]


def test_smoothing_is_an_exponential_mean_by_time():
    tracker = Tracker(smooth=0.5)
    tracker.update(0.0, [(0, 0, 10, 10)], [np.array([0.0, 1.0])])
    ((_, value),) = tracker.update(0.5, [(0, 0, 10, 10)], [np.array([1.0, 0.0])])
    np.testing.assert_allclose(value, [1 - np.exp(-1), np.exp(-1)])


def test_without_smoothing_predictions_stay_as_they_are():
    tracker = Tracker()
    tracker.update(0.0, [(0, 0, 10, 10)], [np.array([0.0])])
    ((_, value),) = tracker.update(0.1, [(0, 0, 10, 10)], [np.array([1.0])])
    assert value.tolist() == [1.0]
