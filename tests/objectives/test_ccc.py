import jax.numpy as jnp
import numpy as np
import pytest

from emojax.objectives.ccc import ccc_loss, concordance_correlation_coefficient
from tests.objectives.helpers import jit_value_and_grad

X, Y = np.float32([0.1, 0.4, -0.2, 0.8]), np.float32([0, 0.5, -0.3, 0.6])


@pytest.mark.parametrize(("parity", "golden"), [(False, 0.936937), (True, 0.706282)])
def test_golden_values(parity, golden):
    ccc = concordance_correlation_coefficient(X, Y, jnp.ones(4), bias_parity=parity)
    assert float(ccc) == pytest.approx(golden, abs=1e-6)


def test_perfect_agreement_is_one_and_34_of_35_with_the_public_mix():
    x = np.random.default_rng(0).uniform(-1, 1, 35).astype(np.float32)
    assert float(concordance_correlation_coefficient(x, x, jnp.ones(35))) == pytest.approx(1, abs=1e-6)
    mixed = concordance_correlation_coefficient(x, x, jnp.ones(35), bias_parity=True)
    assert float(mixed) == pytest.approx(34 / 35, abs=1e-6)


def test_loss_is_one_minus_the_mean_of_both_dimensions():
    predicted, truth = np.stack([X, Y], 1), np.stack([Y, Y], 1)
    assert float(ccc_loss(predicted, truth, jnp.ones(4))) == pytest.approx(1 - (0.936937 + 1) / 2, abs=1e-6)


def test_value_is_the_formula_by_loops():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-1, 1, (2, 9))
    mx, my = sum(x) / 9, sum(y) / 9
    s_xy = sum((a - mx) * (b - my) for a, b in zip(x, y)) / 9
    s_x, s_y = sum((a - mx) ** 2 for a in x) / 9, sum((b - my) ** 2 for b in y) / 9
    expected = 2 * s_xy / (s_x + s_y + (mx - my) ** 2)
    ccc = concordance_correlation_coefficient(jnp.array(x), jnp.array(y), jnp.ones(9))
    assert float(ccc) == pytest.approx(expected, abs=1e-6)


def test_a_large_common_offset_does_not_lose_the_variance():
    rng = np.random.default_rng(2)
    x = rng.uniform(-0.01, 0.01, 64)
    y = x + rng.uniform(-0.002, 0.002, 64)
    exact = 2 * np.mean((x - x.mean()) * (y - y.mean())) / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    shifted = concordance_correlation_coefficient(np.float32(x + 8), np.float32(y + 8), jnp.ones(64))
    assert float(shifted) == pytest.approx(exact, abs=2e-3)


@pytest.mark.parametrize("parity", [False, True])
def test_constant_and_single_inputs_have_finite_value_and_gradient(parity):
    for x, y, mask in [
        (X * 0 + 0.3, X * 0 + 0.3, X * 0 + 1),
        (X, Y, np.float32([1, 0, 0, 0])),
        (X, Y, X * 0),
    ]:
        f = jit_value_and_grad(lambda p, t=y, m=mask: ccc_loss(p[:, None], t[:, None], m, bias_parity=parity))
        value, gradient = f(jnp.array(x))
        assert np.isfinite(value) and np.isfinite(gradient).all()
