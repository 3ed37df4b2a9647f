import jax.numpy as jnp
import numpy as np
import pytest

from emojax.objectives.face_mask import face_mask_loss
from emojax.objectives.regions import half_cross_entropy, half_squared_error
from emojax.objectives.regression import squared_error_loss
from tests.objectives.helpers import float32, jit_value_and_grad, make_batch


def sigmoid(x):
    return 1 / (1 + np.exp(-np.float64(x)))


def test_half_losses_are_the_formulas_by_loops():
    batch = float32(make_batch())
    args = batch["g"], batch["half"], batch["mask"]
    pairs = list(zip(batch["g"][:, 0], batch["half"]))
    squared = np.mean([(sigmoid(g) - h) ** 2 for g, h in pairs])
    entropy = np.mean([-np.log(sigmoid(g) if h else 1 - sigmoid(g)) for g, h in pairs])
    assert float(half_squared_error(*args)) == pytest.approx(squared, rel=1e-5)
    assert float(half_cross_entropy(*args)) == pytest.approx(entropy, rel=1e-5)


def test_squared_error_is_half_the_sum_over_dimensions():
    batch = float32(make_batch())
    errors = [
        0.5 * (p[0] - t[0]) ** 2 + 0.5 * (p[1] - t[1]) ** 2
        for p, t in zip(batch["predicted_va"], batch["va"])
    ]
    value = squared_error_loss(batch["predicted_va"], batch["va"], batch["mask"])
    assert float(value) == pytest.approx(np.mean(errors), rel=1e-5)


def test_mask_loss_is_the_mean_over_pixels_and_images():
    batch = float32(make_batch())
    total = 0
    for logits, truth in zip(batch["mask_logits"], batch["face_mask"]):
        for row in range(3):
            for column in range(3):
                p = sigmoid(logits[row, column, 0])
                total += -np.log(p if truth[row, column] else 1 - p)
    value = face_mask_loss(batch["mask_logits"], batch["face_mask"], batch["mask"])
    assert float(value) == pytest.approx(total / (len(batch["mask"]) * 9), rel=1e-5)


@pytest.mark.parametrize("g", [-1e4, 1e4])
def test_certain_and_wrong_halves_stay_finite(g):
    for loss in (half_cross_entropy, half_squared_error):
        value, gradient = jit_value_and_grad(loss)(jnp.array([[g]]), jnp.array([int(g < 0)]), jnp.ones(1))
        assert np.isfinite(value) and np.isfinite(gradient).all()
