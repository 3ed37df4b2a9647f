"""Faces: OpenFace's tables, OpenCV's detector, and which face is a person's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data

from emojax.errors import ConfigError
from emojax.vision import faces
from emojax.vision.faces import DetectedFace, choose_face, cut_face, detect_faces, read_openface


def landmarks(x: float, y: float, size: float) -> np.ndarray:
    """68 points round (x, y) with level eyes."""
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (68, 2))
    points[36:42], points[42:48] = (-0.2, -0.1), (0.2, -0.1)
    return points * size + (x, y)


def write_table(path, rows: list[np.ndarray], confidence=0.9):
    header = ["face", " confidence", *(f" x_{i}" for i in range(68)), *(f" y_{i}" for i in range(68))]
    lines = [",".join(header)]
    lines += [", ".join(map(str, (i, confidence, *p[:, 0], *p[:, 1]))) for i, p in enumerate(rows)]
    path.write_text("\n".join(lines) + "\n")


def test_landmarks_of_every_face_are_read(tmp_path):
    rows = [landmarks(50, 60, 40), landmarks(200, 80, 30)]
    write_table(tmp_path / "a.csv", rows)
    found = read_openface(tmp_path / "a.csv")
    for face, points in zip(found, rows, strict=True):
        np.testing.assert_allclose(face.landmarks, points)
        np.testing.assert_allclose(face.box[:2], points.min(axis=0))
    write_table(tmp_path / "a.csv", rows, confidence=0.0)
    assert read_openface(tmp_path / "a.csv") == []


def test_boxes_alone_are_read(tmp_path):
    (tmp_path / "a.csv").write_text("x1,y1,x2,y2\n10,20,30,60\n30,60,10,20\n")
    assert [face.box for face in read_openface(tmp_path / "a.csv")] == [(10, 20, 20, 40)] * 2
    (tmp_path / "empty.csv").write_text("")
    assert read_openface(tmp_path / "empty.csv") == []


@pytest.mark.parametrize(
    "content", ["a,b\n1,2\n", "x1,y1,x2,y2\n1,2,3\n", "x1,y1,x2,y2\n1,2,3,nan\n", "x_0\n1\n"]
)
def test_other_tables_are_refused(tmp_path, content):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(ValueError):
        read_openface(tmp_path / "a.csv")


def test_a_person_gets_the_largest_face_centred_in_the_body_box():
    small, large, outside = (DetectedFace((x, 10, size, size)) for x, size in ((20, 10), (40, 20), (300, 90)))
    assert choose_face([small, large, outside], (0, 0, 100, 200)) is large
    assert choose_face([outside], (0, 0, 100, 200)) is None


def test_aligned_faces_have_their_eyes_at_fixed_places():
    image = np.zeros((200, 200, 3), np.uint8)
    points = landmarks(100, 100, 60)
    turn = np.array([(0.9, 0.4359), (-0.4359, 0.9)])
    points = (points - 100) @ turn + 100
    for eye in (slice(36, 42), slice(42, 48)):
        x, y = points[eye].mean(axis=0).astype(int)
        image[y - 2 : y + 3, x - 2 : x + 3] = 255
    crop = cut_face(image, DetectedFace((70, 70, 60, 60), points), 100)
    rows, columns = np.nonzero(crop[..., 0] > 128)
    assert abs(rows.mean() - 35) < 2  # both level
    assert abs(columns[columns < 50].mean() - 35) < 3 and abs(columns[columns > 50].mean() - 65) < 3


def test_a_box_alone_is_cut_plainly_and_none_outside_the_image():
    image = np.zeros((50, 50, 3), np.uint8)
    image[10:20, 10:20] = 200
    assert (cut_face(image, DetectedFace((10, 10, 10, 10)), 16) == 200).all()
    assert cut_face(image, DetectedFace((60, 10, 10, 10)), 16) is None
    assert cut_face(image, DetectedFace((10, 10, 0, 10)), 16) is None


@pytest.mark.skipif(not hasattr(cv2, "CascadeClassifier"), reason="OpenCV 5 has no face detector")
def test_the_built_in_detector_finds_a_real_face():
    """NASA's portrait of Eileen Collins, which scikit-image carries; her face is at about (225, 120)."""
    portrait = np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
    face = choose_face(detect_faces(portrait, (0, 0, 450, 512)), (0, 0, 450, 512))
    assert np.hypot(face.centre[0] - 225, face.centre[1] - 120) < 40
    assert 60 < face.box[2] < 160
    assert detect_faces(np.full((300, 200, 3), 90, np.uint8), (0, 0, 200, 300)) == []


def test_an_opencv_without_face_detector_says_which_one_has_it(monkeypatch):
    monkeypatch.delattr(cv2, "CascadeClassifier", raising=False)
    faces._cascade.cache_clear()
    with pytest.raises(ConfigError, match=r"no face detector.*opencv-contrib-python-headless<5.*OpenFace"):
        faces.detect_faces(np.zeros((64, 64, 3), np.uint8), (0, 0, 64, 64))
