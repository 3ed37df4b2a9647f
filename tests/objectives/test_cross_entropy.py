import jax.numpy as jnp
import numpy as np
import optax
import pytest

from emojax.errors import ConfigError
from emojax.graphs.affectnet import AFFECTNET_TRAIN_COUNTS
from emojax.objectives.class_weights import inverse_frequency_weights
from emojax.objectives.cross_entropy import cross_entropy
from tests.objectives.helpers import C, float32, jit_value_and_grad, make_batch

WEIGHTS = np.float32([0.5, 0.1, 1, 0.25, 0.05])


def slow(batch, weights, reduction):
    total, weight_sum = 0.0, 0.0
    for logits, y in zip(batch["logits"], batch["labels"]):
        nll = np.log(np.exp(logits).sum()) - logits[y]
        total += weights[y] * nll
        weight_sum += weights[y]
    return total / (weight_sum if reduction == "weighted_mean" else len(batch["labels"]))


@pytest.mark.parametrize("reduction", ["weighted_mean", "mean"])
def test_value_is_the_weighted_sum_over_samples(reduction):
    batch = float32(make_batch())
    args = batch["logits"], batch["labels"], batch["mask"]
    value = cross_entropy(*args, class_weights=WEIGHTS, reduction=reduction)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(slow(batch, WEIGHTS, reduction), rel=1e-5)


def test_plain_cross_entropy_is_optax_mean():
    batch = float32(make_batch())
    expected = optax.softmax_cross_entropy_with_integer_labels(batch["logits"], batch["labels"]).mean()
    np.testing.assert_allclose(
        cross_entropy(batch["logits"], batch["labels"], batch["mask"]), expected, rtol=1e-6
    )


def test_on_affectnet_the_plain_mean_is_ten_times_smaller():
    counts = np.array(AFFECTNET_TRAIN_COUNTS[:7])
    weights = inverse_frequency_weights(counts)
    assert weights @ (counts / counts.sum()) == pytest.approx(0.093769, abs=5e-7)
    labels = np.repeat(np.arange(7), np.round(counts / 1000).astype(int))
    logits, mask = np.zeros((len(labels), 7), np.float32), np.ones(len(labels), np.float32)
    mean = cross_entropy(logits, labels, mask, class_weights=weights, reduction="mean")
    weighted = cross_entropy(logits, labels, mask, class_weights=weights)
    assert float(weighted / mean) == pytest.approx(1 / 0.0938, rel=0.02)


def test_huge_logits_stay_finite():
    logits, labels, mask = jnp.array([[1e4, -1e4, 0.0]]), jnp.array([1]), jnp.ones(1)
    value, gradient = jit_value_and_grad(cross_entropy)(logits, labels, mask)
    assert float(value) == 2e4
    np.testing.assert_allclose(gradient, [[1, -1, 0]])


def test_a_batch_of_padding_only_costs_nothing():
    value, gradient = jit_value_and_grad(cross_entropy)(jnp.ones((3, C)), jnp.zeros(3, int), jnp.zeros(3))
    assert float(value) == 0 and (gradient == 0).all()


def test_unknown_reduction_is_refused():
    with pytest.raises(ConfigError, match="median"):
        cross_entropy(jnp.ones((1, 2)), jnp.zeros(1, int), jnp.ones(1), reduction="median")
