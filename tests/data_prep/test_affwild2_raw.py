"""Aff-Wild2's folders: releases are recognised, what is missing or ambiguous is told in one line."""

from __future__ import annotations

import shutil

import pytest

from data_prep.affwild2.raw import find_videos
from emojax.datasets import AFFWILD2
from emojax.errors import DataError

from .affwild2_tree import Tree, grey_face


@pytest.fixture
def tree(tmp_path) -> Tree:
    return Tree(tmp_path / "raw")


def find(tree: Tree):
    return find_videos(tree.faces, tree.annotations).videos


@pytest.mark.parametrize(
    "expression, va, train",
    [
        ("EXPR_Set", "VA_Set", "Train_Set"),
        ("EXPR_Set", "VA_Set", "Training_Set"),
        ("EXPR_Classification_Challenge", "VA_Estimation_Challenge", "Train_Set"),
        ("EXPR_Recognition_Challenge", "VA_Estimation_Challenge", "Train_Set"),
    ],
)
def test_folder_names_of_all_releases_are_known(tree, expression, va, train):
    (tree.annotations / "EXPR_Set").rename(tree.annotations / expression)
    (tree.annotations / "VA_Set").rename(tree.annotations / va)
    for kind in (expression, va):
        (tree.annotations / kind / "Train_Set").rename(tree.annotations / kind / train)
    found = find_videos(tree.faces, tree.annotations.parent).videos  # the folder above will do
    assert [video.name for video in found["train"]] == ["a"]
    assert [video.num_frames for video in found["validation"]] == [7]
    assert found["train"][0].va and found["train"][0].faces


def test_the_header_of_later_releases_and_other_spacing_are_read(tree):
    path = tree.path("EXPR_Set", "Train_Set", "a")
    path.write_text(path.read_text().replace("Surprise", "Surprise,Other, "))
    path = tree.path("VA_Set", "Train_Set", "a")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")
    assert find(tree)["train"][0].num_frames == 7


def test_faces_may_be_in_batches(tree):
    (tree.faces / "batch1").mkdir()
    (tree.faces / "a").rename(tree.faces / "batch1" / "a")
    assert find(tree)["train"][0].faces == str(tree.faces / "batch1" / "a")


def test_the_second_subject_of_a_video_belongs_to_it():
    assert {AFFWILD2.video_of(name) for name in ("video5", "video5_left", "video5_right")} == {"video5"}
    assert AFFWILD2.video_of("10-60-1280x720_right") == "10-60-1280x720"
    assert AFFWILD2.video_of("left_turn") == "left_turn"


@pytest.mark.parametrize(
    "kind, first, message",
    [
        ("EXPR_Set", "Neutral,Happiness,Anger,Disgust,Fear,Sadness,Surprise", "not with the header Neutral"),
        ("EXPR_Set", "0", "begins with '0'"),
        ("EXPR_Set", "", "begins with ''"),
        ("VA_Set", "arousal,valence", "not with the header valence,arousal"),
        ("VA_Set", "0.1,0.2", "begins with '0.1,0.2'"),
    ],
)
def test_another_header_is_refused(tree, kind, first, message):
    path = tree.path(kind, "Train_Set", "a")
    path.write_text("\n".join([first, *path.read_text().splitlines()[1:]]))
    with pytest.raises(DataError, match=message) as error:
        find(tree)
    assert str(path) in str(error.value)


def test_an_empty_annotation_file_is_refused(tree):
    tree.path("EXPR_Set", "Train_Set", "a").write_text("")
    with pytest.raises(DataError, match="begins with ''"):
        find(tree)


@pytest.mark.parametrize(
    "folder, message",
    [
        ("cropped_aligned", "no folder .*cropped and aligned faces as --videos"),
        ("annotations", "no folder .*--annotations"),
        ("annotations/EXPR_Set/Validation_Set", "no folder Validation_Set"),
        ("annotations/VA_Set/Train_Set", "no folder Train_Set or Training_Set"),
    ],
)
def test_a_missing_folder_is_named(tree, folder, message):
    shutil.rmtree(tree.root / folder)
    with pytest.raises(DataError, match=message):
        find(tree)


def test_annotations_without_any_known_folder_are_refused(tree):
    for name in ("EXPR_Set", "VA_Set"):
        (tree.annotations / name).rename(tree.annotations / f"{name}s")
    with pytest.raises(
        DataError, match=r"no folder EXPR_Set, .*it holds EXPR_Sets/, VA_Sets/.*synthetic affwild2"
    ):
        find(tree)


@pytest.mark.parametrize("below", ["..", "EXPR_Set"])
def test_annotations_are_found_from_a_folder_too_high_or_too_low(tree, below):
    found = find_videos(tree.faces, tree.annotations / below)
    assert found.labels == ("expression", "va") and [video.name for video in found.videos["train"]] == ["a"]


@pytest.mark.parametrize("below", ["..", "a"])
def test_faces_are_found_from_a_folder_too_high_or_too_low(tree, below):
    found = find_videos(tree.faces / below, tree.annotations)
    assert found.videos["validation"][0].faces.endswith("cropped_aligned/b")


def test_faces_of_unknown_names_are_told_before_any_work(tree):
    for path in list(tree.faces.glob("*/*.jpg")):
        path.rename(path.with_name(f"face{path.name}"))
    with pytest.raises(DataError, match=r"No file in the 2 folders .* holds face00001\.jpg, .*by the number"):
        find(tree)


def test_an_empty_split_and_faces_of_other_videos_are_told(tree):
    tree.path("EXPR_Set", "Train_Set", "a").rename(tree.root / "a.txt")
    with pytest.raises(DataError, match="Train_Set holds no annotation"):
        find(tree)
    (tree.root / "a.txt").rename(tree.path("EXPR_Set", "Train_Set", "a"))
    with pytest.raises(DataError, match=r"no folder of any annotated video, e.g. a/.*00001\.jpg"):
        find_videos(tree.annotations, tree.annotations)


def test_faces_numbered_from_0_are_refused(tree):
    (tree.faces / "a" / "00000.jpg").write_bytes(grey_face(0))
    with pytest.raises(DataError, match=r"numbered from 0.*every label would belong to the next frame"):
        find(tree)


def test_two_of_something_are_refused(tree):
    shutil.copytree(tree.faces / "a", tree.faces / "batch1" / "a")
    with pytest.raises(DataError, match="two folders of faces"):
        find(tree)
    shutil.rmtree(tree.faces / "batch1")
    shutil.copy(tree.path("VA_Set", "Train_Set", "a"), tree.path("VA_Set", "Validation_Set", "a"))
    with pytest.raises(DataError, match="valence and arousal twice"):
        find(tree)
    (tree.annotations / "EXPR_Recognition_Challenge").mkdir()
    with pytest.raises(DataError, match="holds both EXPR_Set and EXPR_Recognition_Challenge"):
        find(tree)
