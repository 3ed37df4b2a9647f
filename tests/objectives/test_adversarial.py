"""Losses of the Regression GAN: the golden numbers of affwild_gan spec 5.6."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax.errors import ConfigError
from emojax.objectives.adversarial import (
    discriminator_loss,
    generator_loss,
    huber,
    margin_loss,
    matching_loss,
    matching_weight,
)

ONE = jnp.ones(1)
REAL, FAKE = jnp.array([-2.0]), jnp.array([1.0])


def test_losses_are_those_that_the_specification_prints():
    assert float(discriminator_loss(REAL, FAKE, ONE, side="none")) == pytest.approx(0.4401896986, abs=1e-7)
    assert float(discriminator_loss(REAL, FAKE, ONE)) == pytest.approx(0.5401896986, abs=1e-7)
    assert float(generator_loss(FAKE, ONE)) == pytest.approx(1.3132616875, abs=1e-6)
    np.testing.assert_allclose(huber(jnp.array([0.5, -1.0, 2.0])), [0.125, 0.5, 1.5])
    weights = [float(matching_weight(jnp.int32(t), 10, 1500, 0, "anneal")) for t in (0, 750, 1500, 18_000)]
    assert weights == [10, 5, 0, 0]
    assert float(matching_weight(jnp.int32(9000), 50, 3000, 0.05, "anneal")) == pytest.approx(0.05)
    assert float(matching_weight(jnp.int32(9), 1, 1500, 0, "constant")) == 1


def test_margins_of_a_capsule_of_the_length_that_the_logit_says():
    length = jnp.array([0.95, 0.5, 0.05])
    logits = jnp.log((1 - length) / length)
    np.testing.assert_allclose(margin_loss(logits, real=True), [0, 0.16, 0.7225], atol=1e-6)
    np.testing.assert_allclose(margin_loss(logits, real=False), [0.36125, 0.08, 0], atol=1e-6)


def test_smoothing_on_the_real_side_moves_the_other_target():
    expected = np.log1p(np.exp(-2.0)) + 0.1 * 2 + np.log1p(np.exp(-1.0))
    assert float(discriminator_loss(REAL, FAKE, ONE, side="real")) == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ConfigError, match="fake, real, none"):
        discriminator_loss(REAL, FAKE, ONE, side="both")


def test_feature_matching_compares_means_and_pixel_matching_each_pair():
    real, fake = jnp.array([[0.0], [2.0]]), jnp.array([[2.0], [0.0]])
    mask = jnp.ones(2)
    assert float(matching_loss(real, fake, mask, "batch_mean")) == 0
    assert float(matching_loss(real, fake, mask)) == pytest.approx(1.5)


def test_padding_and_its_nan_count_in_no_term():
    mask = jnp.array([1.0, 0.0])
    spoilt = jnp.array([1.0, jnp.nan])
    for loss in (
        lambda x: discriminator_loss(jnp.array([-2.0, jnp.inf]), x, mask),
        lambda x: generator_loss(x, mask),
        lambda x: matching_loss(jnp.zeros((2, 1)), x[:, None], mask),
        lambda x: matching_loss(jnp.zeros((2, 1)), x[:, None], mask, "batch_mean"),
    ):
        value, grad = jax.value_and_grad(loss)(spoilt)
        assert np.isfinite(value) and np.isfinite(grad).all() and grad[1] == 0
