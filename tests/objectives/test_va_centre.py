import functools

import numpy as np
import pytest

from emojax.errors import ConfigError
from emojax.objectives.va_centre import typicality_weights, va_centre_local_loss
from tests.objectives.helpers import C, float32, jit_grad, make_batch


@pytest.fixture
def batch():
    return float32(make_batch())


def weights_of(offset, use="both"):
    means = np.zeros((1, 2), np.float32)
    va, labels, mask = np.float32([offset]), np.zeros(1, np.int32), np.ones(1, np.float32)
    return float(typicality_weights(va, labels, mask, num_classes=1, use=use, class_mean_va=means)[0])


@pytest.mark.parametrize(
    ("offset", "use", "weight"),
    [
        ((0.1, 0.1), "both", 1.805),
        ((0, 0), "both", 2),
        ((2, 2), "both", 0),
        ((0, 0.7), "valence", 1),
        ((2, 0), "valence", 0),
        ((1, 0.5), "arousal", 0.5625),
    ],
)
def test_golden_weights(offset, use, weight):
    assert weights_of(offset, use) == pytest.approx(weight, abs=1e-6)


def slow(batch, columns, means=None):
    d_max, total = 2 * np.sqrt(len(columns)), 0
    for x, y, point in zip(batch["features"], batch["labels"], batch["va"]):
        same = batch["labels"] == y
        mean = batch["va"][same].mean(axis=0) if means is None else means[y]
        d = np.linalg.norm((point - mean)[columns])
        total += 0.5 * (d_max - d) ** 2 / 4 * np.sum((x - batch["features"][same].mean(axis=0)) ** 2)
    return total / len(batch["labels"])


@pytest.mark.parametrize(("use", "columns"), [("both", [0, 1]), ("valence", [0]), ("arousal", [1])])
@pytest.mark.parametrize("of_training_set", [False, True])
def test_value_by_loops(batch, use, columns, of_training_set):
    means = (
        np.random.default_rng(3).uniform(-0.5, 0.5, (C, 2)).astype(np.float32) if of_training_set else None
    )
    value = va_centre_local_loss(
        batch["features"],
        batch["labels"],
        batch["va"],
        batch["mask"],
        num_classes=C,
        use=use,
        class_mean_va=means,
    )
    assert float(value) == pytest.approx(slow(batch, columns, means), rel=1e-5)


def test_gradient_is_the_weight_times_the_offset_from_the_constant_mean(batch):
    labels, va, mask = batch["labels"], batch["va"], batch["mask"]
    weights = np.asarray(typicality_weights(va, labels, mask, num_classes=C))
    offset = [x - batch["features"][labels == y].mean(axis=0) for x, y in zip(batch["features"], labels)]
    expected = weights[:, None] * np.array(offset) / len(labels)
    loss = functools.partial(va_centre_local_loss, num_classes=C)
    np.testing.assert_allclose(jit_grad(loss)(batch["features"], labels, va, mask), expected, atol=1e-6)


def test_unknown_use_is_refused(batch):
    with pytest.raises(ConfigError, match="dominance"):
        typicality_weights(batch["va"], batch["labels"], batch["mask"], num_classes=C, use="dominance")
