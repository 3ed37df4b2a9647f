"""The losses of people in context equal their formulas, padding never counts, gradients are right."""

import functools

import jax
import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss

from emojax.errors import ConfigError
from emojax.objectives.attention import attention_loss
from emojax.objectives.dimensions import margin_squared_error, mean_squared_error, smooth_l1_loss
from emojax.objectives.embedding import embedding_loss, mean_positive_vectors
from emojax.objectives.emoticon import multiplicative_loss
from emojax.objectives.multilabel import (
    batch_label_weights,
    binary_cross_entropy,
    rarity_weights,
    weighted_squared_error,
)
from tests.objectives.helpers import append_garbage, assert_gradient_is_finite_difference

B, C, D = 6, 5, 3
VECTORS = np.random.default_rng(9).normal(size=(C, 4))


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    labels = (rng.uniform(size=(B, C)) < 0.4).astype(float)
    labels[:, 4] = 0
    labels[2] = 0  # a sample without any label
    return {
        "logits": 2 * rng.normal(size=(B, C)),
        "labels": labels,
        "predicted": 2 * rng.normal(size=(B, D)),
        "truth": rng.uniform(size=(B, D)),
        "projected": rng.normal(size=(B, 4)),
        "probabilities": rng.uniform(0.05, 0.95, (B, 2, C)),
        "mask": np.ones(B),
    }


# name -> (what it is differentiated by, loss of that and the rest of the batch)
LOSSES = {
    "bce": ("logits", lambda x, b: binary_cross_entropy(x, b["labels"], b["mask"])),
    "weighted_l2": (
        "logits",
        lambda x, b: weighted_squared_error(
            x, b["labels"], b["mask"], batch_label_weights(b["labels"], b["mask"])
        ),
    ),
    "weighted_l2_by_shares": (
        "logits",
        lambda x, b: weighted_squared_error(
            x, b["labels"], b["mask"], batch_label_weights(b["labels"], b["mask"], frequency="shares")
        ),
    ),
    "smooth_l1_sum": (
        "predicted",
        lambda x, b: smooth_l1_loss(x, b["truth"], b["mask"], reduction="sum"),
    ),
    "smooth_l1": ("predicted", lambda x, b: smooth_l1_loss(x, b["truth"], b["mask"])),
    "mse": ("predicted", lambda x, b: mean_squared_error(x, b["truth"], b["mask"])),
    "margin_l2": ("predicted", lambda x, b: margin_squared_error(x, b["truth"], b["mask"], margin=0.3)),
    "embedding": ("projected", lambda x, b: embedding_loss(x, b["labels"], VECTORS, b["mask"])),
    "attention": ("logits", lambda x, b: attention_loss([x, 2 * x], b["labels"], b["mask"])),
    "multiplicative": (
        "probabilities",
        lambda x, b: multiplicative_loss(x, b["labels"], b["mask"], beta=1.5),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_padding_changes_neither_value_nor_gradient(name, batch):
    given, loss = LOSSES[name]
    padded = append_garbage(batch)
    value = jax.jit(jax.value_and_grad(loss))
    with jax.enable_x64(True):
        plain, gradient = value(batch[given], batch)
        with_padding, padded_gradient = value(padded[given], padded)
    np.testing.assert_allclose(with_padding, plain, rtol=1e-12)
    np.testing.assert_allclose(padded_gradient[:B], gradient, rtol=1e-12, atol=1e-15)
    assert not padded_gradient[B:].any()


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_is_the_finite_difference(name, batch):
    given, loss = LOSSES[name]
    if name in ("embedding", "bce"):  # the others' gradients have a kink or are covered by the same rule
        assert_gradient_is_finite_difference(functools.partial(loss, b=batch), batch[given])
    else:
        assert_gradient_is_finite_difference(functools.partial(loss, b=batch), batch[given], 1e-5)


def test_bce_is_scikit_learns_log_loss_averaged_over_labels(batch):
    value = jax.jit(binary_cross_entropy)(batch["logits"], batch["labels"], batch["mask"])
    scores = expit(batch["logits"])
    expected = np.mean([log_loss(batch["labels"][:, i], scores[:, i], labels=[0, 1]) for i in range(C)])
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_rare_labels_of_the_batch_weigh_more_and_absent_ones_next_to_nothing():
    labels = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]], float)
    for frequency, (often, once) in {"counts": (5.2, 2.2), "shares": (2.2, 1.45)}.items():
        weigh = functools.partial(batch_label_weights, frequency=frequency)
        weights = jax.jit(weigh)(labels, np.ones(4))
        np.testing.assert_allclose(weights, [1 / np.log(often), 1 / np.log(once), 1e-4], rtol=1e-6)
        loss = jax.jit(weighted_squared_error)(np.zeros((4, 3)), labels, np.ones(4), weights)
        np.testing.assert_allclose(loss, 1 / np.log(often) + 1 / np.log(once) / 4, rtol=1e-6)


def test_a_common_label_weighs_less_by_counts_than_by_shares():
    """A batch of 52 with one label in 31 samples and one in a single sample: corrections, point 14."""
    labels = np.zeros((52, 2))
    labels[:31, 0] = labels[0, 1] = 1
    for frequency, ratio in {"counts": 4.40, "shares": 2.95}.items():
        often, once = batch_label_weights(labels, np.ones(52), frequency=frequency)
        assert once / often == pytest.approx(ratio, abs=0.006)
    with pytest.raises(ConfigError, match="'counts' or 'shares', not by 'ranks'"):
        batch_label_weights(labels, np.ones(52), frequency="ranks")


# Training counts of EMOTIC, and the static weights that the public reference takes: corrections, point 16.
EMOTIC_COUNTS = (
    1062, 209, 368, 5343, 168, 4045, 325, 1462, 478, 660, 152, 12844, 851,
    4398, 538, 177, 5627, 188, 1693, 2102, 405, 360, 260, 417, 719, 668,
)  # fmt: skip
STATIC = (
    0.1435, 0.1870, 0.1692, 0.1165, 0.1949, 0.1204, 0.1728, 0.1372, 0.1620, 0.1540, 0.1987, 0.1057, 0.1482,
    0.1192, 0.1590, 0.1929, 0.1158, 0.1907, 0.1345, 0.1307, 0.1665, 0.1698, 0.1797, 0.1657, 0.1520, 0.1537,
)  # fmt: skip


def test_static_weights_of_emotics_training_counts_are_the_published_ones():
    np.testing.assert_allclose(rarity_weights(np.array(EMOTIC_COUNTS)), STATIC, atol=1e-4)
    np.testing.assert_allclose(rarity_weights(np.array([0, 1])), [1e-4, 1 / np.log(2.2)], rtol=1e-6)


def test_losses_of_the_baseline_on_its_own_scale_sum_over_the_dimensions():
    """What the public reference gives for two samples on the scale of 1 to 10: 4.8750 and 12.0 in all."""
    truth, predicted = 10 * np.array([[0.9] * 3, [0.2] * 3]), 10 * np.array([[0.7] * 3, [0.25] * 3])
    both = 2 * np.array(
        jax.jit(functools.partial(smooth_l1_loss, reduction="sum"))(predicted, truth, np.ones(2))
    )
    np.testing.assert_allclose(both, 4.875, rtol=1e-6)
    margin = jax.jit(functools.partial(margin_squared_error, margin=1.0))
    np.testing.assert_allclose(2 * margin(predicted, truth, np.ones(2)), 12, rtol=1e-6)


def test_smooth_l1_is_quadratic_below_one_and_linear_above():
    truth = np.zeros((1, 2))
    value = jax.jit(smooth_l1_loss)(np.array([[0.5, -3.0]]), truth, np.ones(1))
    np.testing.assert_allclose(value, (0.125 + 2.5) / 2, rtol=1e-6)
    summed = jax.jit(functools.partial(smooth_l1_loss, reduction="sum"))
    np.testing.assert_allclose(summed(np.array([[0.5, -3.0]]), truth, np.ones(1)), 0.125 + 2.5, rtol=1e-6)
    with pytest.raises(ConfigError, match="'mean' or the 'sum'"):
        smooth_l1_loss(truth, truth, np.ones(1), reduction="median")


def test_errors_within_the_margin_cost_nothing():
    predicted = np.array([[0.09, 0.5, -0.2]])
    value = jax.jit(functools.partial(margin_squared_error, margin=0.1))(
        predicted, np.zeros((1, 3)), np.ones(1)
    )
    np.testing.assert_allclose(value, 0.25 + 0.04, rtol=1e-6)


def test_target_of_the_embedding_is_the_mean_vector_of_the_labels():
    labels = np.array([[1, 0, 1, 0, 0], [0, 0, 0, 0, 0]], float)
    target = jax.jit(mean_positive_vectors)(labels, VECTORS)
    np.testing.assert_allclose(target, [(VECTORS[0] + VECTORS[2]) / 2, np.zeros(4)], rtol=1e-6)
    loss = jax.jit(embedding_loss)(np.zeros((2, 4)), labels, VECTORS, np.ones(2))
    np.testing.assert_allclose(loss, np.mean(np.square(target)), rtol=1e-5)


def test_each_of_two_attention_branches_weighs_half(batch):
    bce = jax.jit(binary_cross_entropy)
    one = [bce(f * batch["logits"], batch["labels"], batch["mask"]) for f in (1, 3)]
    two = jax.jit(attention_loss)([batch["logits"], 3 * batch["logits"]], batch["labels"], batch["mask"])
    np.testing.assert_allclose(two, np.mean(one), rtol=1e-6)
    single = jax.jit(attention_loss)([batch["logits"]], batch["labels"], batch["mask"])
    np.testing.assert_allclose(single, one[0], rtol=1e-6)


def test_multiplicative_loss_is_its_formula_and_plain_log_loss_at_beta_zero(batch):
    p, y = batch["probabilities"], batch["labels"]
    for beta in (0.0, 2.0):
        expected = np.mean(-np.sum(p**beta * np.log(p), axis=1) * y)
        value = jax.jit(functools.partial(multiplicative_loss, beta=beta))(p, y, batch["mask"])
        np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_multiplicative_loss_needs_two_modalities(batch):
    with pytest.raises(ConfigError, match="two modalities"):
        multiplicative_loss(batch["probabilities"][:, :1], batch["labels"], batch["mask"], beta=1.0)
