"""SASE-FE and OULU-CASIA: which frames are kept, who is in which split, and what happens to damaged videos."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.check.command import main as check
from data_prep.oulu_casia import prepare as oulu
from data_prep.oulu_casia.raw import group_of
from data_prep.pipeline import sum_skipped
from data_prep.sasefe import prepare as sase
from data_prep.sasefe.raw import CODES, anonymous, find_sasefe, read_code
from data_prep.sequences import door
from data_prep.sequences.landmarks import LandmarkFiles
from data_prep.sequences.prepare import FrameSource, Options, prepare
from data_prep.sequences.splits import split_subjects
from data_prep.sequences.video import Kept, window
from data_prep.synthetic.expressions.clip import Clip, draw_clip, strengths
from data_prep.synthetic.expressions.generate import Settings
from data_prep.synthetic.oulu_casia.generate import draw as draw_oulu
from data_prep.synthetic.sasefe.generate import draw as draw_sase
from emojax.cli import UsageError
from emojax.data.loader import Batches, Order
from emojax.errors import ConfigError, DataError, Skip
from emojax.labels import SASE_LABELS
from emojax.vision.align import eye_centres
from emojax.vision.face_views import ViewOptions, crop_matrix, face_crop
from emojax.vision.geometry68 import MIRROR_68, face_geometry, mirrored_geometry

OPTIONS = Options(size=32, encoding="raw")
DRAWN = Settings(subjects=5, frames=8, size=(80, 64), faults=True)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sasefe") / "raw"
    draw_sase(folder, DRAWN, workers=1)
    return folder


@pytest.fixture(scope="module")
def prepared(raw, tmp_path_factory):
    out = tmp_path_factory.mktemp("sasefe") / "data"
    return prepare(sase.plan(raw, OPTIONS), raw / "landmarks", out, OPTIONS)


@given(
    st.integers(3, 120), st.integers(0, 99), st.sampled_from([*sase.PRESETS.values(), *oulu.PRESETS.values()])
)
@settings(max_examples=60, deadline=None)
def test_no_subject_is_in_two_splits_and_each_is_in_one(count, seed, sizes):
    subjects = [f"P{i:03d}" for i in range(1, count + 1)]
    splits = split_subjects(subjects, sizes, seed=seed, group_of=group_of)
    assert sorted(s for members in splits.values() for s in members) == subjects
    assert all(splits.values()) and len(splits) == sum(size > 0 for size in sizes)
    if count == sum(sizes):
        assert tuple(map(len, splits.values())) == tuple(size for size in sizes if size)


def test_people_of_both_origins_are_spread_evenly():
    subjects = [f"P{i:03d}" for i in range(1, 81)]
    splits = split_subjects(subjects, oulu.PRESETS["55_10_15"], seed=3, group_of=group_of)
    for members in splits.values():
        share = np.mean([group_of(s) == "finnish" for s in members])
        assert abs(share - 50 / 80) < 0.08


@pytest.mark.parametrize(
    "frames, kept", [(1, [0]), (2, [1]), (3, [1, 2]), (10, [5, 6, 7]), (17, [8, 13]), (350, [175, 279])]
)
def test_frames_from_half_to_four_fifths_are_kept_and_always_one(frames, kept):
    found = window(frames, (0.5, 0.8))
    assert [found[0], found[-1]] == [kept[0], kept[-1]]


def test_the_last_frames_and_every_second_one_can_be_kept():
    assert list(Kept(last=3).of(17)) == [14, 15, 16] and list(Kept(last=3).of(2)) == [0, 1]
    assert list(Kept(stride=2).of(17)) == [8, 10, 12] and list(Kept(stride=9).of(2)) == [1]


def test_options_of_the_command_line_decide_frames_pictures_and_geometry(raw):
    parser = door.make_parser("sasefe", "videos", "", sase.PRESETS)
    given = ["--raw", str(raw), "--out", "x", "--last", "3", "--stride", "2", "--align", "similarity"]
    given += ["--frontal_crop", "0.8", "--geometry_centre", "nose", "--geometry_scale", "rms"]
    options = door.options_of(parser.parse_args([*given, "--geometry_upright"]))
    assert options.kept == Kept(last=3, stride=2)
    assert options.views == ViewOptions(1.3, "similarity", 0.8, "", "nose", "rms", True)
    with pytest.raises(ConfigError, match="margin lies from 1 to 10"):
        door.options_of(parser.parse_args([*given, "--margin", "0.5"]))
    with pytest.raises(UsageError, match="--window: not allowed with argument --last"):
        parser.parse_args([*given, "--window", "0", "1"])


def test_codes_are_read_whatever_their_case_and_classes_are_emotion_and_deception():
    assert [kind.label for kind in CODES.values()] == list(range(12))
    assert read_code("d2n2SUR").emotion == "surprise" and read_code("d2n2SUR").deceptive
    assert SASE_LABELS.classes[read_code("s2n2h").label] == "deceptive_happiness"
    assert not any(map(read_code, ("", "N2", "N2Q", "A", "X2N2A", "H2H2N2A", "N2A copy")))


def test_records_are_the_frames_of_the_window_video_after_video(prepared):
    dataset, _ = prepared
    for columns in map(dataset.columns, dataset.splits):
        assert columns["frame"][:3].tolist() == [4, 5, 6] and set(np.unique(columns["frame"])) == {4, 5, 6}
        assert (columns.layout.lengths == 3).all() and len(columns.layout.starts) % 12 in (0, 7)
        assert columns.sequences["subject_number"].dtype == np.int32
        assert all("Person" not in name for name in columns.sequences["subject"])
    numbers = [dataset.columns(split).sequences["video_number"] for split in dataset.splits]
    assert sorted(np.concatenate(numbers)) == list(range(12 * 5 - 5))


def test_each_fault_is_left_out_and_counted_by_its_reason(prepared):
    sums = sum_skipped(prepared[1]).values()
    counted = {reason: count for reasons in sums for reason, (count, _) in reasons.items()}
    of_videos = ("unreadable_video", "unknown_code", "no_landmark_file", "bad_landmark_file")
    assert counted == {**dict.fromkeys(of_videos, 1), "no_face": 3, "landmarks_outside": 3}


class Spoilt:
    """The landmarks of a video, some of them spoilt: frame -> what becomes of them."""

    def __init__(self, folder, changes):
        self._files, self._changes = LandmarkFiles(str(folder)), changes

    def of_video(self, video):
        given = self._files.of_video(video)
        return lambda number, frame: self._changes.get(number, lambda points: points)(given(number, frame))


def test_frames_without_a_face_or_with_one_that_cannot_be_turned_are_counted_and_the_others_stay(raw):
    rng = np.random.default_rng(0)
    changes = {
        0: lambda points: None,
        1: lambda points: points * (1, 0) + (0, 30),
        2: lambda points: rng.uniform(10, 60, (68, 2)),
        3: lambda points: np.full((68, 2), 30.0) + (np.arange(68) == 8)[:, None] * 20,
        4: lambda points: points + 500,
        5: lambda points: np.where(np.arange(68)[:, None] == 40, np.nan, points),
    }
    options = dataclasses.replace(OPTIONS, kept=Kept((0.0, 1.0)))
    video = next(v for v in find_sasefe(raw).videos if v.where == "Person01/N2A.mp4")
    found = list(FrameSource(Spoilt(raw / "landmarks", changes), options).convert(video))
    reasons = [item.reason if isinstance(item, Skip) else item.columns["frame"] for item in found]
    assert reasons[:2] == ["no_face", "degenerate_landmarks"] and reasons[3:5] == [
        "eyes_in_one_place",
        "landmarks_outside",
    ]
    assert isinstance(reasons[2], str) and isinstance(reasons[5], str) and reasons[6:] == [6, 7]
    assert all("frame 1" in item.detail for item in found[1:2])


def test_geometry_is_that_of_the_landmarks_and_its_statistics_that_of_the_training_frames(prepared):
    dataset, _ = prepared
    columns = dataset.columns("train")
    np.testing.assert_allclose(
        columns["geometry"][5], face_geometry(columns["landmarks"][5].astype(float)), atol=1e-5
    )
    components = np.array(dataset.statistics["geometry_components"])
    np.testing.assert_allclose(components @ components.T, np.eye(len(components)), atol=1e-8)
    standard = (columns["geometry"] - dataset.statistics["geometry_mean"]) / dataset.statistics[
        "geometry_std"
    ]
    variances = np.square(standard @ components.T).mean(axis=0)
    np.testing.assert_allclose(
        variances / np.square(standard).mean(axis=0).sum(),
        dataset.statistics["geometry_explained"],
        atol=1e-5,
    )


def test_a_fold_has_other_subjects_and_its_own_components(prepared):
    dataset, _ = prepared
    folds = [dataset.fold(k, 4) for k in range(1, 5)]
    people = [set(fold.columns("validation").of_records("subject")) for fold in folds]
    assert sum(map(len, people)) == len(set.union(*people)) == 4
    assert folds[0].statistics["geometry_mean"] != folds[1].statistics["geometry_mean"]
    assert sum(folds[0].splits["train"].class_counts.values()) == folds[0].splits["train"].num_records


def test_a_fold_of_one_class_has_its_components_too(prepared):
    from emojax.data.columns import Columns
    from emojax.graphs.statistics import sequence_statistics

    train = prepared[0].columns("train")
    keep = train["label"] == 3
    arrays = {"label": train["label"][keep], "geometry": train["geometry"][keep]}
    statistics = sequence_statistics(Columns(arrays, int(keep.sum())), SASE_LABELS)
    assert statistics["counts"][3] == keep.sum() and np.isfinite(statistics["geometry_components"]).all()


def test_a_mirrored_face_has_the_mirrored_geometry():
    points = np.random.default_rng(0).uniform(0, 100, (68, 2))
    mirrored = (points * (-1, 1) + (200, 0))[MIRROR_68]
    np.testing.assert_allclose(mirrored_geometry(face_geometry(points)), face_geometry(mirrored), atol=1e-5)
    assert (MIRROR_68[MIRROR_68] == np.arange(68)).all()


def test_geometry_can_be_about_the_nose_of_unit_radius_and_level():
    points = np.random.default_rng(4).uniform(0, 100, (68, 2))
    assert not face_geometry(points, "nose").reshape(68, 2)[30].any()
    radius = np.square(face_geometry(points, scale="rms").reshape(68, 2)).sum(axis=1).mean()
    assert radius == pytest.approx(1, abs=1e-5)
    left, right = eye_centres(face_geometry(points, upright=True).reshape(68, 2))
    np.testing.assert_allclose(right - left, (1, 0), atol=1e-5)


def test_an_aligned_crop_has_the_eyes_level_at_their_places():
    points = np.random.default_rng(4).uniform(20, 100, (68, 2))
    options = ViewOptions(align="similarity")
    matrix = crop_matrix(points, 200, options)
    eyes = [matrix[:, :2] @ eye + matrix[:, 2] for eye in eye_centres(points)]
    np.testing.assert_allclose(eyes, [(69.5, 75.5), (129.5, 75.5)], atol=1e-6)
    assert face_crop(np.zeros((120, 120, 3), np.uint8), points, 64, options).shape == (64, 64, 3)


def test_a_crop_is_a_square_of_1_3_boxes_about_the_face():
    frame = np.zeros((100, 100, 3), np.uint8)
    points = np.random.default_rng(0).uniform((30, 20), (70, 60), (68, 2))
    points[:2] = (30, 20), (70, 60)
    frame[14:66, 24:76] = 255
    assert face_crop(frame, points, 52).mean() > 250  # exactly the 52 pixels around (50, 40)
    with pytest.raises(Skip, match="lie outside"):
        face_crop(frame, points + 90, 52)
    with pytest.raises(Skip, match="pixels large"):
        face_crop(frame, np.full((68, 2), 50.0), 52)


def test_a_subject_there_twice_is_refused_and_names_are_not_kept(raw, tmp_path):
    root = tmp_path / "FakeTrue_DB"
    for name in ("Anna", "anna "):
        (root / name).mkdir(parents=True)
        (root / name / "N2A.MP4").write_bytes(b"")
    with pytest.raises(DataError, match="same subject and code"):
        find_sasefe(tmp_path)
    assert anonymous("Anna") == anonymous(" anna") != anonymous("Anne")


def test_a_folder_without_videos_is_told_with_what_it_holds(tmp_path):
    (tmp_path / "other").mkdir()
    for plan in (sase.plan, oulu.plan):
        with pytest.raises(DataError, match="it holds other/"):
            plan(tmp_path, OPTIONS)


def test_felt_and_posed_have_the_same_strengths_in_the_other_order():
    felt, posed = (strengths(kind, 101)[50:81] for kind in ("felt", "posed"))
    assert (np.diff(felt) > 0).all() and (np.diff(posed) < 0).all()
    np.testing.assert_allclose(felt, posed[::-1], atol=1e-9)


def test_the_head_takes_part_in_a_felt_expression_and_hardly_in_a_posed_one():
    tilt = {}
    for kind in ("felt", "posed"):
        clips = [Clip(person, "contempt", kind, 5, (40, 32)) for person in range(8)]
        tilt[kind] = np.mean([[pose.roll for _, _, pose in draw_clip(clip)][3] for clip in clips])
    assert tilt["felt"] > 0.08 > 0.05 > abs(tilt["posed"])


def test_frames_that_are_pictures_are_prepared_checked_and_read_as_clips(tmp_path, capsys):
    raw, out = tmp_path / "raw", tmp_path / "data"
    draw_oulu(raw, Settings(subjects=5, frames=6, size=(80, 64), faults=True), workers=1)
    arguments = ["--raw", str(raw), "--out", str(out), "--size", "32", "--encoding", "raw", "--workers", "1"]
    assert oulu.main([*arguments, "--part", "2/2"]) == 0 and oulu.main([*arguments, "--part", "1/2"]) == 0
    assert oulu.main(arguments) == 0
    said = capsys.readouterr().out
    assert all(
        reason in said for reason in ("no_landmark_file", "unknown_emotion", "truncated_image", "no_frames")
    )
    assert check([str(out), "--workers", "1"]) == 0


def test_short_videos_give_one_clip_whose_last_frame_is_repeated(prepared):
    from configs.sasefe import get_config
    from emojax.systems.sequences.inputs import inputs_of

    config = get_config("sase12_cnn_face")
    config.model.net, config.model.streams = "recurrent", "face"
    batch = next(Batches(prepared[0], "validation", inputs_of(config), Order(4)))
    assert batch["face"].shape == (4, 5, 32, 32, 3) and batch["label"].shape == (4, 5)
    assert batch["video_number"].shape == (4,) and (batch["frame_mask"] == 1).all()
    np.testing.assert_array_equal(batch["face"][:, 2], batch["face"][:, 4])
