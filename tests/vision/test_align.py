"""Alignment puts what it promises where it promises (spec emotion_gcn 1.6); landmarks follow the pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emojax.vision.align import (
    ALIGNMENTS,
    NoFaceError,
    crop_face,
    eye_centres,
    eye_mouth_mask,
    rotation_about_eyes,
    transform,
)

BOX = (40, 30, 80, 80)


def face_points(left=(65.0, 60.0), right=(95.0, 60.0)) -> np.ndarray:
    """68 points whose eye centres are exactly `left` and `right`, with a mouth below them."""
    left, right = np.asarray(left, float), np.asarray(right, float)
    across = right - left
    down = np.array((-across[1], across[0]))
    ring = np.stack([np.cos(np.arange(6) * np.pi / 3), 0.5 * np.sin(np.arange(6) * np.pi / 3)], axis=1)
    points = np.tile((left + right) / 2 + 0.6 * down, (68, 1))
    points[36:42] = left + 0.15 * ring @ np.stack([across, down])
    points[42:48] = right + 0.15 * ring @ np.stack([across, down])
    points[48:60] = (left + right) / 2 + down + 0.4 * np.repeat(ring, 2, axis=0) @ np.stack([across, down])
    return points


def image_with_dots(points: np.ndarray, height: int = 150, width: int = 200) -> np.ndarray:
    """Grey with a soft white dot at each point."""
    y, x = np.mgrid[:height, :width]
    field = sum(np.exp(-((x - px) ** 2 + (y - py) ** 2) / 8.0) for px, py in points)
    return np.repeat((80 + 170 * np.clip(field, 0, 1)).astype(np.uint8)[..., None], 3, axis=2)


def brightest_near(image: np.ndarray, point: np.ndarray, radius: int = 5) -> np.ndarray:
    """Centre of mass of what is brighter than the background around `point`."""
    x, y = (round(float(v)) for v in point)
    patch = image[y - radius : y + radius + 1, x - radius : x + radius + 1, 0].astype(float)
    weight = np.clip(patch - 110, 0, None)
    rows, columns = np.mgrid[y - radius : y + radius + 1, x - radius : x + radius + 1]
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


def test_rotation_matrix_has_the_published_form():
    """Golden values by hand: eyes (0, 0) and (4, 3), so cos 0.8, sin 0.6, mid-point (2, 1.5), scale 2."""
    matrix = rotation_about_eyes(face_points((0, 0), (4, 3)), scale=2.0)
    expected = [(1.6, 1.2, (1 - 1.6) * 2 - 1.2 * 1.5), (-1.2, 1.6, 1.2 * 2 + (1 - 1.6) * 1.5)]
    np.testing.assert_allclose(matrix, expected, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.floats(-179, 179), st.floats(5, 60), st.floats(20, 150), st.floats(20, 150))
def test_eyes_are_level_and_keep_distance_and_mid_point(degrees, distance, x, y):
    half = 0.5 * distance * np.array((np.cos(np.radians(degrees)), np.sin(np.radians(degrees))))
    points = face_points(np.subtract((x, y), half), np.add((x, y), half))
    left, right = eye_centres(transform(points, rotation_about_eyes(points)))
    np.testing.assert_allclose(right - left, (distance, 0), atol=1e-6)
    np.testing.assert_allclose((left + right) / 2, (x, y), atol=1e-6)


def test_whole_pixels_as_the_public_code_takes_them_are_an_option():
    """Corrections 22: eye centres and their mid-point are cut down to integers before the angle is taken."""
    points = face_points(left=(30.7, 40.2), right=(71.9, 44.8))
    matrix = rotation_about_eyes(points, integer=True)
    theta = np.arctan2(44 - 40, 71 - 30)
    np.testing.assert_allclose(matrix[0, :2], (np.cos(theta), np.sin(theta)))
    np.testing.assert_allclose(
        transform(np.array([(50.0, 42.0)]), matrix), [(50, 42)], atol=1e-9
    )  # (101 // 2, 84 // 2)
    fractions = rotation_about_eyes(points)
    np.testing.assert_allclose(fractions[0, 0], np.cos(np.arctan2(4.6, 41.2)))
    image = np.random.default_rng(0).integers(0, 255, (160, 160, 3), np.uint8)
    crops = [crop_face(image, BOX, points, align_integer=integer, size=64)[0] for integer in (False, True)]
    assert (crops[0] != crops[1]).any()


def test_whole_eyes_are_levelled_the_same_with_and_without_the_option():
    points = face_points(left=(30.0, 40.0), right=(72.0, 44.0))
    np.testing.assert_array_equal(rotation_about_eyes(points), rotation_about_eyes(points, integer=True))


@pytest.mark.parametrize("box", [(0, 0, 1e30, 1e30), (-9e9, 0, 2e10, 5), (0, 0, 700, 10), (10, 10, 641, 641)])
def test_a_box_far_larger_than_the_image_is_refused_before_it_is_cut(box):
    with pytest.raises(NoFaceError) as error:
        crop_face(np.zeros((160, 160, 3), np.uint8), box, face_points())
    assert error.value.reason == "huge_face_box"
    crop_face(np.zeros((160, 160, 3), np.uint8), (0, 0, 640, 640), face_points())


def test_without_landmarks_the_plain_box_is_cut_and_nothing_else_goes():
    image = np.random.default_rng(0).integers(0, 255, (160, 160, 3), np.uint8)
    crop, points = crop_face(image, BOX, None, align="none", size=80)
    assert points is None
    np.testing.assert_array_equal(crop, crop_face(image, BOX, face_points(), align="none", size=80)[0])
    for align in ("rotate_crop", "similarity"):
        with pytest.raises(NoFaceError, match="not 68 finite points"):
            crop_face(image, BOX, None, align=align)


def test_eyes_one_above_the_other_are_levelled():
    points = face_points((80, 40), (80, 70))
    left, right = eye_centres(transform(points, rotation_about_eyes(points)))
    np.testing.assert_allclose((left, right), [(65, 55), (95, 55)], atol=1e-9)
    crop, _ = crop_face(image_with_dots(points[36:48]), BOX, points, size=80)
    assert crop.shape == (80, 80, 3)


def test_no_alignment_at_the_box_size_is_the_box_itself():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (150, 200, 3), dtype=np.uint8)
    points = face_points()
    crop, moved = crop_face(image, BOX, points, align="none", size=80)
    np.testing.assert_array_equal(crop, image[30:110, 40:120])
    np.testing.assert_allclose(moved, points - (40, 30))


def test_level_eyes_make_rotate_crop_the_plain_crop():
    image = np.random.default_rng(1).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    plain, _ = crop_face(image, BOX, face_points(), align="none", size=80)
    for anchor in ("topleft", "center"):
        turned, _ = crop_face(image, BOX, face_points(), align="rotate_crop", anchor=anchor, size=80)
        np.testing.assert_array_equal(turned, plain)


@pytest.mark.parametrize("anchor, kept", [("topleft", (0.0, 0.0)), ("center", (40.0, 40.0))])
def test_rotate_crop_keeps_the_anchor_of_the_box_in_place(anchor, kept):
    """The mapped top-left corner becomes pixel (0, 0); the mapped centre becomes the centre."""
    points = face_points((60, 55), (95, 70))
    anchor_in_image = {"topleft": np.array([(40.0, 30.0)]), "center": np.array([(80.0, 70.0)])}[anchor]
    landmarks = np.concatenate([points[:67], anchor_in_image])  # the last landmark rides along
    _, moved = crop_face(np.zeros((150, 200, 3), np.uint8), BOX, landmarks, anchor=anchor, size=80)
    np.testing.assert_allclose(moved[67], kept, atol=0.5 + 1e-9)  # windows start at whole pixels


@pytest.mark.parametrize("size", [64, 227])
def test_similarity_puts_the_eyes_at_35_and_65_percent(size):
    points = face_points((60, 55), (92, 68))
    crop, moved = crop_face(image_with_dots(points[36:48]), BOX, points, align="similarity", size=size)
    assert crop.shape == (size, size, 3)
    expected = [(0.35 * size, 0.35 * size), (0.65 * size, 0.35 * size)]
    np.testing.assert_allclose(eye_centres(moved), expected, atol=1e-9)


@pytest.mark.parametrize("align", ALIGNMENTS)
@pytest.mark.parametrize("size", [40, 80, 200])
@pytest.mark.parametrize("shape", [(150, 200), (260, 140)])
def test_landmarks_follow_the_pixels_in_images_that_are_not_square(align, size, shape):
    points = face_points((62, 58), (95, 68))
    dots = np.stack([*eye_centres(points), points[48:60].mean(axis=0)])
    landmarks = points.copy()
    landmarks[:3] = dots
    crop, moved = crop_face(image_with_dots(dots, *shape), BOX, landmarks, align=align, size=size)
    scale = size / 80
    for target in moved[:3]:
        found = brightest_near(crop, target, radius=max(4, round(5 * scale)))
        np.testing.assert_allclose(found, target, atol=max(0.35, 0.12 * scale))


def test_outside_the_image_is_black():
    image = np.full((150, 200, 3), 200, np.uint8)
    crop, _ = crop_face(image, (-40, -40, 80, 80), face_points(), align="none", size=80)
    assert (crop[:40] == 0).all() and (crop[40:, :40] == 0).all() and (crop[40:, 40:] == 200).all()


def test_shrinking_averages_instead_of_skipping_pixels():
    """One-pixel stripes become grey; sampling without a filter would keep black and white."""
    image = np.zeros((640, 640, 3), np.uint8)
    image[:, ::2] = 255
    points = face_points((160, 224), (480, 224))
    for align in ALIGNMENTS:
        crop, _ = crop_face(image, (0, 0, 640, 640), points, align=align, size=64)
        middle = crop[24:40, 24:40].astype(float)  # well inside the image in every alignment
        assert abs(middle.mean() - 127.5) < 4 and middle.std() < 12


@pytest.mark.parametrize("box", [(10, 10, 0, 0), (10, 10, -5, 20), (300, 10, 50, 50), (10, 10, np.nan, 20)])
def test_a_box_without_area_in_the_image_is_no_face(box):
    with pytest.raises(NoFaceError) as error:
        crop_face(np.zeros((150, 200, 3), np.uint8), box, face_points())
    assert error.value.reason == "empty_face_box"


def test_eyes_in_one_place_or_not_finite_are_bad_landmarks():
    same = np.full((68, 2), 50.0)
    broken = face_points()
    broken[5] = np.nan
    for points in (same, broken):
        with pytest.raises(NoFaceError) as error:
            crop_face(np.zeros((150, 200, 3), np.uint8), BOX, points)
        assert error.value.reason == "bad_landmarks"


def test_mask_covers_eyes_and_mouth_and_nothing_else():
    size = 112
    points = face_points((40, 40), (72, 40))
    mask = eye_mouth_mask(points, size)
    assert mask.shape == (56, 56) and mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 1}
    for group in (points[36:42], points[42:48], points[48:60]):
        x, y = np.rint((group.mean(axis=0) + 0.5) * 56 / size - 0.5).astype(int)
        assert mask[y, x] == 1
    assert mask[:14].sum() == 0 and mask[20, 27] == 0  # forehead, between the eyes
    hulls = sum(cv2.contourArea(cv2.convexHull(points[g].astype(np.float32))) for g in _groups())
    assert hulls < mask.sum() * 4 < 3.5 * hulls  # grown by 3 pixels, not by much more


def _groups():
    return slice(36, 42), slice(42, 48), slice(48, 60)
