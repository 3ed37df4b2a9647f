"""Figures of frames and the votes of their videos."""

from __future__ import annotations

import numpy as np

from emojax.report.votes import frames_figure, position_figure, vote_figure, vote_gain_figure
from emojax.systems.sequences.videos import contrasts, examples, positions


def test_frames_lie_between_the_first_and_the_last_of_their_own_video():
    video = np.array([7, 7, 7, 2, 9, 9])
    np.testing.assert_allclose(positions(video), [0, 0.5, 1, 0, 0, 1])


def test_examples_are_the_least_and_the_most_certain_votes_right_and_wrong():
    video = np.repeat([0, 1, 2, 3, 4], 4)
    right = np.array([1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0], bool)
    voted_right = np.array([True, True, False, False, True])
    assert examples(right, video, voted_right) == [1, 0, 3, 2]
    assert examples(right[:4], video[:4], np.array([True])) == [0]


def test_the_frames_of_one_class_are_right_wrong_though_late_and_wrong_early():
    truth = np.array([0, 0, 0, 1, 1, 1, 1])
    right = np.array([False, False, False, True, False, False, False])
    place = np.array([0.0, 0.5, 1.0, 0.5, 0.5, 0.9, 0.1])
    assert contrasts(truth, right, place).tolist() == [3, 5, 6]  # class 0 has no right frame
    assert not len(contrasts(truth[:3], right[:3], place[:3]))


def test_all_figures_are_written_for_short_videos_and_many_bins(tmp_path):
    image = np.zeros((8, 8, 3), np.uint8)
    strips, predicted = [[image] * 3, [image] * 3], [["happy", "sad", "sad"], ["sad"] * 3]
    files = (
        vote_figure(tmp_path / "votes.png", strips, predicted, ["happy", "sad"], ["sad", "sad"]),
        position_figure(tmp_path / "positions.png", np.zeros(3), np.ones(3, bool), by_vote=1.0),
        vote_gain_figure(tmp_path / "gain.png", np.eye(2), np.eye(2)[::-1], ["happy", "sad"], unit="clips"),
        frames_figure(tmp_path / "frames.png", [image] * 7, ["sad"] * 7, [True] * 7, ["1"] * 7, title="sad"),
    )
    for file in files:
        assert file.read_bytes().startswith(b"\x89PNG")
