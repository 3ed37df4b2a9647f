import jax.numpy as jnp
import numpy as np
import pytest

from emojax.objectives.cross_entropy import cross_entropy
from emojax.objectives.focal import focal_loss
from tests.objectives.helpers import float32, jit_value_and_grad, make_batch

WEIGHTS = np.float32([0.5, 0.1, 1, 0.25, 0.05])


def logits_of(p_true):
    return jnp.array([[np.log(p_true), np.log(1 - p_true)]], jnp.float32)


@pytest.mark.parametrize(
    ("p", "gamma", "ratio"), [(0.9, 2, 0.01), (0.5, 2, 0.25), (0.968, 2, 0.001024), (0.7, 0, 1)]
)
def test_ratio_to_cross_entropy_is_the_published_one(p, gamma, ratio):
    args = logits_of(p), jnp.zeros(1, int), jnp.ones(1)
    assert float(focal_loss(*args, gamma=gamma) / cross_entropy(*args)) == pytest.approx(ratio, rel=1e-4)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_gamma_zero_is_cross_entropy(weights):
    batch = float32(make_batch())
    args = batch["logits"], batch["labels"], batch["mask"]
    focal = focal_loss(*args, gamma=0, class_weights=weights)
    np.testing.assert_allclose(focal, cross_entropy(*args, class_weights=weights), rtol=1e-6)


def test_value_is_the_formula_by_loops():
    batch = float32(make_batch())
    total, alphas = 0, 0
    for s, y in zip(np.float64(batch["logits"]), batch["labels"]):
        p = np.exp(s[y]) / np.exp(s).sum()
        total += -WEIGHTS[y] * (1 - p) ** 1.5 * np.log(p)
        alphas += WEIGHTS[y]
    value = focal_loss(batch["logits"], batch["labels"], batch["mask"], gamma=1.5, class_weights=WEIGHTS)
    assert float(value) == pytest.approx(total / alphas, rel=1e-5)


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2, 5])
@pytest.mark.parametrize("confidence", [0.0, 50.0, 500.0, -500.0])
def test_certain_predictions_keep_value_and_gradient_finite(gamma, confidence):
    logits = jnp.array([[confidence, 0.0]])
    f = jit_value_and_grad(lambda s: focal_loss(s, jnp.zeros(1, int), jnp.ones(1), gamma=gamma))
    value, gradient = f(logits)
    assert np.isfinite(value) and np.isfinite(gradient).all()


def test_nearly_certain_predictions_do_not_cancel():
    # 1 - p in float32 is 0 for a margin of 18; the exact loss is close to exp(-18)^3.
    value = focal_loss(jnp.array([[18.0, 0.0]]), jnp.zeros(1, int), jnp.ones(1), gamma=2)
    assert float(value) == pytest.approx(np.exp(-18.0) ** 3, rel=1e-2)
