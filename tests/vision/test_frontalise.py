"""A drawn head that is turned by a known angle comes back to the front; what is no face is refused."""

from __future__ import annotations

import functools
import time

import numpy as np
import pytest
from scipy.io import savemat

from data_prep.synthetic.actions import Actions
from data_prep.synthetic.faces import draw_face
from data_prep.synthetic.geometry import Pose
from data_prep.synthetic.identity import sample_identity
from emojax.errors import DataError, Skip
from emojax.vision.face_model import PIXELS, SIDE, generic_face, reference_pixels
from emojax.vision.face_model_file import named_face
from emojax.vision.frontalise import frontal_points, frontalise, head_pose, soft_symmetry
from emojax.vision.geometry68 import MIRROR_68

INNER = slice(17, 68)
# Mean error of the 51 inner landmarks in the frontal view of 320 px, whatever the person, by the yaw in degrees.
ERROR = {15: 2.0, 30: 4.0, 45: 6.0}


@functools.cache
def drawn(yaw: float, person: int = 1):
    image = np.full((240, 240, 3), 120, np.uint8)
    identity = sample_identity(np.random.default_rng(person))
    points = draw_face(image, identity, Actions(), Pose(np.deg2rad(yaw), 0.03, 0.05, 70, 120, 110))
    return image, points


@pytest.mark.parametrize("person", [0, 1, 2])
@pytest.mark.parametrize("yaw", ERROR)
def test_landmarks_of_a_turned_head_come_back_within_the_stated_error(yaw, person):
    (front, at_front), (turned, at_turn) = drawn(0, person), drawn(yaw, person)
    there = frontal_points(frontalise(front, at_front), at_front[INNER])
    back = frontalise(turned, at_turn)
    assert np.linalg.norm(frontal_points(back, at_turn[INNER]) - there, axis=1).mean() < ERROR[yaw]
    assert abs(back.pose.yaw - yaw) < 7 and back.raw.shape == (SIDE, SIDE, 3)


def test_landmarks_of_the_result_are_symmetric_and_nearer_to_it_than_before():
    image, points = drawn(30)
    found = frontal_points(frontalise(image, points), points)
    mirrored = found[MIRROR_68] * (-1, 1) + (SIDE - 1, 0)
    before = (points - points[27]) * PIXELS / 70
    unturned = before[MIRROR_68] * (-1, 1)
    inner = np.arange(68) >= 17
    after = np.linalg.norm(found - mirrored, axis=1)[inner].mean()
    assert after < 4 and after < 0.5 * np.linalg.norm(before - unturned, axis=1)[inner].mean()


def test_a_head_turned_to_the_other_side_gives_the_mirrored_view():
    image, points = drawn(30)
    flipped, mirrored = image[:, ::-1], (points * (-1, 1) + (image.shape[1] - 1, 0))[MIRROR_68]
    one, other = frontalise(image, points), frontalise(np.ascontiguousarray(flipped), mirrored)
    assert one.pose.yaw == pytest.approx(-other.pose.yaw, abs=1e-3)
    difference = np.abs(one.raw.astype(int) - other.raw[:, ::-1])
    assert difference.mean() < 0.5


def test_a_picture_twice_as_large_gives_the_same_pose_and_view():
    image, points = drawn(30)
    doubled = image.repeat(2, axis=0).repeat(2, axis=1)
    one, two = frontalise(image, points), frontalise(doubled, points * 2 + 0.5)
    assert two.pose.scale == pytest.approx(2 * one.pose.scale, rel=1e-6)
    np.testing.assert_allclose(two.pose.rotation, one.pose.rotation, atol=1e-6)
    assert np.abs(one.raw.astype(int) - two.raw).mean() < 3


def test_the_pose_of_projected_points_of_the_model_is_found_to_a_hundredth_of_a_degree():
    model = generic_face()
    pose = head_pose(drawn(30)[1])
    again = head_pose(pose.project(model.points))
    np.testing.assert_allclose(again.rotation, pose.rotation, atol=1e-4)
    assert again.misfit < 1e-4 and again.scale == pytest.approx(pose.scale, rel=1e-3)


def test_soft_symmetry_fills_the_hidden_side_alone_and_leaves_the_eyes():
    image, points = drawn(45)
    frontal, model = frontalise(image, points), generic_face()
    soft = soft_symmetry(frontal)
    changed = np.abs(soft.astype(int) - frontal.raw).mean(axis=2)
    hidden, seen = changed[:, SIDE // 2 :], changed[:, : SIDE // 2]
    assert hidden.mean() > 2 * seen.mean() and hidden.mean() > 1
    assert not changed[model.eyes == 1].any()
    other = frontalise(*drawn(-45))
    changed = np.abs(soft_symmetry(other).astype(int) - other.raw).mean(axis=2)
    assert changed[:, : SIDE // 2].mean() > 2 * changed[:, SIDE // 2 :].mean()


def test_a_head_that_looks_ahead_is_left_as_it_is_by_soft_symmetry():
    frontal = frontalise(*drawn(0))
    np.testing.assert_array_equal(soft_symmetry(frontal), frontal.raw)


def test_the_generic_face_is_symmetric_and_its_view_shows_all_inner_points():
    model = generic_face()
    np.testing.assert_allclose(model.points[MIRROR_68], model.points * (-1, 1, 1), atol=1e-9)
    pixels = np.rint(reference_pixels(model.points[INNER])).astype(int)
    assert model.foreground[pixels[:, 1], pixels[:, 0]].all() and len(model.surface) == model.foreground.sum()


@pytest.fixture(params=["npz", "mat"])
def model_file(request, tmp_path):
    """Our face as another would write it: millimetres, y upwards, elsewhere."""
    model, reference = generic_face(), np.zeros((SIDE, SIDE, 3))
    other = lambda x: x * (70, -70, 70) + (3, 120, -15)  # noqa: E731
    reference[model.foreground] = other(model.surface)
    arrays = {"threedee": other(model.points), "refU": reference}
    path = tmp_path / f"face.{request.param}"
    if request.param == "npz":
        np.savez(path, **arrays)
    else:
        savemat(path, {"model_dlib": {**arrays, "sizeU": [SIDE, SIDE]}})
    return path


def test_the_face_of_a_file_is_laid_on_ours_whatever_its_units_and_axes(model_file):
    model, ours = named_face(str(model_file)), generic_face()
    np.testing.assert_allclose(model.points, ours.points, atol=1e-6)
    np.testing.assert_array_equal(model.foreground, ours.foreground)
    assert (model.eyes != ours.eyes).mean() < 0.01 and model.eyes.any()
    image, points = drawn(45)
    one, other = frontalise(image, points), frontalise(image, points, model)
    assert np.abs(one.raw.astype(int) - other.raw).mean() < 0.5
    assert np.abs(soft_symmetry(one).astype(int) - soft_symmetry(other, model)).mean() < 1


def test_a_file_that_holds_no_face_is_refused_by_name(tmp_path):
    np.savez(tmp_path / "few.npz", threedee=np.zeros((60, 3)))
    (tmp_path / "text.mat").write_text("no")
    with pytest.raises(DataError, match=r"needs threedee of \[68, 3\], and has \[60, 3\]"):
        named_face(str(tmp_path / "few.npz"))
    for name in ("text.mat", "nowhere.npz"):
        with pytest.raises(DataError, match=f"{name} cannot be read as a model of a face"):
            named_face(str(tmp_path / name))


@pytest.mark.parametrize(
    "spoil, reason",
    [
        (lambda p: np.full_like(p, 50.0), "degenerate_landmarks"),
        (lambda p: p * (1, 0), "degenerate_landmarks"),
        (lambda p: np.where(np.arange(136).reshape(68, 2) == 80, np.nan, p), "degenerate_landmarks"),
        (lambda p: np.random.default_rng(0).uniform(0, 200, (68, 2)), "no_head_pose"),
        (lambda p: np.add(p, (180, 0)), "face_outside"),
    ],
)
def test_what_is_no_face_in_the_picture_is_refused_by_its_reason(spoil, reason):
    image, points = drawn(15)
    with pytest.raises(Skip) as refusal:
        frontalise(image, spoil(points))
    assert refusal.value.reason == reason


def test_a_face_takes_less_than_a_thirtieth_of_a_second_of_one_core():
    image, points = drawn(30)
    soft_symmetry(frontalise(image, points))
    start = time.process_time()
    for _ in range(10):
        frontalise(image, points)
    assert (time.process_time() - start) / 10 < 1 / 30
