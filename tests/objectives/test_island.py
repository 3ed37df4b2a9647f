import jax
import numpy as np
import pytest

from emojax.objectives.centres import centre_delta, centre_loss
from emojax.objectives.island import (
    euclidean_island_loss,
    island_loss,
    update_euclidean_island_centres,
    update_island_centres,
)
from tests.objectives.helpers import C, D, float32, jit_grad, make_batch


@pytest.fixture
def case():
    batch = float32(make_batch())
    centres = np.random.default_rng(9).normal(size=(C, D)).astype(np.float32)
    return centres, batch["features"], batch["labels"], batch["mask"]


def pairs():
    return [(j, k) for j in range(C) for k in range(C) if k != j]


def test_island_counts_both_orders_of_each_pair(case):
    c = np.float64(case[0])
    cosines = [c[k] @ c[j] / np.linalg.norm(c[k]) / np.linalg.norm(c[j]) + 1 for j, k in pairs()]
    expected = float(centre_loss(*case)) + 3 * sum(cosines)
    assert float(island_loss(*case, lambda1=3)) == pytest.approx(expected, rel=1e-5)


def test_island_centres_move_by_the_printed_rule(case):
    c, lambda1, alpha = np.float64(case[0]), 3.0, 0.5
    delta = np.float64(centre_delta(*case))
    for j, k in pairs():
        nk, nj, dot = np.linalg.norm(c[k]), np.linalg.norm(c[j]), c[k] @ c[j]
        delta[j] += lambda1 / (C - 1) * (c[k] / (nk * nj) - dot / (nk * nj**3) * c[j])
    moved = update_island_centres(*case, lambda1=lambda1, alpha=alpha)
    np.testing.assert_allclose(moved, c - alpha * delta, atol=1e-5)


def test_euclidean_island_value_by_loops(case):
    c = np.float64(case[0])
    close = [max(2.5 - np.linalg.norm(c[k] - c[j]), 0) ** 2 for j, k in pairs()]
    assert sum(close) > 0
    expected = float(centre_loss(*case)) + 0.3 * sum(close)
    assert float(euclidean_island_loss(*case, margin=2.5, lambda1=0.3)) == pytest.approx(expected, rel=1e-5)


def test_euclidean_island_centres_move_by_the_gradient_with_factor_four_a_pair(case):
    c, lambda1, alpha, margin = np.float64(case[0]), 0.01, 0.5, 2.5
    delta = np.float64(centre_delta(*case))
    for j in range(C):
        for k in range(C):
            distance = np.linalg.norm(c[k] - c[j])
            if k != j and distance < margin:
                delta[j] += lambda1 * 4 * (margin - distance) * (c[k] - c[j]) / distance
    moved = update_euclidean_island_centres(*case, margin=margin, lambda1=lambda1, alpha=alpha)
    np.testing.assert_allclose(moved, c - alpha * delta, atol=1e-5)


def test_centres_beyond_the_margin_leave_each_other_alone(case):
    far = 100 * case[0]
    moved = update_euclidean_island_centres(far, *case[1:], margin=2)
    np.testing.assert_allclose(moved, far - 0.5 * centre_delta(far, *case[1:]), rtol=1e-6)


@pytest.mark.parametrize("kind", ["equal", "zero", "beyond float32 squares"])
def test_degenerate_centres_stay_finite(case, kind):
    centres = {"equal": case[0] * 0 + 1, "zero": case[0] * 0, "beyond float32 squares": case[0] * 1e-25}[kind]
    for loss, update in (
        (island_loss, update_island_centres),
        (
            lambda *a: euclidean_island_loss(*a, margin=2.0),
            lambda *a: update_euclidean_island_centres(*a, margin=2.0),
        ),
    ):
        assert np.isfinite(loss(centres, *case[1:]))
        moved = np.asarray(update(centres, *case[1:]))
        assert np.isfinite(moved).all() and np.abs(moved - centres).max() < 10


def test_the_default_euclidean_step_ends_apart_and_does_not_overshoot():
    rng = np.random.default_rng(0)
    centres = 0.01 * rng.normal(size=(7, 16)).astype(np.float32)
    nothing = np.zeros((1, 16), np.float32), np.zeros(1, np.int32), np.zeros(1, np.float32)
    margin, step = 2.0, jax.jit(lambda c: update_euclidean_island_centres(c, *nothing, margin=2.0))
    for _ in range(2000):
        centres = step(centres)
    distances = np.linalg.norm(centres[:, None] - centres[None], axis=-1)[~np.eye(7, dtype=bool)]
    assert 0.99 * margin < distances.min() and distances.max() < 2 * margin


def test_pair_terms_send_no_gradient_to_features_or_centres(case):
    for loss in (island_loss, lambda *a: euclidean_island_loss(*a, margin=2.5)):
        assert (jit_grad(loss)(*case) == 0).all()
        by_features = jit_grad(loss, argnums=1)(*case)
        np.testing.assert_allclose(by_features, jit_grad(centre_loss, argnums=1)(*case), atol=1e-7)
