"""What cannot work is refused with one clear line before anything is compiled."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from emojax import systems
from emojax.errors import ConfigError, DataError
from emojax.models.gcn import dense_adjacency
from tests.configs.emotion_gcn_list import load


def build(name, *, recipe=None, statistics=None, **changes):
    config = load(name)
    config.update_from_flattened_dict({k.replace("__", "."): v for k, v in changes.items()})
    there = systems.stand_in(config)
    there = dataclasses.replace(there, **(recipe or {}))
    there = dataclasses.replace(there, statistics={**there.statistics, **(statistics or {})})
    system = systems.build(config, there)
    assert isinstance(system.constants, dict)  # a fresh run makes them before anything is compiled
    return system


def label_graph(system) -> np.ndarray:
    return dense_adjacency(system.constants["head"]["gcn"])


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("base7", {"model__head": "gnc"}, "config.model.head is 'gnc'; choose 'single'"),
        (
            "base7",
            {"objective__expression": "wce"},
            "config.objective.expression is 'wce'; choose 'none', 'weighted'",
        ),
        (
            "base7",
            {"objective__metric__name": "center"},
            "config.objective.metric.name is 'center'; choose .*'centre'",
        ),
        (
            "base7",
            {"objective__auxiliary": "ccc"},
            "'ccc' does not go with config.model.head 'single'.*'classic'",
        ),
        (
            "emotion_gcn",
            {"objective__auxiliary": "regions"},
            "'regions' does not go with config.model.head 'gcn'",
        ),
        ("mtl_mask", {"objective__auxiliary": "ccc"}, "'ccc' does not go with config.model.head 'mask'"),
        ("va_single", {"objective__expression": "weighted"}, "needs 'none': it gives no logits"),
        ("base7", {"objective__expression": "none"}, "needs a loss for its logits"),
        (
            "va_single",
            {"objective__soft": "soft"},
            "objective.soft is 'soft', but .* tells no expressions apart",
        ),
        ("va_single", {"svm__kernel": "linear"}, "svm.kernel is 'linear', but .* tells no expressions apart"),
        ("va_single", {"monitor": "accuracy"}, "does not measure; choose ccc_mean"),
        ("base7", {"monitor": "ccc_mean"}, "does not measure; choose accuracy"),
        ("mtl_eight_concat", {"objective__regions": 6}, "objective.regions is 6; choose 4, 8, 12"),
        ("soft_b5", {"objective__soft_bins": 7}, "objective.soft_bins is 7; choose 5, 10"),
        (
            "emotion_gcn",
            {"model__gcn__tau": 1.5},
            r"model.gcn.tau is 1.5; it must be a finite number of at least 0 and at most 1",
        ),
        (
            "emotion_gcn",
            {"model__gcn__p": -0.1},
            r"model.gcn.p is -0.1; it must be a finite number of at least 0 and at most 1",
        ),
        (
            "emotion_gcn",
            {"model__gcn__shuffle_seed": -1},
            "model.gcn.shuffle_seed is -1; it must be a whole number",
        ),
        ("emotion_gcn", {"model__gcn__layers": 4}, "model.gcn.layers is 4; choose 1, 2, 3"),
        (
            "emotion_gcn",
            {"model__propagation": "sparse"},
            "model.propagation is 'sparse'; choose 'dense', 'jraph'",
        ),
        ("emotion_gcn", {"model__gcn__tau": 0.2}, "tau 0.2 no edge reaches disgust"),
        ("emotion_gcn", {"model__gcn__category_file": "x.csv"}, "a file goes with the block 'file'"),
        ("emotion_gcn", {"model__gcn__category_block": "file"}, "a file goes with the block 'file'"),
        ("island_eucl_m2", {"objective__metric__lambda1": 0.1}, "throws the centres past the margin"),
        ("subclass_m_k10", {"objective__metric__lambda1": 1.0}, "the sub-centres diverge"),
        (
            "subclass_m_k10",
            {"objective__metric__sub_centres": 0},
            "sub_centres is 0; it must be a whole number of at least 1",
        ),
        (
            "center",
            {"objective__metric__alpha": 2.0},
            r"metric.alpha is 2.0; it must be a finite number of at least 0",
        ),
        ("base7", {"optimizer__schedule": "plateau"}, "'plateau' needs a validation loss"),
        ("base7", {"batch_size": 0}, "config.batch_size is 0; it must be a whole number of at least 1"),
        (
            "base7",
            {"eval_batch_size": 0},
            "config.eval_batch_size is 0; it must be a whole number of at least 1",
        ),
        ("base7", {"num_epochs": 0}, "config.num_epochs is 0; it must be a whole number of at least 1"),
    ],
)
def test_conflicting_or_unknown_options(name, changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        build(name, **changes)
    assert "\n" not in str(caught.value)


def test_an_isolated_node_may_be_allowed_and_is_named():
    system = build("emotion_gcn", model__gcn__tau=0.2, model__gcn__isolated_nodes=True)
    disgust = system.labels.classes.index("disgust")
    np.testing.assert_array_equal(label_graph(system)[disgust], np.eye(9)[disgust])
    assert any("no edge of the label graph reaches disgust:" in note for note in system.notes)


def test_data_prepared_with_another_alignment():
    with pytest.raises(ConfigError, match=r"align is 'rotate_crop', but .* --align none"):
        build("base7", recipe={"build": {"align": "none"}})
    build("base7", recipe={"build": {"align": "none"}}, align="")
    build("base8_r50", recipe={"build": {"align": "none"}})


def test_data_of_another_size():
    config = load("base7")
    recipe = systems.stand_in(config)
    config.image_size = 112
    with pytest.raises(ConfigError, match="prepared at 227 px"):
        systems.build(config, recipe)


def test_data_of_another_number_of_classes():
    config = load("base7")
    seven = systems.stand_in(config)
    config.num_classes = 6
    with pytest.raises(ConfigError, match="num_classes is 6; faces have 7"):
        systems.build(config, seven)
    config.num_classes = 7
    eight = systems.stand_in(load("base8_dn_full"))
    with pytest.raises(DataError, match=r"classes differ.*contempt"):
        systems.build(config, eight)


@pytest.mark.parametrize(
    ("name", "feature", "message"),
    [
        ("eight_agesampler", "age", "sampler is 'age', but the records .* hold no 'age'. Prepare .* --ages"),
        (
            "mtl_mask",
            "face_mask",
            "head is 'mask', but the records .* hold no 'face_mask'. Prepare .* --masks",
        ),
    ],
)
def test_a_missing_feature(name, feature, message):
    features = dict(systems.stand_in(load(name)).features)
    del features[feature]
    with pytest.raises(DataError, match=message):
        build(name, recipe={"features": features})
    build("base7", recipe={"features": features})  # a system that does without


def test_a_class_without_training_samples():
    with pytest.raises(DataError, match="no training record of fear, anger"):
        build("base7", statistics={"counts": [5, 5, 5, 5, 0, 5, 0]})


def test_a_region_without_training_samples_counts_as_the_rarest():
    from emojax.systems.faces.objective import _region_counts

    counts = _region_counts({"sector_counts": {"4": [7, 0, 3, 9]}}, 4)
    assert counts.tolist() == [7, 3, 3, 9]


@pytest.mark.parametrize("content", [None, "a,b\n", "1,2\n3,4\n"])
def test_a_file_of_edges_between_expressions_that_cannot_be_used(tmp_path, content):
    file = tmp_path / "block.csv"
    if content is not None:
        file.write_text(content)
    with pytest.raises(DataError, match=r"category_file|block between expressions"):
        build("emotion_gcn_condprob", model__gcn__category_block="file", model__gcn__category_file=str(file))


def test_edges_between_expressions_from_a_file_and_from_correlations(tmp_path):
    file = tmp_path / "block.csv"
    np.savetxt(file, np.full((7, 7), 0.05) + 0.5 * np.eye(7, k=1), delimiter=",")
    options = {"model__gcn__category_block": "file", "model__gcn__category_file": str(file)}
    matrix = label_graph(build("emotion_gcn_condprob", **options))
    assert [np.flatnonzero(row[:7]).tolist() for row in matrix[:7]] == [[i, i + 1] for i in range(6)] + [[6]]
    matrix = label_graph(build("emotion_gcn_condprob", model__gcn__category_block="spearman"))
    assert matrix[0, 1] > 0 and matrix[4, 5] == 0  # |phi| 0.57 and 0.02


def test_the_start_from_imagenet_is_pointed_out_where_the_published_number_has_it():
    assert any("ImageNet" in note for note in build("base7").notes)
    assert not any("ImageNet" in note for note in build("base8_r50_w").notes)
