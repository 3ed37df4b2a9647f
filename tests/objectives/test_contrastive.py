import jax.numpy as jnp
import numpy as np
import pytest

from emojax.objectives.contrastive import contrastive_loss
from tests.objectives.helpers import float32, jit_grad, make_batch


def slow(features, labels, margin):
    positive, negative = [], []
    for i in range(len(labels)):
        for j in range(i + 1, len(labels)):
            d = np.linalg.norm(np.float64(features[i]) - features[j])
            if labels[i] == labels[j]:
                positive.append(d**2)
            else:
                negative.append(max(0, margin - d) ** 2)
    return sum(positive) / (2 * max(len(positive), 1)), sum(negative) / (2 * max(len(negative), 1))


@pytest.mark.parametrize("margin", [2.0, 5.0])
def test_terms_by_loops_alone_and_together(margin):
    batch = float32(make_batch())
    args = batch["features"], batch["labels"], batch["mask"]
    positive, negative = slow(batch["features"], batch["labels"], margin)
    one = contrastive_loss(*args, margin=margin, negative=False)
    other = contrastive_loss(*args, margin=margin, positive=False)
    assert float(one) == pytest.approx(positive, rel=1e-5)
    assert float(other) == pytest.approx(negative, rel=1e-5)
    assert float(contrastive_loss(*args, margin=margin)) == pytest.approx(positive + negative, rel=1e-5)


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]])
def test_a_batch_without_positive_or_negative_pairs_is_finite(labels):
    features = jnp.array([[0.0, 0], [1, 0], [0, 2]])
    value = contrastive_loss(features, jnp.array(labels), jnp.ones(3))
    assert float(value) == pytest.approx(sum(slow(features, labels, 5.0)), rel=1e-5)


@pytest.mark.parametrize("labels", [[0, 0], [0, 1]])
def test_equal_features_have_a_finite_gradient(labels):
    features = 30 * jnp.ones((2, 64))
    gradient = jit_grad(contrastive_loss)(features, jnp.array(labels), jnp.ones(2))
    assert (gradient == 0).all()


def test_features_almost_equal_do_not_drown_in_rounding():
    features = 30 * np.ones((2, 1024), np.float32)
    features[1, 0] += 1e-3
    gradient = jit_grad(contrastive_loss)(jnp.array(features), jnp.array([0, 1]), jnp.ones(2))
    distance = features[1, 0] - features[0, 0]
    np.testing.assert_allclose(gradient[0, 0], 5 - distance, rtol=1e-4)
    assert np.abs(gradient[:, 1:]).max() == 0
