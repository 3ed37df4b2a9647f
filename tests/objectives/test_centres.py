import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax.objectives.centres import (
    batch_means,
    centre_delta,
    centre_local_loss,
    centre_loss,
    init_centres,
    update_centres,
)
from tests.objectives.helpers import C, D, float32, jit_grad, make_batch


@pytest.fixture
def batch():
    return float32(make_batch())


@pytest.fixture
def centres():
    return np.random.default_rng(9).normal(size=(C, D)).astype(np.float32)


def args(batch):
    return batch["features"], batch["labels"], batch["mask"]


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_value_is_half_the_squared_distance_by_loops(batch, centres, reduction):
    total = sum(0.5 * np.sum((x - centres[y]) ** 2) for x, y in zip(batch["features"], batch["labels"]))
    expected = total if reduction == "sum" else total / len(batch["labels"])
    assert float(centre_loss(centres, *args(batch), reduction=reduction)) == pytest.approx(expected, rel=1e-5)


def test_gradient_of_the_sum_is_feature_minus_centre_and_no_gradient_reaches_centres(batch, centres):
    gradient = jit_grad(lambda x: centre_loss(centres, x, *args(batch)[1:], reduction="sum"))(
        batch["features"]
    )
    np.testing.assert_allclose(gradient, batch["features"] - centres[batch["labels"]], atol=1e-6)
    assert (jit_grad(lambda c: centre_loss(c, *args(batch)))(centres) == 0).all()


def test_centres_follow_their_own_rule_with_one_more_in_the_denominator(batch, centres):
    expected = centres.copy()
    for j in range(C):
        members = batch["features"][batch["labels"] == j]
        delta = sum((centres[j] - x for x in members), np.zeros(D)) / (1 + len(members))
        expected[j] -= 0.3 * delta
    np.testing.assert_allclose(update_centres(centres, *args(batch), alpha=0.3), expected, atol=1e-6)


def test_a_class_without_samples_keeps_its_centre(batch, centres):
    assert 4 not in batch["labels"]
    np.testing.assert_array_equal(update_centres(centres, *args(batch))[4], centres[4])


def test_a_batch_of_padding_only_moves_nothing(batch, centres):
    moved = update_centres(
        centres, batch["features"], batch["labels"], np.zeros(len(batch["labels"]), np.float32)
    )
    np.testing.assert_array_equal(moved, centres)


def test_repeated_updates_settle_at_the_class_means(batch, centres):
    moved = centres
    for _ in range(100):
        moved = update_centres(moved, *args(batch))
    for j in range(4):
        mean = batch["features"][batch["labels"] == j].mean(axis=0)
        np.testing.assert_allclose(moved[j], mean, atol=1e-5)


def test_the_update_carries_no_gradient_to_the_network(batch, centres):
    gradient = jit_grad(lambda x: jnp.sum(centre_delta(centres, x, *args(batch)[1:])))(batch["features"])
    assert (gradient == 0).all()


def test_batch_means_are_zero_for_an_absent_class(batch):
    means = batch_means(*args(batch), C)
    np.testing.assert_allclose(means[0], batch["features"][batch["labels"] == 0].mean(axis=0), atol=1e-6)
    assert (means[4] == 0).all()


def test_centre_local_is_the_spread_around_the_batch_means_by_loops(batch):
    total = 0
    for j in range(C):
        members = batch["features"][batch["labels"] == j]
        total += sum(0.5 * np.sum((x - members.mean(axis=0)) ** 2) for x in members)
    value = centre_local_loss(*args(batch), num_classes=C, reduction="sum")
    assert float(value) == pytest.approx(total, rel=1e-5)


def test_centre_local_has_the_same_gradient_through_the_means_and_none_for_a_single_sample(batch):
    def through_means(x):
        return centre_loss_without_stop(x, batch["labels"])

    def centre_loss_without_stop(x, labels):
        means = batch_means(x, labels, batch["mask"], C)
        return 0.5 * jnp.sum((x - means[labels]) ** 2)

    def local(x):
        return centre_local_loss(x, *args(batch)[1:], num_classes=C, reduction="sum")

    gradient = jit_grad(local)(batch["features"])
    np.testing.assert_allclose(gradient, jit_grad(through_means)(batch["features"]), atol=1e-5)
    single = list(batch["labels"]).index(3)
    assert (gradient[single] == 0).all()


def test_centres_start_small():
    centres = init_centres(jax.random.key(0), (7, 1024))
    assert centres.dtype == jnp.float32 and float(centres.std()) == pytest.approx(0.1, rel=0.03)


def test_unknown_reduction_is_refused(batch, centres):
    with pytest.raises(ValueError, match="median"):
        centre_loss(centres, *args(batch), reduction="median")
