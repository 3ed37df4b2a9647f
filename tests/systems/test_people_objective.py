"""Which losses the configs of people in context name, and that a split is measured as it is trained on."""

from __future__ import annotations

import numpy as np
import pytest

from configs.emotic import get_config
from emojax.objectives.multilabel import rarity_weights
from emojax.systems.people.objective import dimension_values, loss_dimensions, objective, split_losses

N, C, D = 10, 26, 3
COUNTS = np.arange(1, C + 1)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    outputs = {"logits": rng.normal(size=(N, C)), "dimensions": 10 * rng.uniform(size=(N, D))}
    truth = {"categories": (rng.uniform(size=(N, C)) < 0.3).astype(float), "vad": rng.uniform(size=(N, D))}
    return outputs, truth


def parts(config, arrays):
    outputs, truth = arrays
    total, found = objective(config, outputs, truth | {"mask": np.ones(len(truth["vad"]))}, COUNTS)
    return {"loss": float(total), **{k: float(v) for k, v in found.items()}}


@pytest.mark.parametrize("system", ["emotic_kosti_b_sl1", "emotic_kosti_bc_sl1"])
def test_smooth_l1_of_the_quoted_baselines_sums_over_three_dimensions(system, arrays):
    config = get_config(system)
    summed = parts(config, arrays)["loss_dimensions"]
    error = np.abs(arrays[0]["dimensions"] - 10 * arrays[1]["vad"])
    expected = np.where(error < 1, error**2 / 2, error - 0.5).sum(axis=1).mean()
    assert summed == pytest.approx(expected, rel=1e-5)
    config.objective.dimensions = "smooth_l1"
    assert parts(config, arrays)["loss_dimensions"] == pytest.approx(summed / 3, rel=1e-5)
    assert get_config("emotic_bc_r18").objective.dimensions == "smooth_l1"


def test_quoted_baselines_weigh_labels_by_their_counts_in_the_batch_unless_told_otherwise(arrays):
    config = get_config("emotic_kosti_bc_l2")
    assert config.objective.label_weights == "counts"
    found = arrays[1]["categories"].sum(axis=0)
    weights = {
        "counts": rarity_weights(found),
        "shares": rarity_weights(found / N),
        "static": rarity_weights(COUNTS),
        "mean": np.full(C, 1 / C),
    }
    errors = (arrays[0]["logits"] - arrays[1]["categories"]) ** 2
    for name, weight in weights.items():
        config.objective.label_weights = name
        expected = (errors * np.asarray(weight)).sum(axis=1).mean()
        assert parts(config, arrays)["loss_categories"] == pytest.approx(expected, rel=1e-5), name


def test_the_loss_of_a_split_is_the_mean_over_batches_as_in_training(arrays):
    config = get_config("emotic_kosti_bc_l2")
    config.batch_size = 4
    batches = [
        parts(config, [{k: v[rows] for k, v in a.items()} for a in arrays])
        for rows in (slice(0, 4), slice(4, 8), slice(8, 10))
    ]
    found = split_losses(config, *arrays, COUNTS)
    assert found.keys() == batches[0].keys()
    for name, value in found.items():
        assert value == pytest.approx(np.average([b[name] for b in batches], weights=(4, 4, 2)), rel=1e-5)
    plain = get_config("emotic_bc_r18")
    plain.batch_size = 4
    assert split_losses(plain, *arrays, COUNTS) == pytest.approx(parts(plain, arrays), rel=1e-5)


def test_outputs_of_the_network_are_brought_to_the_scale_of_the_truth():
    raw = np.array([[2.0, 5.0, 9.0]])
    scaled, unit = get_config("emotic_kosti_bc_sl1"), get_config("emotic_kosti_bc_public")
    np.testing.assert_allclose(dimension_values(scaled, raw), raw / 10)
    np.testing.assert_allclose(dimension_values(unit, raw / 10), raw / 10)
    np.testing.assert_array_equal(loss_dimensions(scaled, raw), raw)
    np.testing.assert_allclose(loss_dimensions(unit, raw / 10), raw)
