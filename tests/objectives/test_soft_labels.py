import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax.errors import ConfigError
from emojax.objectives.soft_labels import logit_loss, soft_label_table, soft_labels, soft_loss
from tests.objectives.helpers import float32, make_batch


def softmax(s):
    e = np.exp(s - s.max())
    return e / e.sum()


def test_table_is_the_share_of_classes_in_each_bin_and_the_prior_where_empty():
    histogram = np.zeros((2, 2, 3), int)
    histogram[0, 0] = [3, 1, 0]
    histogram[1, 0] = [0, 0, 4]
    table = soft_label_table(histogram)
    np.testing.assert_allclose(table[0, 0], [0.75, 0.25, 0])
    np.testing.assert_allclose(table[1, 1], [3 / 8, 1 / 8, 4 / 8])
    np.testing.assert_allclose(table.sum(axis=-1), 1, rtol=1e-6)


def test_a_sample_gets_the_row_of_its_bin():
    table = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    labels = jax.jit(soft_labels)(table, jnp.array([-0.5, 0.5, 1.0]), jnp.array([0.5, -0.5, 1.0]))
    np.testing.assert_array_equal(labels, [table[0, 1], table[1, 0], table[1, 1]])


def test_values_are_the_formulas_by_loops():
    batch = float32(make_batch())
    args = batch["logits"], batch["soft"], batch["mask"]
    rows = list(zip(batch["logits"], batch["soft"]))
    soft = np.mean([-sum(t * np.log(p) for t, p in zip(target, softmax(s))) for s, target in rows])
    prob = np.mean([0.5 * sum((softmax(s) - t) ** 2) for s, t in rows])
    raw = np.mean([0.5 * sum((s - t) ** 2) for s, t in rows])
    assert float(soft_loss(*args)) == pytest.approx(soft, rel=1e-5)
    assert float(logit_loss(*args)) == pytest.approx(prob, rel=1e-5)
    assert float(logit_loss(*args, on="logits")) == pytest.approx(raw, rel=1e-5)


def test_a_class_that_never_occurs_in_a_bin_costs_nothing_however_unlikely():
    value = soft_loss(jnp.array([[0.0, -1e5]]), jnp.array([[1.0, 0.0]]), jnp.ones(1))
    assert float(value) == 0


def test_unknown_comparison_is_refused():
    with pytest.raises(ConfigError, match="odds"):
        logit_loss(jnp.ones((1, 2)), jnp.ones((1, 2)), jnp.ones(1), on="odds")
