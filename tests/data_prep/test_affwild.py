"""Aff-Wild: joystick annotations, boxes, three layouts, and what happens to videos that are damaged."""

from __future__ import annotations

import os
import pathlib
import shutil

import cv2
import numpy as np
import pytest

from data_prep.affwild.boxes import Box, faces_of, read_boxes
from data_prep.affwild.database import main as database
from data_prep.affwild.detect import main as detect
from data_prep.affwild.extract import main as extract
from data_prep.affwild.films import probe
from data_prep.affwild.frames import resized
from data_prep.affwild.joystick import frame_values, mean_values, read_series
from data_prep.affwild.prepare import Options, main, prepare
from data_prep.affwild.raw import find_raw, read_splits
from data_prep.affwild.splits import choose, divergence, groups_of, read_people
from data_prep.affwild.splits import main as splits
from data_prep.affwild.stages import stage_table
from data_prep.check.command import main as check
from data_prep.pipeline import sum_skipped
from data_prep.synthetic.affwild.film import performers
from data_prep.synthetic.affwild.generate import Settings, generate, plan_films
from emojax.data.decode import read_features
from emojax.data.film_counts import read_film_counts
from emojax.data.found_faces import read_found_faces, write_found_faces
from emojax.errors import DataError, Skip
from emojax.vision.faces import DetectedFace

SETTINGS = Settings(3, 2, 2, frames=24, size=48)

# affwild_gan spec 1.4
VALENCE = "0.010 0\n0.541 -408\n0.556 -432\n0.576 -448\n0.587 -448\n"
AROUSAL = "0.016 0\n0.037 0\n0.116 0\n0.176 -37\n0.218 -116\n"
VALENCE_OF_FRAMES = (
    *(-0.017928, -0.043540, -0.069153, -0.094765, -0.120377, -0.145989, -0.171601, -0.197213, -0.222825),
    *(-0.248437, -0.274049, -0.299661, -0.325273, -0.350885, -0.376497, -0.402109, -0.440533, -0.448000),
)
AROUSAL_OF_FRAMES = (0, 0, 0, -0.010689, -0.031244, -0.082143, -0.116, -0.116)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("affwild") / "raw"
    generate(folder, SETTINGS, workers=1)
    return folder


@pytest.fixture(scope="module")
def prepared(raw, tmp_path_factory):
    out = tmp_path_factory.mktemp("affwild") / "data"
    return prepare(raw, out, Options(size=32, encoding="raw"), workers=1)


def series(tmp_path, text):
    path = tmp_path / "pass.txt"
    path.write_text(text)
    return read_series(path)


def test_joystick_annotations_become_the_values_of_frames_that_the_specification_prints(tmp_path):
    np.testing.assert_allclose(frame_values(series(tmp_path, VALENCE), 18), VALENCE_OF_FRAMES, atol=5e-7)
    np.testing.assert_allclose(frame_values(series(tmp_path, AROUSAL), 8), AROUSAL_OF_FRAMES, atol=5e-7)


def test_headers_line_ends_separators_and_order_make_no_difference(tmp_path):
    rows = VALENCE.split("\n")[:-1]
    expected = series(tmp_path, VALENCE)
    for text in (
        "seconds,value\r\n" + "\r\n".join(row.replace(" ", ",") for row in rows),
        "\n".join(row.replace(" ", "\t") for row in reversed(rows)) + "\n\n",
        "0.541 7\n" + VALENCE,
    ):
        for a, b in zip(series(tmp_path, text), expected):
            np.testing.assert_array_equal(a, b)
    for text, reason in (("", "empty"), ("0.1 5\n0.2 x\n", "malformed"), ("0.1 1200\n", "malformed")):
        with pytest.raises(Skip) as skip:
            series(tmp_path, text)
        assert skip.value.reason == f"{reason}_annotation"


def test_several_annotators_are_averaged_after_conversion_and_the_nearest_time_may_be_taken(tmp_path):
    times, values = np.array([0.0, 0.1]), np.array([0.0, 300.0])
    np.testing.assert_allclose(mean_values([(times, values), (times, 0 * values)], 3), [0.05, 0.1, 0.15])
    np.testing.assert_allclose(frame_values((times, values), 3, "nearest"), [0.0, 0.3, 0.3])
    # Frame 1 lies in the middle: a tie goes to the earlier row.
    assert frame_values((np.array([0.0, 2 / 30]), values), 1, "nearest")[0] == 0


def test_two_people_are_told_apart_by_their_places_also_where_one_is_lost():
    left, right, other = Box(0, 0, 9, 9, 0.9), Box(20, 0, 29, 9, 0.8), Box(21, 0, 30, 9, 0.7)
    found = {1: [right, left], 2: [other], 3: [left], 5: [Box(50, 0, 55, 5, 0.1), left, right]}
    assert faces_of(found, "right") == {1: right, 2: other, 5: right}
    assert faces_of(found, "left") == {1: left, 3: left, 5: left}
    assert faces_of(found) == {1: left, 2: other, 3: left, 5: left}


def test_films_become_one_record_a_frame_with_a_face_in_the_order_of_their_frames(raw, prepared):
    dataset, results = prepared
    skipped = sum_skipped(results)
    films = {film.name: film for film in plan_films(SETTINGS)}
    for split in ("train", "validation", "test"):
        columns = dataset.columns(split)
        assert set(skipped[split]) <= {"no_face"}
        tracks = sum(
            len(f.people)
            for f in films.values()
            if f.split in {"train": ("train", "extra")}.get(split, (split,))
        )
        assert len(columns.layout.starts) == tracks
        total = tracks * SETTINGS.frames
        assert columns.num_records + sum(n for n, _ in skipped[split].values()) == total
        for start, length in zip(columns.layout.starts, columns.layout.lengths):
            assert (np.diff(columns["frame"][start : start + length]) > 0).all()
    # The labels are those that were felt, about four frames late: nothing makes up for the hand (affwild_gan spec G22).
    columns = dataset.columns("train")
    person = performers(films["video1"], SETTINGS.seed)[0]
    rows = np.flatnonzero((columns["video_id"] == "video1") & (columns["frame"] > 4))
    felt = person.valence[columns["frame"][rows] - 1 - 4]
    assert np.corrcoef(felt, columns["valence"][rows])[0, 1] > 0.9
    assert check([dataset.path]) == 0
    counts = read_film_counts(dataset.path)
    for split, sets in (("train", ("train", "extra")), ("validation", ("validation",)), ("test", ("test",))):
        assert sum(c.faces for c in counts if c.set in sets) == dataset.split(split).num_records
    lines = {line[:24].strip(): line.split()[-4:] for line in stage_table(counts)[1:-1]}
    distinct = {c.video for c in counts}
    assert lines["before face detection"] == [str(len(distinct)), "101", f"{24 * len(distinct)}", "564,578"]
    assert lines["after face detection"][0] == str(len(counts)) and lines["testing set"][1::2] == [
        "14",
        "24,226",
    ]


def test_frames_to_look_at_hold_the_faces_of_their_records(prepared):
    dataset, _ = prepared
    found, columns = read_found_faces(dataset.path), dataset.columns("train")
    assert len(found) == 2
    for face in found:
        (record,) = np.flatnonzero(columns["source_id"] == face.source_id)
        stored = read_features(dataset, "train", ("image",), [int(record)])["image"][0]
        x1, y1, x2, y2 = map(round, face.box)
        cropped = resized(face.frame[y1:y2, x1:x2], len(stored))
        assert np.abs(cropped.astype(float) - stored).mean() < 3 < face.frame.std()
    np.savez(dataset.path + "/damaged.npz", source_id=np.array(["a/1"]), boxes=np.zeros((1, 4)))
    os.replace(dataset.path + "/damaged.npz", damaged := f"{dataset.path}/found_faces.npz")
    with pytest.raises(DataError, match="found_faces.npz is damaged"):
        read_found_faces(dataset.path)
    write_found_faces(pathlib.Path(damaged).parent, found)


def test_cropped_faces_in_the_layout_of_the_thesis_give_the_same_labels(raw, prepared, tmp_path):
    films, _ = prepared
    for prefix, split in (("", "train"), ("test_", "validation")):
        columns = films.columns(split)
        for name in np.unique(columns["video_id"]):
            rows = np.flatnonzero(columns["video_id"] == name)
            (tmp_path / "raw" / f"{prefix}frames" / name).mkdir(parents=True)
            (tmp_path / "raw" / f"{prefix}labels").mkdir(exist_ok=True)
            for row in rows:
                number = f"{columns['frame'][row]:07d}"
                grey = np.full((20, 16, 3), row % 250, np.uint8)
                cv2.imwrite(str(tmp_path / "raw" / f"{prefix}frames" / name / f"{number}.png"), grey)
            lines = [f"{columns['valence'][i]:.6f} {columns['arousal'][i]:.6f}" for i in rows]
            (tmp_path / "raw" / f"{prefix}labels" / f"{name}.txt").write_text("\r\n".join(lines))
    dataset, _ = prepare(tmp_path / "raw", tmp_path / "out", Options(size=16, encoding="raw"), workers=1)
    for split in ("train", "validation"):
        mine, theirs = dataset.columns(split), films.columns(split)
        assert mine["source_id"].tolist() == theirs["source_id"].tolist()
        np.testing.assert_allclose(mine["valence"], theirs["valence"], atol=1e-6)


def public_layout(root, rows, faces, split="Train_Set", name="clip"):
    (root / "cropped_aligned" / name).mkdir(parents=True)
    (root / "annotations" / "VA_Set" / split).mkdir(parents=True, exist_ok=True)
    (root / "annotations" / "VA_Set" / split / f"{name}.txt").write_text(
        "\n".join(["valence,arousal", *rows]) + "\n"
    )
    for number in faces:
        path = root / "cropped_aligned" / name / f"{number:05d}.jpg"
        cv2.imwrite(str(path), np.full((16, 16, 3), 9 * number, np.uint8))


def test_public_annotations_belong_to_frames_by_number_and_sentinels_are_counted(tmp_path):
    public_layout(tmp_path, ["0.1,0.2", "-5,-5", "0.3,0.4", "1.5,0"], (1, 2, 3, 4, 5))
    public_layout(tmp_path, ["0.5,0.5"], (1,), "Validation_Set", "other")
    dataset, results = prepare(tmp_path, tmp_path / "out", Options(size=16, encoding="raw"), workers=1)
    assert dataset.columns("train")["frame"].tolist() == [1, 3]
    counted = {reason: n for reason, (n, _) in sum_skipped(results)["train"].items()}
    assert counted == {"not_annotated": 1, "out_of_range": 1, "no_label": 1}


def test_labels_without_faces_and_faces_without_labels_are_counted(tmp_path):
    public_layout(tmp_path, ["0.1,0.2"] * 6, (1, 2, 4))  # frames 3, 5 and 6 have labels alone
    public_layout(tmp_path, ["0.5,0.5"], (1,), "Validation_Set", "other")
    public_layout(tmp_path, ["0.5,0.5"], (), name="nobody")
    _, results = prepare(tmp_path, tmp_path / "out", Options(size=16, encoding="raw"), workers=1)
    counted = {reason: n for reason, (n, _) in sum_skipped(results)["train"].items()}
    assert counted == {"no_face": 3, "no_face_in_video": 1}


def test_in_the_layout_of_the_thesis_other_numbers_of_faces_and_labels_leave_the_video_out(tmp_path):
    for name, labels in (("video1", 2), ("video2", 3), ("video3", 1), ("video4", 2)):
        prefix = "test_" if name == "video4" else ""
        folder = tmp_path / f"{prefix}frames" / name
        folder.mkdir(parents=True)
        for number in (1, 5):
            cv2.imwrite(str(folder / f"{number:04d}.png"), np.full((20, 20, 3), 9, np.uint8))
        (tmp_path / f"{prefix}labels").mkdir(exist_ok=True)
        (tmp_path / f"{prefix}labels" / f"{name}.txt").write_text("0.1,0.2\n" * labels)
    _, results = prepare(tmp_path, tmp_path / "out", Options(size=16, encoding="raw"), workers=1)
    count, example = sum_skipped(results)["train"]["labels_do_not_fit"]
    assert count == 2 and "line i is that of face i" in example
    assert sum_skipped(results)["train"]["no_label"][0] == 3  # between the two faces of video1


def test_videos_that_cannot_be_used_are_counted_by_reason_and_the_others_are_prepared(raw, tmp_path):
    films = plan_films(SETTINGS)
    spoilt = tmp_path / "raw"
    shutil.copytree(raw, spoilt)
    names = [film.name for film in films if film.split in ("train", "extra")]
    (spoilt / "annotations" / f"{names[0]}_arousal.txt").unlink()
    (spoilt / "videos" / f"{names[1]}.avi").write_bytes(b"no film")
    faceless = next(film.name for film in films if film.split == "validation")
    (spoilt / "boxes" / f"{faceless}.csv").write_text("frame,x1,y1,x2,y2\n")
    (spoilt / "annotations" / "video99_valence.txt").write_text(VALENCE)
    (spoilt / "annotations" / "video99_arousal.txt").write_text(AROUSAL)
    with open(spoilt / "splits.csv", "a") as file:
        file.write("video99,train\n")
    _, results = prepare(spoilt, tmp_path / "out", Options(size=16, encoding="raw"), workers=1)
    reasons = sum_skipped(results)["train"]
    assert {"one_pass_missing", "unreadable_video", "missing_video"} <= set(reasons)
    assert "arousal" in reasons["one_pass_missing"][1]
    # Films in which no face was found count each of their frames.
    assert sum_skipped(results)["validation"]["no_face"][0] >= SETTINGS.frames


def test_what_is_no_database_or_leaks_between_splits_is_one_line(raw, tmp_path, capsys):
    assert main(["--raw", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "holds no annotated video" in capsys.readouterr().err
    elsewhere = tmp_path / "annotations"
    elsewhere.mkdir()
    folders = ["--videos", str(raw / "videos"), "--annotations", str(elsewhere)]
    missing = [*folders[:3], str(tmp_path / "nowhere")]
    for options, message in (
        (folders, "are not in one folder"),
        (folders[:2], "Give --raw, or both"),
        (missing, "There is no folder"),
    ):
        assert main([*options, "--out", str(tmp_path / "out")]) == 2
        assert message in capsys.readouterr().err
    spoilt = tmp_path / "raw"
    shutil.copytree(raw, spoilt)
    text = (raw / "splits.csv").read_text()
    for change, message in (
        (text.replace("test", "tset"), "a row names a video and its split"),
        (text.replace("video1,train\n", ""), "does not say to which split video1 belongs"),
        (text.replace(",validation", ",test"), "The validation split has no video"),
        (
            "video,split,person\n" + "".join(f"{line},ada\n" for line in text.splitlines()[1:]),
            "is in two splits",
        ),
    ):
        (spoilt / "splits.csv").write_text(change)
        with pytest.raises(DataError, match=message):
            prepare(spoilt, tmp_path / "out", Options(), workers=1)
    folders[3] = str(raw / "annotations")
    options = ["--size", "16", "--encoding", "raw", "--workers", "1"]
    assert main([*folders, "--out", str(tmp_path / "good"), *options]) == 0
    assert find_raw(raw).tracks and "after face detection" in capsys.readouterr().out


def test_a_database_cut_out_of_films_gives_the_labels_of_the_films_themselves(
    raw, prepared, tmp_path, capsys
):
    films, _ = prepared
    for _ in range(2):  # the second run passes over what is finished
        assert database(["--raw", str(raw), "--out", str(tmp_path / "db"), "--workers", "1"]) == 0
    assert database(["--raw", str(raw), "--probe"]) == 0
    assert "at 30" in capsys.readouterr().out
    cut, _ = prepare(tmp_path / "db", tmp_path / "out", Options(size=32, encoding="raw"), workers=1)
    for split in ("train", "validation"):
        mine, theirs = cut.columns(split), films.columns(split)
        assert mine["source_id"].tolist() == theirs["source_id"].tolist()
        np.testing.assert_allclose(mine["arousal"], theirs["arousal"], atol=1e-6)
        assert cut.split(split).num_records == films.split(split).num_records
        np.testing.assert_array_equal(mine["crop_height"], theirs["crop_height"])


def test_films_at_30_frames_a_second_their_frames_and_labels_are_stages_of_their_own(
    raw, prepared, tmp_path, capsys
):
    for stage in ("films", "frames", "labels"):
        for _ in range(2):  # the second run keeps what is there
            assert extract([stage, "--raw", str(raw), "--out", str(tmp_path / stage)]) == 0
    films = {film.name for film in plan_films(SETTINGS)}
    assert {path.stem for path in (tmp_path / "films").iterdir()} == films
    for name in films:
        assert probe(tmp_path / "films" / f"{name}.avi") == (30, SETTINGS.frames)
        numbers = sorted(path.name for path in (tmp_path / "frames" / name).iterdir())
        assert numbers == [f"{i:06d}.png" for i in range(1, SETTINGS.frames + 1)]
    columns = prepared[0].columns("train")
    for name in np.unique(columns["video_id"]):
        rows = columns["video_id"] == name
        found = np.loadtxt(tmp_path / "labels" / f"{name}.txt", delimiter=",", skiprows=1)
        assert len(found) == SETTINGS.frames
        kept = found[columns["frame"][rows] - 1]
        np.testing.assert_allclose(kept[:, 1], columns["valence"][rows], atol=1e-6)
        np.testing.assert_allclose(kept[:, 2], columns["arousal"][rows], atol=1e-6)
    (tmp_path / "raw" / "annotations").mkdir(parents=True)
    (tmp_path / "raw" / "videos").mkdir()
    (tmp_path / "raw" / "annotations" / "lost_valence.txt").write_text(VALENCE)
    capsys.readouterr()
    assert extract(["labels", "--raw", str(tmp_path / "raw"), "--out", str(tmp_path / "other")]) == 0
    assert "lost: one_pass_missing" in capsys.readouterr().out


def test_chosen_splits_keep_films_whole_and_are_the_most_alike_of_those_drawn(raw, tmp_path):
    assert splits(["--raw", str(raw), "--out", str(tmp_path / "splits.csv"), "--draws", "50"]) in (0, 2)
    rng = np.random.default_rng(0)
    kinds = {"category": 7, "valence": 20, "arousal": 20}
    counts = {f"v{i}": {kind: rng.integers(1, 50, n) for kind, n in kinds.items()} for i in range(12)}
    people = {"v0": "ada", "v1": "ada"}
    chosen, total = choose(counts, people, draws=200)
    assert chosen.keys() == counts.keys() and set(chosen.values()) == {"train", "validation", "test"}
    assert chosen["v0"] == chosen["v1"]
    assert total <= choose(counts, people, draws=3)[1]
    assert divergence(np.array([1, 0]), np.array([0, 1])) == pytest.approx(1)
    assert divergence(np.array([3, 1]), np.array([6, 2])) == pytest.approx(0)
    missing = {
        name: {**film, "category": np.eye(7, dtype=int)[0] * (name == "v5")} for name, film in counts.items()
    }
    with pytest.raises(DataError, match="every category"):
        choose(missing, people, draws=20)


def test_films_that_share_a_person_are_one_group_also_by_way_of_others(tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("video,person\nv1,ada\nv2_left,ada\nv2,bob\nv3,bob\nv4,cid\n")
    people = read_people(file)
    groups = groups_of(people)
    assert groups["v1"] == groups["v2"] == groups["v3"] != groups["v4"]
    for row, expected in (("v1,bob", "line 7: v1 shows ada and bob"), ("v9,", "names a video and a person")):
        spoilt = tmp_path / "spoilt.csv"
        spoilt.write_text(f"{file.read_text()}{row}\n")
        with pytest.raises(DataError, match=expected):
            read_people(spoilt)


def test_the_command_keeps_a_person_s_films_in_one_split_and_says_who_is_where(raw, tmp_path):
    # Without categories: the few films here need not show each in every split.
    raw = shutil.copytree(raw, tmp_path / "raw", ignore=shutil.ignore_patterns("categories", "splits.csv"))
    films = sorted(path.stem for path in (raw / "videos").iterdir())
    file, out = tmp_path / "people.csv", tmp_path / "splits.csv"
    file.write_text("video,person\n" + "".join(f"{film},ada\n" for film in films[:2]))
    status = splits(["--raw", str(raw), "--people", str(file), "--out", str(out), "--draws", "400"])
    assert status == 0
    chosen = read_splits(out)
    assert [chosen[film][1] for film in films[:2]] == ["ada", "ada"]
    assert len({chosen[film][0] for film in films[:2]}) == 1 and set(films) <= set(chosen)


def see_the_middle(picture):
    """A detector that finds one face, in the middle of every picture."""
    height, width = picture.shape[:2]
    return [DetectedFace((width / 4, height / 4, width / 2, height / 2), score=0.5)]


def test_any_detector_writes_boxes_and_boxes_that_are_there_are_kept(raw, tmp_path, capsys):
    spoilt = tmp_path / "raw"
    (spoilt / "videos").mkdir(parents=True)
    for name in ("video1", "video2"):
        shutil.copy(raw / "videos" / f"{name}.avi", spoilt / "videos")
    (spoilt / "videos" / "broken.avi").write_bytes(b"no film")
    (spoilt / "boxes").mkdir()
    (spoilt / "boxes" / "video2.csv").write_text("mine")
    command = ["--raw", str(spoilt), "--workers", "1", "--detector", f"{__name__}:see_the_middle"]
    assert detect(command) == 0
    assert "broken.avi: unreadable_video" in capsys.readouterr().out
    assert (spoilt / "boxes" / "video2.csv").read_text() == "mine"
    found = read_boxes(spoilt / "boxes" / "video1.csv")
    assert sorted(found) == list(range(1, SETTINGS.frames + 1))
    assert found[1] == [Box(12, 12, 36, 36, 0.5)]
    assert detect(["--raw", str(raw / "boxes")]) == 2
