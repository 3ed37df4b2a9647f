"""Body boxes: cleaning, and the promise that masking the stored box hides the person."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emojax.errors import Skip
from emojax.vision.boxes import MAX_PEOPLE, context_box, crop, people_boxes, resize, usable_box


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((10, 20, 30, 40), (10, 20, 30, 40)),
        ((30, 40, 10, 20), (10, 20, 30, 40)),  # swapped corners
        ((-50, -7, 30, 40), (0, 0, 30, 40)),  # over the edge
        ((90, 70, 5000, 5000), (90, 70, 100, 80)),
        ((10.4, 20.6, 30.2, 40.0), (10, 20, 31, 40)),  # outwards to whole pixels
        ((-9, -9, 900, 900), (0, 0, 100, 80)),
    ],
)
def test_boxes_are_cleaned(box, expected):
    assert usable_box(box, 100, 80) == expected


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((), "bad_box"),
        ((1, 2, 3), "bad_box"),
        ((1, 2, 3, 4, 5), "bad_box"),
        ((1, 2, float("nan"), 4), "bad_box"),
        ((1, 2, float("inf"), 4), "bad_box"),
        ((10, 20, 10, 40), "empty_box"),
        ((10, 20, 30, 20), "empty_box"),
        ((100, 20, 130, 40), "box_outside_image"),
        ((-30, 20, -1, 40), "box_outside_image"),
        ((10, 80, 30, 99), "box_outside_image"),
    ],
)
def test_useless_boxes_are_skipped_by_reason(box, reason):
    with pytest.raises(Skip) as skip:
        usable_box(box, 100, 80)
    assert skip.value.reason == reason


side = st.integers(4, 90)


@settings(max_examples=150, deadline=None)
@given(width=side, height=side, size=st.integers(8, 80), data=st.data())
def test_zeroing_the_context_box_hides_every_pixel_of_the_person(width, height, size, data):
    """The masked context image is the same whatever is in the box."""
    x1, y1 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    x2, y2 = data.draw(st.integers(x1 + 1, width)), data.draw(st.integers(y1 + 1, height))
    seed = data.draw(st.integers(0, 99))
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    other = image.copy()
    other[y1:y2, x1:x2] = 255 - other[y1:y2, x1:x2]
    left, top, right, bottom = context_box((x1, y1, x2, y2), width, height, size).astype(int)
    assert 0 <= left < right <= size and 0 <= top < bottom <= size
    masked = []
    for picture in (image, other):
        small = resize(picture, size)
        small[top:bottom, left:right] = 0
        masked.append(small)
    np.testing.assert_array_equal(*masked)


def test_the_context_box_hides_hardly_more_than_the_person():
    np.testing.assert_array_equal(context_box((100, 50, 200, 400), 640, 480, 64), (10, 6, 20, 54))
    np.testing.assert_array_equal(context_box((0, 0, 640, 480), 640, 480, 64), (0, 0, 64, 64))
    box = context_box((100, 50, 200, 400), 640, 480, 224)
    assert box[0] == 35 and box[2] == 70
    assert context_box((0, 0, 1, 1), 640, 480, 64).tolist() == [0, 0, 1, 1]  # never empty


def test_a_crop_shows_the_box_and_nothing_else():
    image = np.zeros((60, 80, 3), np.uint8)
    image[10:40, 20:50] = (10, 120, 250)
    np.testing.assert_array_equal(crop(image, (20, 10, 50, 40), 32), np.full((32, 32, 3), (10, 120, 250)))


def test_people_are_listed_from_the_agent_outwards():
    table, count = people_boxes((40, 40, 60, 60), [(0, 0, 10, 10), (70, 40, 90, 60), (5, 5, 5, 9)], 100, 200)
    assert count == 3  # a box without area is nobody
    assert table.shape == (MAX_PEOPLE, 4) and table.dtype == np.float32
    np.testing.assert_allclose(table[0], (0.4, 0.2, 0.6, 0.3))
    np.testing.assert_allclose(table[1], (0.7, 0.2, 0.9, 0.3))
    np.testing.assert_allclose(table[2], (0.0, 0.0, 0.1, 0.05))
    assert not table[3:].any()


def test_of_a_crowd_the_nearest_are_listed():
    others = [(10 * i, 0, 10 * i + 8, 10) for i in range(1, 60)]
    table, count = people_boxes((0, 0, 8, 10), others, 1000, 100)
    assert count == MAX_PEOPLE
    np.testing.assert_allclose(table[:, 0], 0.01 * np.arange(MAX_PEOPLE), atol=1e-6)
