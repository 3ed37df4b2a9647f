"""Landmarks that are found where none are given: dlib's, at preparation alone, and a clear line without it."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from data_prep.oulu_casia import prepare as oulu
from data_prep.sequences import detector
from data_prep.sequences.detector import DlibLandmarks
from data_prep.sequences.landmarks import LandmarkFiles
from data_prep.sequences.prepare import Options, prepare
from data_prep.synthetic.expressions.generate import Settings
from data_prep.synthetic.oulu_casia.generate import draw
from emojax.errors import ConfigError
from emojax.vision.align import eye_centres


@pytest.fixture
def fresh():
    detector._networks.cache_clear()
    yield
    detector._networks.cache_clear()


def test_without_the_library_one_line_says_how_to_install_it_or_to_give_landmarks(fresh, monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)  # importing it fails
    with pytest.raises(ConfigError, match=r"dlib is not installed.*pip install dlib-bin.*--landmarks DIR"):
        DlibLandmarks()


def test_a_frame_without_a_face_is_looked_at_where_the_one_before_had_one(monkeypatch):
    box = types.SimpleNamespace(
        left=lambda: 10, top=lambda: 20, right=lambda: 110, bottom=lambda: 120, area=lambda: 10_000
    )
    found, asked = iter([[], [box], []]), []
    dlib = types.SimpleNamespace(rectangle=lambda *sides: sides)

    def place(picture, sides):
        asked.append(sides)
        return types.SimpleNamespace(parts=lambda: [types.SimpleNamespace(x=i, y=2 * i) for i in range(68)])

    monkeypatch.setattr(detector, "_networks", lambda: (dlib, lambda picture, times: next(found), place))
    of_frame, frame = DlibLandmarks().of_video(None), np.zeros((640, 1280, 3), np.uint8)
    first, second, third = (of_frame(i, frame) for i in range(3))
    assert first is None and second.shape == (68, 2)
    assert asked == [(20, 40, 220, 240)] * 2  # the search was on half the size
    np.testing.assert_array_equal(second, third)


def test_found_landmarks_are_near_those_of_the_drawn_curves(fresh, tmp_path):
    pytest.importorskip("dlib")
    raw = tmp_path / "raw"
    draw(raw, Settings(subjects=5, frames=4, size=(200, 160), turn=20), workers=1)
    options = Options(size=32, encoding="raw", modalities=("face",), window=(0.5, 1.0))
    dataset, _ = prepare(oulu.plan(raw, options), None, tmp_path / "data", options)
    assert sum(dataset.splits[split].num_records for split in dataset.splits) >= 54  # of 60 frames
    assert dataset.build["landmarks"] == "dlib"
    given = LandmarkFiles(str(raw / "landmarks"))
    videos = {video.id: video for video in oulu.plan(raw, options).raw.videos}
    errors = []
    for columns in map(dataset.columns, dataset.splits):
        names = columns.of_records("video")
        for name, frame, points in zip(names, columns["frame"], columns["landmarks"], strict=True):
            truth = given.of_video(videos[str(name)])(int(frame), None)
            distance = np.hypot(*np.subtract(*eye_centres(truth)))
            errors.append(np.hypot(*(points - truth)[17:].T).mean() / distance)
    assert np.mean(errors) < 0.15  # distances of the eyes; 0.09 on average
