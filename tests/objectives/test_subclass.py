import jax
import numpy as np
import pytest

from emojax.errors import ConfigError
from emojax.objectives.centres import centre_loss, update_centres
from emojax.objectives.subclass import nearest_centre, subclass_loss, update_subclass_centres
from tests.objectives.helpers import C, D, float32, jit_grad, make_batch

K = 3


@pytest.fixture
def case():
    batch = float32(make_batch())
    centres = np.random.default_rng(9).normal(size=(C, K, D)).astype(np.float32)
    return centres, batch["features"], batch["labels"], batch["mask"]


def nearest(case):
    centres, features, labels, _ = case
    distances = [[np.linalg.norm(x - c) for c in centres[y]] for x, y in zip(features, labels)]
    return np.argmin(distances, axis=1)


def test_each_sample_uses_the_nearest_centre_of_its_class(case):
    expected = case[2] * K + nearest(case)
    np.testing.assert_array_equal(nearest_centre(*case), expected)
    assert len(set(expected.tolist())) > 4


@pytest.mark.parametrize("margin", [None, 0.5])
def test_value_by_loops(case, margin):
    centres, features, labels, _ = case
    own = centres[labels, nearest(case)]
    expected = np.mean([0.5 * np.sum((x - c) ** 2) for x, c in zip(features, own)])
    if margin is not None:
        for subs in np.float64(centres):
            for a in range(K):
                for b in range(K):
                    if a != b:
                        expected += 0.2 * max(np.linalg.norm(subs[a] - subs[b]) - margin, 0) ** 2
    assert float(subclass_loss(*case, margin=margin, lambda1=0.2)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("margin", [None, 0.5])
def test_centres_move_by_the_stated_rule(case, margin):
    centres, features, labels, _ = case
    c, chosen, alpha, lambda1 = np.float64(centres), nearest(case), 0.5, 0.02
    expected = c.copy()
    for j in range(C):
        for k in range(K):
            users = features[(labels == j) & (chosen == k)]
            delta = sum((c[j, k] - x for x in users), np.zeros(D)) / (1 + len(users))
            for other in range(K):
                distance = np.linalg.norm(c[j, k] - c[j, other])
                if margin is not None and other != k and distance > margin:
                    delta = delta + lambda1 * 4 * (distance - margin) * (c[j, k] - c[j, other]) / distance
            expected[j, k] -= alpha * delta
    moved = update_subclass_centres(*case, margin=margin, lambda1=lambda1, alpha=alpha)
    np.testing.assert_allclose(moved, expected, atol=1e-5)


def test_one_centre_a_class_is_the_centre_loss(case):
    single = case[0][:, :1]
    rest = case[1:]
    np.testing.assert_allclose(subclass_loss(single, *rest), centre_loss(single[:, 0], *rest), rtol=1e-6)
    np.testing.assert_allclose(
        update_subclass_centres(single, *rest)[:, 0], update_centres(single[:, 0], *rest), atol=1e-6
    )


def test_an_unused_centre_stays_without_the_margin_and_comes_along_with_it(case):
    centres = case[0].copy()
    centres[0, 2] = 50  # far from every sample
    without = update_subclass_centres(centres, *case[1:], margin=None)
    np.testing.assert_array_equal(without[0, 2], centres[0, 2])
    pulled = update_subclass_centres(centres, *case[1:], margin=0.5)
    assert np.linalg.norm(pulled[0, 2]) < np.linalg.norm(centres[0, 2])


def test_equal_centres_stay_finite(case):
    centres = np.ones_like(case[0])
    assert np.isfinite(subclass_loss(centres, *case[1:]))
    assert np.isfinite(update_subclass_centres(centres, *case[1:])).all()


def test_a_step_that_diverges_is_refused_and_the_default_contracts():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(2, 10, 8)).astype(np.float32)
    nothing = np.zeros((1, 8), np.float32), np.zeros(1, np.int32), np.zeros(1, np.float32)
    with pytest.raises(ConfigError, match="diverge"):
        update_subclass_centres(centres, *nothing, lambda1=0.1)
    step = jax.jit(lambda c: update_subclass_centres(c, *nothing))
    for _ in range(200):
        centres = step(centres)
    distances = np.linalg.norm(centres[:, :, None] - centres[:, None], axis=-1)
    assert distances.max() < 1.5


def test_no_gradient_through_centres_or_assignment(case):
    assert (jit_grad(subclass_loss)(*case) == 0).all()
    by_features = jit_grad(lambda x: subclass_loss(case[0], x, *case[2:], reduction="sum"))(case[1])
    np.testing.assert_allclose(by_features, case[1] - case[0][case[2], nearest(case)], atol=1e-6)
