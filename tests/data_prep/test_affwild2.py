"""Aff-Wild2 from raw files to shards: the right row for every face, every frame accounted for."""

from __future__ import annotations

import json
import pathlib
import shutil

import cv2
import numpy as np
import pytest

from data_prep.affwild2.frames import CODE_TO_CLASS
from data_prep.affwild2.prepare import Options, main, prepare
from data_prep.check import command as check
from data_prep.published import compare_counts
from emojax import systems
from emojax.cli import load_config_file
from emojax.data.dataset import load_dataset
from emojax.data.example import decode_example
from emojax.data.folds import read_fold
from emojax.datasets import AFFWILD2
from emojax.errors import DataError
from emojax.graphs.label_graph import adjacency, spearman_matrix
from emojax.labels import AFFECTNET_CLASSES
from emojax.models.gcn import dense_adjacency

from .affwild2_tree import EXPRESSION_HEADER, SIZE, Tree, grey_face

OPTIONS = Options(size=SIZE)


@pytest.fixture
def tree(tmp_path) -> Tree:
    return Tree(tmp_path / "raw")


def run(tree: Tree, out: pathlib.Path, options: Options = OPTIONS, **others):
    return prepare(tree.faces, tree.annotations, out, options, **others)[0]


def records(folder: pathlib.Path, split: str) -> list[dict]:
    source = load_dataset(folder).source(split)
    return [decode_example(source[i]) for i in range(len(source))]


def text(record: dict, name: str) -> str:
    return bytes(record[name][0]).decode()


def grey(record: dict) -> float:
    return float(cv2.imdecode(np.frombuffer(record["image"][0], np.uint8), cv2.IMREAD_COLOR).mean())


def skips(dataset, split: str = "train") -> dict[str, int]:
    return dict(dataset.skipped.get(split, {}))


def test_the_first_face_has_the_first_row_after_the_header_and_gaps_shift_nothing(tree, tmp_path):
    va = [f"{i / 20:.2f},{-i / 20:.2f}" for i in range(12)]
    tree.add("c", "Train_Set", ["4"] * 12, va, faces=[1, 2, 5, 9, 12])
    dataset = run(tree, tmp_path / "out")
    found = [record for record in records(tmp_path / "out", "train") if text(record, "video_id") == "c"]
    assert [int(record["frame"][0]) for record in found] == [1, 2, 5, 9, 12]
    for record in found:
        number = int(record["frame"][0])
        assert text(record, "source_id") == f"c/{number:05d}.jpg"
        assert grey(record) == pytest.approx(10 * number, abs=2)
        assert record["valence"][0] == pytest.approx((number - 1) / 20)
        assert record["arousal"][0] == pytest.approx(-(number - 1) / 20)
    assert skips(dataset) == {"missing_image": 7}


def test_codes_are_remapped_to_the_order_of_affectnet_by_name(tree, tmp_path):
    names = {"Neutral": "neutral", "Anger": "anger", "Disgust": "disgust", "Fear": "fear"}
    names |= {"Happiness": "happy", "Sadness": "sad", "Surprise": "surprise"}
    wanted = [names[name] for name in EXPRESSION_HEADER.split(",")]
    assert [AFFECTNET_CLASSES[index] for index in CODE_TO_CLASS] == wanted
    dataset = run(tree, tmp_path / "out")
    stored = {int(r["frame"][0]): int(r["label"][0]) for r in records(tmp_path / "out", "train")}
    assert [dataset.labels.classes[stored[i + 1]] for i in range(7)] == wanted


def test_the_split_is_that_of_the_expressions_wherever_the_valence_is(tree, tmp_path):
    tree.add("c", "Train_Set", ["1"], ["0.5,0.5"], va_split="Validation_Set")
    tree.add("d", "Validation_Set", ["1"], ["0.5,0.5"], va_split="Train_Set")
    tree.add("e", "Train_Set", None, ["0.5,0.5"])
    run(tree, tmp_path / "out")
    assert {text(r, "video_id") for r in records(tmp_path / "out", "train")} == {"a", "c"}
    assert {text(r, "video_id") for r in records(tmp_path / "out", "validation")} == {"b", "d"}


GOOD = ("0", "0.1,0.2")


@pytest.mark.parametrize(
    "row, reason",
    [
        (("happy?", GOOD[1]), "malformed_row"),
        (("", GOOD[1]), "malformed_row"),
        (("1,2", GOOD[1]), "malformed_row"),
        (("-1", GOOD[1]), "no_expression"),
        (("7", GOOD[1]), "class_not_used"),
        (("9", GOOD[1]), "unknown_expression"),
        (("-2", GOOD[1]), "unknown_expression"),
        ((GOOD[0], "0.1"), "malformed_row"),
        ((GOOD[0], "0.1,0.2,0.3"), "malformed_row"),
        ((GOOD[0], "0.1,calm"), "malformed_row"),
        ((GOOD[0], "-5,-5"), "no_va"),
        ((GOOD[0], "0.3,-5.000"), "no_va"),
        ((GOOD[0], "1.01,0.2"), "va_out_of_range"),
        ((GOOD[0], "0.2,nan"), "va_out_of_range"),
    ],
)
def test_a_bad_row_is_counted_and_its_neighbours_keep_their_frames(tree, tmp_path, row, reason):
    rows = [GOOD, row, GOOD]
    tree.add("c", "Train_Set", [r[0] for r in rows], [r[1] for r in rows])
    dataset = run(tree, tmp_path / "out")
    found = [r for r in records(tmp_path / "out", "train") if text(r, "video_id") == "c"]
    assert skips(dataset) == {reason: 1}
    assert [round(grey(r), -1) for r in found] == [10, 30]


@pytest.mark.parametrize(
    "data, reason",
    [
        (grey_face(100)[:200], "truncated_image"),
        (b"this is no picture", "unreadable_image"),
        (b"", "unreadable_image"),
        (grey_face(100, SIZE, SIZE - 6), "not_square"),
        (None, "missing_image"),
    ],
)
def test_a_bad_face_file_is_counted(tree, tmp_path, data, reason):
    path = tree.faces / "a" / "00001.jpg"
    path.unlink() if data is None else path.write_bytes(data)
    tree.add("c", "Train_Set", ["0"], ["0.5,0.5"])
    assert skips(run(tree, tmp_path / "out")) == {reason: 1}


@pytest.mark.parametrize(
    "expressions, values, faces, expected",
    [
        (6, 4, 6, {"past_va_annotation": 2}),
        (4, 6, 6, {"past_expression_annotation": 2}),
        (4, 4, 7, {"past_expression_annotation": 3}),
        (5, 5, 3, {"missing_image": 2}),
        (5, 5, 0, {"missing_image": 5}),
    ],
)
def test_annotations_and_faces_of_different_lengths_are_counted(
    tree, tmp_path, expressions, values, faces, expected
):
    tree.add("c", "Train_Set", ["0"] * expressions, ["0.1,0.2"] * values, faces=range(1, faces + 1))
    dataset = run(tree, tmp_path / "out")
    assert skips(dataset) == expected
    assert dataset.splits["train"].num_records == 7 + min(expressions, values, faces)


def test_a_video_without_one_of_its_parts_is_counted(tree, tmp_path):
    tree.add("c", "Train_Set", ["0"] * 3, None)
    tree.add("d", "Train_Set", ["0"] * 4, ["0.1,0.2"] * 4)
    shutil.rmtree(tree.faces / "d")
    assert skips(run(tree, tmp_path / "out")) == {"missing_video": 4, "no_va_annotation": 3}


@pytest.mark.parametrize("twin", ["b", "b_left", "b_right"])
def test_a_validation_video_never_gets_into_training(tree, tmp_path, twin):
    if twin == "b":
        shutil.copy(tree.path("EXPR_Set", "Validation_Set", "b"), tree.path("EXPR_Set", "Train_Set", "b"))
    else:
        tree.add(twin, "Train_Set", ["0"] * 7, ["0.1,0.2"] * 7)
    dataset, results = prepare(tree.faces, tree.annotations, tmp_path / "out", OPTIONS)
    assert skips(dataset) == {"validation_video": 7} and dataset.splits["validation"].num_records == 7
    assert {text(r, "video_id") for r in records(tmp_path / "out", "train")} == {"a"}
    assert "is b of the validation split too" in results[0].skipped["validation_video"][1]


def test_folds_keep_both_people_of_a_video_together(tree, tmp_path):
    for name in ("c", "c_left", "d", "e_right", "e"):
        tree.add(name, "Train_Set", ["4"] * 2, ["0.1,0.2"] * 2, faces=[1, 2])
    dataset = run(tree, tmp_path / "out")
    videos = set(dataset.columns("train")["video"])
    assert {"c", "d", "e"} < videos and set(dataset.columns("train")["video_id"]) > {"c_left", "e_right"}
    folds = [read_fold(dataset, f"{k}/3", "video").columns("validation") for k in (1, 2, 3)]
    held = [set(fold["video"]) for fold in folds]
    assert not held[0] & held[1] and not held[1] & held[2] and not held[0] & held[2]
    assert set.union(*held) == videos | set(dataset.columns("validation")["video"])


def test_an_empty_class_is_an_error_that_names_it(tree, tmp_path):
    path = tree.path("EXPR_Set", "Train_Set", "a")
    path.write_text(path.read_text().replace("\n3\n", "\n-1\n"))
    with pytest.raises(DataError, match=r"No frame of the train split .* fear.*-1: 1, 0: 1"):
        run(tree, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_class_whose_faces_are_all_missing_is_an_error_that_names_the_cause(tree, tmp_path):
    (tree.faces / "a" / "00004.jpg").unlink()
    with pytest.raises(DataError, match=r"train split has no record of fear.*missing_image 1"):
        run(tree, tmp_path / "out")


def test_statistics_and_label_graph_are_those_of_the_training_frames(prepared_affwild2):
    dataset = load_dataset(prepared_affwild2)
    train = records(prepared_affwild2, "train")
    label, valence, arousal = (np.array([r[n][0] for r in train]) for n in ("label", "valence", "arousal"))
    assert list(dataset.splits["train"].class_counts.values()) == np.bincount(label, minlength=7).tolist()
    ours = spearman_matrix(label, valence, arousal, 7)
    np.testing.assert_allclose(dataset.statistics["spearman"], ours, atol=1e-6)
    config = load_config_file("configs/affwild2.py:aw2_emotion_gcn@demo")
    config.image_size = SIZE
    system = systems.build(config, dataset.recipe)
    matrix = dense_adjacency(system.constants["head"]["gcn"])
    np.testing.assert_allclose(matrix, adjacency(ours, config.model.gcn.tau, config.model.gcn.p), rtol=1e-6)
    assert system.monitor == "aff_wild2_score"


def test_every_fault_of_the_synthetic_set_is_reported(raw_affwild2, prepared_affwild2):
    assert skips(load_dataset(prepared_affwild2)).keys() == {
        *("malformed_row", "no_expression", "class_not_used", "unknown_expression"),
        *("no_va", "no_va_annotation", "va_out_of_range"),
        *("past_expression_annotation", "past_va_annotation", "validation_video", "missing_video"),
        *("missing_image", "truncated_image", "unreadable_image", "not_square"),
    }


def test_packed_pixels_and_another_size(raw_affwild2, prepared_affwild2, tmp_path):
    prepare(
        raw_affwild2 / "cropped_aligned", raw_affwild2 / "annotations", tmp_path, Options(SIZE // 2, "raw")
    )
    packed = records(tmp_path, "train")[5]
    jpeg = records(prepared_affwild2, "train")[5]
    rgb = np.frombuffer(packed["image"][0], np.uint8).reshape(SIZE // 2, SIZE // 2, 3).astype(int)
    bgr = cv2.imdecode(np.frombuffer(jpeg["image"][0], np.uint8), cv2.IMREAD_COLOR)
    small = cv2.resize(bgr, (SIZE // 2, SIZE // 2), interpolation=cv2.INTER_AREA)[..., ::-1].astype(int)
    assert np.abs(rgb - small).mean() < 8 and text(packed, "source_id") == text(jpeg, "source_id")


def test_shards_do_not_depend_on_the_workers_and_finished_ones_are_kept(
    raw_affwild2, prepared_affwild2, tmp_path
):
    folders = raw_affwild2 / "cropped_aligned", raw_affwild2 / "annotations"
    prepare(*folders, tmp_path, OPTIONS, num_shards=4, workers=2)
    ours, theirs = (
        {p.name: p.read_bytes() for p in f.glob("*.tfrecord-*-of-?????")}
        for f in (tmp_path, prepared_affwild2)
    )
    assert ours == theirs and len(ours) == 7
    removed, kept = sorted(tmp_path.glob("*.tfrecord-*-of-?????"))[:2]
    removed.unlink()
    time = kept.stat().st_mtime_ns
    prepare(*folders, tmp_path, OPTIONS, num_shards=4)
    assert removed.read_bytes() == theirs[removed.name] and kept.stat().st_mtime_ns == time


def test_changed_annotations_or_faces_are_refused(tree, tmp_path):
    run(tree, tmp_path / "out")
    face = tree.faces / "a" / "00003.jpg"
    data = face.read_bytes()
    face.unlink()
    with pytest.raises(DataError, match="raw files of affwild2-train.* changed"):
        run(tree, tmp_path / "out")
    face.write_bytes(data)
    path = tree.path("VA_Set", "Train_Set", "a")
    path.write_text(path.read_text().replace("0.1", "0.2"))
    with pytest.raises(DataError, match="raw annotations changed"):
        run(tree, tmp_path / "out")


def test_the_door_prints_counts_beside_third_party_ones(tree, tmp_path, capsys):
    arguments = ["--videos", str(tree.faces), "--annotations", str(tree.annotations), "--workers", "1"]
    assert main([*arguments, "--out", str(tmp_path / "out"), "--size", str(SIZE)]) == 0
    table = capsys.readouterr().out
    assert "132,756" in table and "135,468" in table and "data_prep.check" in table
    assert "NOT the third-party ones, which are not verified" in table
    assert main([*arguments, "--out", str(tmp_path / "out"), "--size", str(2 * SIZE)]) == 2
    assert f"size {SIZE} then, {2 * SIZE} now" in capsys.readouterr().err
    assert (
        main([*arguments[:2], "--annotations", str(tmp_path / "none"), "--out", str(tmp_path / "new")]) == 2
    )
    assert capsys.readouterr().err.startswith("error: There is no folder")


def test_third_party_counts_are_those_of_the_specification():
    known = AFFWILD2.known_counts(AFFECTNET_CLASSES[:7])
    assert {split: sum(counts.values()) for split, counts in known.items()} == {
        "train": 329_789,
        "validation": 135_468,
    }
    assert compare_counts("affwild2", known) == (
        True,
        "The class counts are the third-party ones, which are not verified.",
    )


def test_the_check_passes_and_finds_a_video_in_two_splits(tree, prepared_affwild2, tmp_path, capsys):
    assert check.main([str(prepared_affwild2), "--workers", "1"]) == 0
    assert "OK: " in capsys.readouterr().out
    run(tree, tmp_path / "out")
    out = tmp_path / "out"
    for path in (
        *out.glob("affwild2-train.*"),
        out / "columns-train.npz",
    ):  # the training frames for validation, too
        shutil.copy(path, path.with_name(path.name.replace("train", "validation")))
    content = json.loads((out / "dataset.json").read_text())
    described = json.dumps(content["splits"]["train"]).replace("-train", "-validation")
    content["splits"]["validation"] = json.loads(described)
    (out / "dataset.json").write_text(json.dumps(content))
    assert check.main([str(out), "--workers", "1"]) == 1
    told = capsys.readouterr().out
    assert "train and validation share 7 source ids, e.g. a/00001.jpg" in told
    assert "7 pictures of validation are in train, too (equal pixels), e.g. affwild2-train.tfrecord-" in told
    assert "train and validation share 1 videos, e.g. a" in told


# What else there may be


def rename_faces(tree: Tree, name: str) -> None:
    for path in list(tree.faces.glob("*/*.jpg")):
        face = cv2.imread(str(path))
        path.unlink()
        cv2.imwrite(str(path.with_name(name.format(int(path.stem)))), face)


@pytest.mark.parametrize(
    "name", ["frame_det_00_{:06d}.bmp", "{:05d}.png", "{:d}.JPG", "frame_det_00_{:06d}.jpg"]
)
def test_own_crops_are_found_by_the_number_in_their_names(tree, tmp_path, name):
    rename_faces(tree, name)
    dataset = run(tree, tmp_path / "out")
    assert skips(dataset) == {} and dataset.splits["train"].num_records == 7
    for record in records(tmp_path / "out", "train"):
        assert text(record, "source_id") == "a/" + name.format(int(record["frame"][0]))
        assert grey(record) == pytest.approx(10 * int(record["frame"][0]), abs=2)


def test_two_faces_of_one_frame_are_counted(tree, tmp_path):
    (tree.faces / "b" / "frame_det_01_000001.jpg").write_bytes(grey_face(0))
    tree.add("c", "Validation_Set", ["0"], ["0.5,0.5"])
    assert skips(run(tree, tmp_path / "out"), "validation") == {"ambiguous_face": 1}


def other_pictures(tree: Tree) -> None:
    """The validation video looks otherwise than the training video, as the check demands."""
    for path in (tree.faces / "b").iterdir():
        path.write_bytes(grey_face(100 + 10 * int(path.stem)))


def test_expressions_alone_give_records_without_valence_and_arousal(tree, tmp_path):
    shutil.rmtree(tree.annotations / "VA_Set")
    other_pictures(tree)
    dataset = run(tree, tmp_path / "out")
    assert set(dataset.features) == {"image", "label", "video_id", "frame", "source_id"}
    assert dataset.statistics == {"num_samples": 7, "counts": [1] * 7}
    assert dataset.build["labels"] == "expression" and skips(dataset) == {}
    assert check.main([str(tmp_path / "out"), "--workers", "1"]) == 0


def test_valence_and_arousal_alone_give_records_without_label(tree, tmp_path, capsys):
    shutil.rmtree(tree.annotations / "EXPR_Set")
    other_pictures(tree)
    arguments = ["--videos", str(tree.faces), "--annotations", str(tree.annotations), "--workers", "1"]
    assert main([*arguments, "--out", str(tmp_path / "out"), "--size", str(SIZE)]) == 0
    assert "The records hold no classes" in capsys.readouterr().out
    dataset = load_dataset(tmp_path / "out")
    assert set(dataset.features) == {"image", "valence", "arousal", "video_id", "frame", "source_id"}
    assert dataset.splits["train"].num_records == 7 and dataset.statistics["sector_counts"]["4"] == [
        0,
        0,
        0,
        7,
    ]
    assert check.main([str(tmp_path / "out"), "--workers", "1"]) == 0


def multi_task(
    tree: Tree, rows: dict[str, list[str]], header="image,valence,arousal,expression,AU1,AU2"
) -> None:
    for kind in ("EXPR_Set", "VA_Set"):
        shutil.rmtree(tree.annotations / kind)
    (tree.annotations / "MTL_Challenge").mkdir()
    for name, lines in rows.items():
        (tree.annotations / "MTL_Challenge" / name).write_text("\n".join([header, *lines]) + "\n")


def test_the_file_of_the_multi_task_challenge_is_enough(tree, tmp_path):
    def rows(video):
        return [f"{video}/{i + 1:05d}.jpg,0.{i},-0.{i},{i},0,-1" for i in range(7)]

    train = [*rows("a"), "b/00002.jpg,0.1,0.1,1,0,0", "a/00009.jpg,-5,-5,1,0,0", "a/00010.jpg,0.1,0.1,-1,0,0"]
    multi_task(tree, {"train_set.txt": train, "validation_set.txt": rows("b")})
    dataset = run(tree, tmp_path / "out")
    assert skips(dataset) == {"no_row": 1, "no_va": 1, "no_expression": 1, "validation_video": 7}
    for record in records(tmp_path / "out", "train"):
        number = int(record["frame"][0])
        assert record["label"][0] == CODE_TO_CLASS[number - 1]
        assert record["valence"][0] == pytest.approx((number - 1) / 10)
        assert grey(record) == pytest.approx(10 * number, abs=2)


@pytest.mark.parametrize(
    "rows, header, message",
    [
        (["a/00001.jpg,0.1,0.1,1"], "image,valence,expression", "begins with 'image, valence, expression'"),
        (["face,0.1,0.1,1"], "image,valence,arousal,expression", "line 2 names no face"),
        (["a/00001.jpg,0.1"], "image,valence,arousal,expression", "line 2 names no face"),
    ],
)
def test_a_multi_task_file_that_cannot_be_understood_is_refused(tree, tmp_path, rows, header, message):
    multi_task(tree, {"train_set.txt": rows, "validation_set.txt": rows}, header)
    with pytest.raises(DataError, match=message):
        run(tree, tmp_path / "out")


def test_equal_valence_everywhere_stops_neither_the_preparation_nor_a_baseline(tree, tmp_path, capsys):
    for split, name in (("Train_Set", "a"), ("Validation_Set", "b")):
        tree.path("VA_Set", split, name).write_text("valence,arousal\n" + "0.5,0.25\n" * 7)
    arguments = ["--videos", str(tree.faces), "--annotations", str(tree.annotations), "--workers", "1"]
    assert main([*arguments, "--out", str(tmp_path / "out"), "--size", str(SIZE)]) == 0
    assert "the same valence or the same arousal" in capsys.readouterr().out
    recipe = load_dataset(tmp_path / "out").recipe
    assert "spearman" not in recipe.statistics and recipe.statistics["counts"] == [1] * 7
    config = load_config_file("configs/affwild2.py:aw2_emotion_gcn@demo")
    config.image_size = SIZE
    with pytest.raises(DataError, match=r"same valence or the same arousal.*label graph"):
        systems.build(config, recipe)
    config = load_config_file("configs/affwild2.py:aw2_single@demo")
    config.image_size = SIZE
    systems.build(config, recipe)


@pytest.mark.parametrize(
    "kind, fits, missing, message",
    [
        ("VA_Set", "aw2_single", "aw2_va_single", "hold no 'valence'"),
        ("VA_Set", "aw2_single", "aw2_mtl_ccc", "hold no 'valence'"),
        ("EXPR_Set", "aw2_va_single", "aw2_single", "hold no 'label'"),
        ("EXPR_Set", "aw2_va_single", "aw2_emotion_gcn", "hold no 'label'"),
    ],
)
def test_systems_say_which_labels_they_lack(tree, tmp_path, kind, fits, missing, message):
    shutil.rmtree(tree.annotations / kind)
    recipe = run(tree, tmp_path / "out").recipe
    for name in (fits, missing):
        config = load_config_file(f"configs/affwild2.py:{name}@demo")
        config.image_size = SIZE
        if name == missing:
            with pytest.raises(DataError, match=message):
                systems.build(config, recipe)
        else:
            systems.build(config, recipe)
