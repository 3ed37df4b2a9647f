"""Pictures that maximise a unit: the regularisers by hand, and units whose answer is known."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax.models.maximise import displayed, maximise, regularisation, saliency


def test_the_regularisers_are_those_of_the_specification():
    x = np.array([[[1.0, 3.0], [2.0, 7.0]]]).reshape(1, 2, 2, 1)
    norm = (1**6 + 3**6 + 2**6 + 7**6) ** (1 / 6)
    variation = (1 + 16) + (4 + 25)
    expected = 10 * norm / 4 + 10 * variation / 4
    assert float(regularisation(jnp.asarray(x))[0]) == pytest.approx(expected, rel=1e-6)


def left_and_right(x):
    """The first unit likes a bright left half, the second a bright right half."""
    halves = jnp.stack([x[0, :, :4].mean() - x[0, :, 4:].mean(), x[1, :, 4:].mean() - x[1, :, :4].mean()])
    return halves / 2


def test_each_picture_shows_what_its_own_unit_answers_to():
    pictures, scores, before = maximise(left_and_right, (2, 6, 8, 3), jax.random.key(0), 60)
    assert (scores > before + 10).all()
    left, right = pictures[:, :, :4].mean(axis=(1, 2, 3)), pictures[:, :, 4:].mean(axis=(1, 2, 3))
    assert left[0] > right[0] + 20 and right[1] > left[1] + 20
    shown = displayed(pictures)
    assert shown.dtype == np.uint8 and shown[0, :, :4].mean() > shown[0, :, 4:].mean()
    assert shown.mean() / 255 == pytest.approx(0.5, abs=0.01)


def test_it_keeps_the_best_picture_and_not_the_last():
    # A unit that answers to the grey it starts from: every step away is worse.
    def score(x):
        return -10 * jnp.abs(x - 127.5).mean(axis=(1, 2, 3))

    _, scores, before = maximise(score, (1, 4, 4, 3), jax.random.key(0), 30)
    assert scores[0] >= before[0]


def test_saliency_finds_the_pixel_that_counts():
    found = saliency(lambda x: 3 * x[:, 1, 2, 0] - 5 * x[:, 0, 0, 2], np.zeros((2, 3, 4, 3)))
    assert found.shape == (2, 3, 4) and found[1, 1, 2] == 3 and found[1, 0, 0] == 5 and found[0].sum() == 8
