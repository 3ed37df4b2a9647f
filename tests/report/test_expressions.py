"""Figures of prepared videos of expressions."""

from __future__ import annotations

import numpy as np

from emojax.report.expressions import class_figure, in_crop, strongest_frames, view_figure
from emojax.vision.face_views import face_crop


def test_landmarks_are_drawn_where_the_crop_has_them():
    landmarks = np.random.default_rng(0).integers((30, 40), (70, 90), (68, 2)).astype(float)
    x, y = landmarks[5].astype(int)
    frame = np.zeros((120, 100, 3), np.uint8)
    frame[y - 1 : y + 2, x - 1 : x + 2] = 255
    crop = face_crop(frame, landmarks, 224)
    seen = np.argwhere(crop[..., 0] > 128).mean(axis=0)[::-1]
    np.testing.assert_allclose(in_crop(landmarks, 224)[5], seen, atol=2.5)  # of 3.5 pixels that one becomes


def test_the_frame_of_a_class_is_the_one_farthest_from_the_mean_face_and_classes_may_be_missing():
    landmarks = np.tile(np.random.default_rng(1).normal(size=(68, 2)), (4, 1, 1))
    landmarks[2, :10] += 3
    assert strongest_frames(np.array([0, 0, 0, 2]), landmarks, 4)[0] == 2
    assert strongest_frames(np.array([0, 0, 0, 2]), landmarks, 4)[1:] == [-1, 3, -1]
    label, people = np.array([0, 0, 1, 1]), np.array(["a", "b", "a", "b"])
    landmarks[1, :20] += 5
    assert strongest_frames(label, landmarks, 2) == [1, 2]
    assert strongest_frames(label, landmarks, 2, people, pairs=1) == [1, 3]  # of b, who is shown for class 0


def test_figures_are_written_with_and_without_landmarks(tmp_path):
    images = np.zeros((7, 8, 8, 3), np.uint8)
    points = [np.full((68, 2), 4.0)] * 7
    files = (
        class_figure(tmp_path / "a.png", images, list("abcdefg"), points),
        class_figure(tmp_path / "b.png", images[:2], list("ab")),
        view_figure(tmp_path / "c.png", {"crop": images[:2], "frontal view": images[:2]}),
    )
    for file in files:
        assert file.read_bytes().startswith(b"\x89PNG")
