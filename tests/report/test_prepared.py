"""Figures of prepared and of raw data."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from data_prep.affectnet.steps import alignment_steps, main, most_tilted_face
from data_prep.synthetic.affectnet.generate import Settings, generate
from emojax.data.columns import write_columns
from emojax.errors import DataError
from emojax.report import prepared, style
from tests.toy import make_dataset


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(style, "DPI", 50)


def test_a_prepared_data_set_shows_its_labels_and_a_record(tmp_path):
    toy = make_dataset(tmp_path / "toy", train=21, validation=14)
    labels, record = prepared.label_section(tmp_path, toy), prepared.record_section(tmp_path, toy, 20)
    names = {picture.path.stem for picture in (*labels.pictures, *record.pictures)}
    assert names == {"classes", "plane", "plane_of_each_class", "sectors", "augmentation"}
    with pytest.raises(DataError, match=r"no record 21 in .*: the training split has 0 to 20"):
        prepared.record_section(tmp_path, toy, 21)


def test_data_without_expressions_is_refused(tmp_path):
    toy = make_dataset(tmp_path / "toy", train=7, validation=7)
    train = toy.columns("train")
    columns_hash = write_columns(tmp_path / "toy", "train", {n: train[n] for n in train if n != "arousal"})
    splits = toy.splits | {"train": dataclasses.replace(toy.splits["train"], columns_hash=columns_hash)}
    with pytest.raises(DataError, match="no column 'arousal'"):
        prepared.label_section(tmp_path, dataclasses.replace(toy, splits=splits))


@pytest.mark.parametrize("layout", [2017, 2021])
def test_the_steps_of_the_alignment_level_the_eyes_of_a_tilted_face(layout, tmp_path):
    generate(
        tmp_path, Settings(train=24, validation=8, size=64, seed=3, layout=layout, faults=True), workers=1
    )
    face, image, box = most_tilted_face(tmp_path)
    pictures, points = alignment_steps(image, box, face.landmarks(), size=48)
    assert list(pictures) == list(points) == ["Picture", "Face box", "Eyes levelled", "Stored crop"]
    assert pictures["Face box"].shape == pictures["Stored crop"].shape == (48, 48, 3)

    def slope(landmarks):
        left, right = landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)
        return abs(np.arctan2(right[1] - left[1], right[0] - left[0]))

    assert slope(points["Picture"]) > 0.1
    assert slope(points["Eyes levelled"]) < 1e-9 and slope(points["Stored crop"]) < 0.03


def test_a_folder_that_is_no_affectnet_is_refused(tmp_path):
    with pytest.raises(DataError, match="no AffectNet"):
        most_tilted_face(tmp_path)


def test_the_command_draws_the_steps(tmp_path, capsys):
    generate(tmp_path / "raw", Settings(train=24, validation=8, size=64, seed=3), workers=1)
    out = tmp_path / "figures" / "alignment.png"
    assert main(["--raw", str(tmp_path / "raw"), "--out", str(out)]) == 0
    assert out.read_bytes()[:4] == b"\x89PNG" and "68 landmarks" in capsys.readouterr().out
