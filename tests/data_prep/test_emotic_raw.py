"""Annotations.mat is read as it is distributed, whatever MATLAB and SciPy make of arrays of one element."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from data_prep.emotic.raw import find_emotic, image_path, read_annotations, read_emotic
from data_prep.synthetic.emotic.mat import (
    AnnotatedImage,
    AnnotatedPerson,
    cell_array,
    struct_array,
    write_annotations,
)
from data_prep.synthetic.emotic.rule import Annotation
from emojax.errors import DataError

HAPPY = Annotation(("happiness", "doubt/confusion"), (7, 5, 6))
CALM = Annotation(("peace",), (6, 2, 5))


def person(*annotators: Annotation, box=(10.0, 20.0, 110.0, 220.0)) -> AnnotatedPerson:
    return AnnotatedPerson(box, annotators, "Male", "Adult")


def image(*people: AnnotatedPerson, name="a.jpg") -> AnnotatedImage:
    return AnnotatedImage("mscoco/images", name, (640, 480), people)


def write(tmp_path, **splits):
    full = {"train": [image(person(HAPPY))], "val": [image(person(HAPPY))], "test": [image(person(HAPPY))]}
    write_annotations(tmp_path / "Annotations.mat", full | splits)
    return tmp_path / "Annotations.mat"


def test_training_people_have_the_labels_of_their_only_annotator(tmp_path):
    path = write(tmp_path, train=[image(person(HAPPY), person(CALM, box=(0, 0, 9, 9)))])
    first, second = read_annotations(path)["train"]
    assert first.source == "mscoco/images/a.jpg#0" and second.source == "mscoco/images/a.jpg#1"
    assert first.stem == "mscoco/images/a"
    assert first.size == (640, 480)
    assert first.box == (10, 20, 110, 220)
    assert first.categories == ("Happiness", "Doubt/Confusion")
    assert first.vad == (7, 5, 6)
    assert first.others == ((0, 0, 9, 9),) and second.others == ((10, 20, 110, 220),)
    # One category: MATLAB's cell array of a single string.
    assert second.categories == ("Peace",)


def test_val_and_test_people_have_the_combined_labels(tmp_path):
    several = [image(person(HAPPY, CALM, CALM))]
    people = read_annotations(write(tmp_path, val=several, test=several))
    for split in ("validation", "test"):
        (found,) = people[split]
        assert set(found.categories) == {"Doubt/Confusion", "Happiness", "Peace"}
        assert found.vad == pytest.approx((19 / 3, 3, 16 / 3))
        said = json.loads(found.annotations)
        assert said["categories"] == [["Happiness", "Doubt/Confusion"], ["Peace"], ["Peace"]]
        assert said["continuous"] == [[7, 5, 6], [6, 2, 5], [6, 2, 5]]
        assert (said["gender"], said["age"]) == ("Male", "Adult")


def test_the_written_file_has_the_field_order_that_circulating_readers_count_on(tmp_path):
    """Public code takes fields by number: image 0, 1, 2, 4; person 0-4 (train) and 0-6 (val, test)."""
    path = write(tmp_path, val=[image(person(HAPPY, CALM))])
    content = loadmat(path)
    train, val = content["train"][0][0], content["val"][0][0]
    assert (train[0][0], train[1][0]) == ("a.jpg", "mscoco/images")
    assert [float(np.asarray(side).flat[0].item()) for side in train[2].flat[0]] == [640, 480]
    agent = train[4][0][0]
    np.testing.assert_array_equal(np.asarray(agent[0]).reshape(-1), (10, 20, 110, 220))
    assert [str(name[0]) for name in agent[1].flat[0][0][0]] == ["Happiness", "Doubt/Confusion"]
    assert [float(value.item()) for value in agent[2].flat[0]] == [7, 5, 6]
    agent = val[4][0][0]
    assert len(agent[1][0]) == 2  # annotators
    assert [str(name[0]) for name in agent[2][0]] == ["Doubt/Confusion", "Happiness", "Peace"]
    assert [float(value.item()) for value in agent[4].flat[0]] == [6.5, 3.5, 5.5]
    assert (agent[5][0], agent[6][0]) == ("Male", "Adult")


def test_squeezed_forms_mean_the_same(tmp_path):
    """As MATLAB or SciPy write it back: a struct for a 1x1 array, a string for a cell of one string."""
    agent = {
        "body_bbox": np.array([[10], [20], [110], [220]], np.uint16),
        "annotations_categories": {"categories": "Peace"},
        "annotations_continuous": {"valence": 6, "arousal": np.array([2.0]), "dominance": cell_array([5.0])},
        "gender": "Female",
        "age": cell_array(["Kid"]),
    }
    picture = {"filename": "b.png", "folder": "framesdb/images", "person": agent}
    cell_of_structs = cell_array([struct_array([picture]), struct_array([picture | {"filename": "c.png"}])])
    savemat(tmp_path / "Annotations.mat", {"train": picture, "val": picture, "test": cell_of_structs})
    people = read_annotations(tmp_path / "Annotations.mat")
    assert [found.filename for found in people["test"]] == ["b.png", "c.png"]
    (found,) = people["train"]
    assert found.size == (0, 0)  # the file does not say
    assert found.box == (10, 20, 110, 220)
    assert (found.categories, found.vad) == (("Peace",), (6, 2, 5))
    assert json.loads(found.annotations)["age"] == "Kid"


def test_missing_and_odd_fields_are_left_for_the_preparation_to_judge(tmp_path):
    empty = struct_array(
        [{"body_bbox": np.zeros((0, 0)), "annotations_categories": struct_array([{"x": 1}])}]
    )
    picture = struct_array([{"filename": "b.png", "folder": "f", "person": empty}])
    savemat(tmp_path / "Annotations.mat", {"train": picture, "val": picture, "test": picture})
    (found,) = read_annotations(tmp_path / "Annotations.mat")["train"]
    assert found.box == () and found.categories == ()
    assert all(map(math.isnan, found.vad))


def test_an_image_without_people_gives_nobody(tmp_path):
    nobody = struct_array([{"filename": "b.png", "folder": "f", "person": np.zeros((0, 0))}])
    one = struct_array([{"filename": "b.png", "folder": "f", "person": struct_array([{"gender": "Male"}])}])
    savemat(tmp_path / "Annotations.mat", {"train": nobody, "val": one, "test": one})
    with pytest.raises(DataError, match="no people in 'train'"):
        read_annotations(tmp_path / "Annotations.mat")


def test_a_file_without_a_split_or_of_another_format_is_refused(tmp_path):
    path = tmp_path / "Annotations.mat"
    savemat(path, {"train": 1, "val": 2})
    with pytest.raises(DataError, match="no struct array 'test'"):
        read_annotations(path)
    path.write_bytes(b"no matlab file at all" * 30)
    with pytest.raises(DataError, match="cannot be read as a MATLAB file"):
        read_annotations(path)
    # The header of version 7.3, which is HDF5.
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + bytes([0, 2]) + b"IM" + bytes(400))
    with pytest.raises(DataError, match=r"MATLAB 7\.3"):
        read_annotations(path)


def test_a_truncated_file_is_refused(tmp_path):
    path = write(tmp_path, train=[image(person(HAPPY)) for _ in range(50)])
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(DataError, match="cannot be read as a MATLAB file"):
        read_annotations(path)


def test_folders_are_found_as_unpacked_and_refusals_say_what_was_looked_for(tmp_path):
    with pytest.raises(DataError, match="There is no folder"):
        find_emotic(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no Annotations\.mat.*data_prep\.synthetic emotic"):
        find_emotic(tmp_path)
    write(tmp_path)
    with pytest.raises(DataError, match="no image folder"):
        find_emotic(tmp_path)
    (tmp_path / "emotic" / "mscoco").mkdir(parents=True)
    found = find_emotic(tmp_path)
    assert found.annotations == tmp_path / "Annotations.mat" and found.images == tmp_path / "emotic"


def unpack(tmp_path, annotations: str, images: str) -> None:
    """A tiny EMOTIC under other names: one picture that all splits show."""
    path = write(tmp_path)
    (tmp_path / annotations).parent.mkdir(parents=True, exist_ok=True)
    path.rename(tmp_path / annotations)
    (tmp_path / images / "mscoco" / "images").mkdir(parents=True)
    (tmp_path / images / "mscoco" / "images" / "A.JPG").write_bytes(b"")


@pytest.mark.parametrize(
    ("annotations", "images"),
    [
        ("CVPR17_Annotations.mat", "cvpr_emotic"),
        ("CVPR17_Annotations.mat", "cvpr_emotic/cvpr_emotic"),
        ("Annotations/Annotations.mat", "emotic"),
        ("annotations.mat", "."),
        ("EMOTIC/Annotations/Annotations.mat", "EMOTIC/emotic"),
    ],
)
def test_both_releases_are_found_under_their_own_names(tmp_path, annotations, images):
    unpack(tmp_path, annotations, images)
    found, people = read_emotic(tmp_path)
    assert (found.annotations, found.images) == (tmp_path / annotations, tmp_path / images)
    assert image_path(str(found.images), people["train"][0]).endswith("/mscoco/images/A.JPG")


@pytest.mark.parametrize("given", ["cvpr_emotic", "Annotations"])
def test_the_other_part_is_found_beside_the_one_that_is_given(tmp_path, given):
    unpack(tmp_path, "Annotations/CVPR17_Annotations.mat", "cvpr_emotic")
    found = find_emotic(tmp_path / given)
    assert found.images == tmp_path / "cvpr_emotic" and found.annotations.name == "CVPR17_Annotations.mat"


def test_two_releases_side_by_side_are_refused_by_name(tmp_path):
    unpack(tmp_path, "CVPR17_Annotations.mat", "cvpr_emotic")
    write(tmp_path)
    with pytest.raises(
        DataError, match=r"several annotation files: .*/Annotations\.mat, .*/CVPR17_Annotations\.mat"
    ):
        find_emotic(tmp_path)


def test_pictures_of_another_release_are_noticed_before_any_work(tmp_path):
    unpack(tmp_path, "Annotations.mat", "emotic")
    (tmp_path / "emotic" / "mscoco" / "images" / "A.JPG").rename(
        tmp_path / "emotic" / "mscoco" / "images" / "b.jpg"
    )
    with pytest.raises(
        DataError, match=r"None of 3 pictures .* e\.g\. mscoco/images/a\.jpg; it holds mscoco/"
    ):
        read_emotic(tmp_path)
