"""The synthetic Aff-Wild2: people who change smoothly, in the layout and proportions of the real one."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from data_prep.affwild2.raw import find_videos
from data_prep.synthetic.__main__ import main
from data_prep.synthetic.affwild2.generate import (
    Settings,
    annotate,
    class_counts,
    clip_moments,
    draw_moment,
    generate,
    plan_clips,
)
from data_prep.synthetic.clips import play
from emojax.errors import ConfigError

SEED = 4


def test_everything_changes_smoothly_and_nobody_is_asked_in_the_middle_of_a_change():
    moments = play([1, 2], 48, np.random.default_rng(0))
    labels = [moment.label for moment in moments]
    assert labels == sorted(labels) and set(labels) == {1, 2}
    undecided = [i for i, moment in enumerate(moments) if not moment.decided]
    assert undecided and max(abs(i - labels.index(2)) for i in undecided) <= 2
    va = np.array([(moment.valence, moment.arousal) for moment in moments])
    steps = np.abs(np.diff(va, axis=0)).max()
    assert steps < 0.5 < va[0, 0] - va[-1, 0]  # from happy to sad, in several steps
    corner = np.array([moment.actions.corner for moment in moments])
    assert np.abs(np.diff(corner)).max() < 0.5 * np.ptp(corner)
    assert np.abs(np.diff([moment.pose for moment in moments], axis=0)).max() < 0.15


def test_neighbouring_frames_look_alike_and_expressions_do_not():
    clip = next(c for c in plan_clips("train", 40, 32, SEED) if set(c.labels) == {0, 1})
    moments = clip_moments(clip, 32, SEED)
    frames = [draw_moment(clip, moments[i], 48, SEED).astype(float) for i in (4, 5, 28)]
    near, far = (np.abs(frames[0] - other).mean() for other in frames[1:])
    assert 0 < near < 0.5 * far


def test_classes_have_the_proportions_of_aff_wild2_with_a_floor():
    train, validation = class_counts("train", 1000), class_counts("validation", 1000)
    assert sum(train) == sum(validation) == 1000 and min(train) >= 30 and min(validation) >= 30
    assert train[0] == max(train) and train[1] > train[2] > train[3] > train[4]
    assert validation[0] > 450
    assert min(class_counts("train", 8)) >= 1


def test_people_of_the_validation_clips_are_never_seen_in_training():
    train, validation = (plan_clips(split, 40, 32, SEED) for split in ("train", "validation"))
    assert {clip.person for clip in train}.isdisjoint(clip.person for clip in validation)
    assert {clip.scene for clip in train}.isdisjoint(clip.scene for clip in validation)
    second = [clip for clip in train if clip.name.endswith("_left")]
    names = {clip.name: clip for clip in train}
    assert second and len(names) == len(train)
    for clip in second:
        other = names[clip.name.removesuffix("_left")]
        assert other.scene == clip.scene and other.person != clip.person
    assert any(clip.va_split == "validation" for clip in train)  # the splits of both kinds differ
    assert any(not clip.split for clip in train) and any(not clip.va_split for clip in train)


def test_some_frames_have_no_face_no_expression_or_no_valence():
    found = {"face": 0, "expression": 0, "va": 0}
    for clip in plan_clips("train", 40, 32, SEED):
        labels, faces = annotate(clip, clip_moments(clip, 32, SEED), SEED)
        found["face"] += faces.count(False)
        found["expression"] += sum(frame.expression_row() == "-1" for frame in labels)
        found["va"] += sum(frame.va_row() == "-5,-5" for frame in labels)
    assert all(0 < count < 0.15 * 42 * 32 for count in found.values()), found


def test_the_layout_is_that_of_the_real_data_set(raw_affwild2):
    videos = find_videos(raw_affwild2 / "cropped_aligned", raw_affwild2 / "annotations").videos
    names = [video.name for video in videos["train"]]
    assert "video1" in names and any(name.endswith("_left") for name in names)
    assert (raw_affwild2 / "cropped_aligned" / "video1" / "00001.jpg").is_file()


def test_the_same_seed_draws_the_same_bytes_whatever_the_workers(tmp_path):
    settings = Settings(train=8, validation=8, frames=16, size=32, seed=9)
    for name, workers in (("one", 1), ("two", 2)):
        generate(tmp_path / name, settings, workers)
    assert _tree(tmp_path / "one") == _tree(tmp_path / "two")


def _tree(folder: pathlib.Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_door_draws_once_and_refuses_what_it_cannot_do(raw_affwild2, tmp_path, capsys):
    small = ["--train", "8", "--val", "8", "--frames", "16", "--size", "32", "--faults", "--workers", "1"]
    before = (raw_affwild2 / "synthetic.json").stat().st_mtime_ns
    assert main(["affwild2", "--out", str(raw_affwild2), "--seed", "7", *small]) == 0
    assert (raw_affwild2 / "synthetic.json").stat().st_mtime_ns == before
    assert "python -m data_prep.affwild2 --videos" in capsys.readouterr().out
    assert main(["affwild2", "--out", str(raw_affwild2), "--seed", "8", *small]) == 2
    assert "other settings" in capsys.readouterr().err
    with pytest.raises(ConfigError, match=r"--frames >= 16, not 32, 8, 8 and 4"):
        Settings(train=8, validation=8, frames=4, size=32)
