"""Each family of objectives really trains, and beats what can be had without looking at the picture."""

from __future__ import annotations

import numpy as np
import pytest

from emojax.objectives.class_weights import expression_sampler_weights
from tests.systems.tiny import BATCH, TinyRun, draw, tiny_config, use_tiny_backbone

CHANCE = 1 / 7
STEPS = 60


@pytest.fixture(autouse=True)
def tiny_backbone(monkeypatch):
    use_tiny_backbone(monkeypatch)


@pytest.fixture(scope="module")
def splits():
    return draw([60, 90, 40, 30, 20, 20, 40]), draw([12] * 7, seed=1)


def trained(spec, splits, steps=STEPS, rows=BATCH, **changes):
    run = TinyRun(tiny_config(f"configs/{spec}", **changes), splits[0]).train(steps, rows=rows)
    return run, run.measure(splits[1])


@pytest.mark.parametrize(
    "spec",
    [
        "affectnet_baseline.py:base7",
        "affectnet_soft.py:soft_b5",
        "affectnet_soft.py:logit_b10",
        "affectnet_metric.py:center",
        "affectnet_metric.py:center_local",
        "affectnet_metric.py:island",
        "affectnet_metric.py:island_eucl_m2",
        "affectnet_metric.py:subclass_m_k3",
        "affectnet_metric.py:va_center",
        "affectnet_metric.py:contrastive",
    ],
)
def test_expression_losses_and_metric_terms_beat_chance(spec, splits):
    run, metrics = trained(spec, splits)
    assert metrics["mean_class_accuracy"] > 3 * CHANCE
    assert np.isfinite(run.logs["loss"])


def assert_learned_both_tasks(metrics):
    assert metrics["mean_class_accuracy"] > 3 * CHANCE
    assert metrics["ccc_valence"] > 0.5 and metrics["ccc_arousal"] > 0.5  # a constant has CCC 0


@pytest.mark.parametrize("name", ["mtl_ccc_concat", "mtl_mse_classic"])
def test_two_tasks_beat_chance_and_the_mean_of_the_training_values(name, splits):
    assert_learned_both_tasks(trained(f"affectnet_multitask.py:{name}", splits)[1])


def test_emotion_gcn_beats_chance_and_the_mean_of_the_training_values(splits):
    # The head has no bias and its vectors move together: at ten times this rate valence and arousal never settle.
    slow = {"optimizer__learning_rate": 0.0005}
    _, metrics = trained("affectnet_breg.py:breg_emotion_gcn", splits, 120, rows=2 * BATCH, **slow)
    assert_learned_both_tasks(metrics)


def test_the_network_of_valence_and_arousal_alone_beats_the_mean(splits):
    _, metrics = trained("affectnet_baseline.py:va_single", splits)
    assert metrics["ccc_mean"] > 0.5
    assert "accuracy" not in metrics


@pytest.mark.parametrize(
    ("spec", "regions"),
    [
        ("affectnet_multitask.py:eight_focal_focal", 8),
        ("affectnet_multitask.py:mtl_half_bce", 2),
        ("affectnet_multitask.py:mtl_half_mse", 2),
    ],
)
def test_region_tasks_beat_the_commonest_region(spec, regions, splits):
    from emojax.graphs.va_plane import sector_labels

    _, metrics = trained(spec, splits)
    truth = sector_labels(splits[1]["valence"], splits[1]["arousal"], regions)
    assert metrics["region_accuracy"] > 1.3 * np.bincount(truth).max() / len(truth)
    assert metrics["mean_class_accuracy"] > 3 * CHANCE


def test_the_mask_task_beats_a_full_mask_under_flips_and_rotations(splits):
    run, metrics = trained("affectnet_multitask.py:mtl_mask", splits, 40, rows=14, augment="code")
    everything = splits[1]["face_mask"].mean()  # IoU of the mask that is 1 everywhere
    assert metrics["mask_iou"] > 1.5 * everything
    assert run.predict(splits[1])["face_mask"].shape[1:] == (32, 32)


def test_weights_and_a_sampler_help_the_rare_classes():
    """Weighted CE, and classes drawn evenly, beat plain CE on the mean class accuracy of imbalanced data."""
    train, balanced = draw([150, 270, 50, 30, 14, 14, 50], noise=160), draw([40] * 7, noise=160, seed=1)
    spec = "configs/affectnet_baseline.py:base7"
    plain = TinyRun(tiny_config(spec, objective__expression="unweighted"), train).train(STEPS)
    weighted = TinyRun(tiny_config(spec), train).train(STEPS)
    weights = expression_sampler_weights(train["label"], 7)
    evenly = TinyRun(tiny_config(spec, objective__expression="unweighted"), train).train(
        STEPS, weights=weights
    )
    score = {
        name: run.measure(balanced)["mean_class_accuracy"]
        for name, run in {"plain": plain, "weighted": weighted, "evenly": evenly}.items()
    }
    assert score["weighted"] > score["plain"] + 0.03, score
    assert score["evenly"] > score["plain"] + 0.03, score
