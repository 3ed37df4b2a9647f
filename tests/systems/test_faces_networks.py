"""All systems of spec emotion_gcn 9 at full size, from shapes alone: parameters and outputs."""

from __future__ import annotations

import itertools
import json

import jax
import numpy as np
import pytest

from emojax import systems
from emojax.graphs.label_graph import shuffle_nodes
from emojax.models.gcn import dense_adjacency
from tests.configs.emotion_gcn_list import SYSTEMS, load
from tests.systems.tiny import zeros_batch

DENSENET, RESNET, BREG = 6_953_856, 23_508_032, 3_071_664  # spec 2.1, 2.3, 2.4
WORD_VECTOR = 300


def dense(inputs, outputs):
    return inputs * outputs + outputs


def classic(d, aux):
    return dense(d, 7) + dense(d, aux)


def concat(d, aux):
    return dense(d, aux) + dense(d + aux, 7)


def separate(d, aux):
    return 2 * dense(d, d) + classic(d, aux)


def gcn(d, *hidden):
    widths = (WORD_VECTOR, *hidden, d)
    return sum(a * b for a, b in itertools.pairwise(widths))


def mask(d):
    convolutions = sum(9 * a * b + 2 * b for a, b in ((d, 256), (256, 128), (128, 64)))  # with batch norm
    return dense(d, 7) + convolutions + dense(64, 1)


# Heads of spec 2.5 in the systems of spec 9: name -> parameters above the backbone.
_HEADS = {
    "mtl_mse_classic": classic(1024, 2),
    "mtl_mse_concat": concat(1024, 2),
    "mtl_ccc_classic": classic(1024, 2),
    "mtl_ccc_concat": concat(1024, 2),
    "mtl_ccc_separate": separate(1024, 2),
    "mtl_half_mse": concat(1024, 1),
    "mtl_half_bce": concat(1024, 1),
    "mtl_quarter_classic": classic(1024, 4),
    "mtl_quarter_concat": concat(1024, 4),
    "mtl_eight_classic": classic(1024, 8),
    "mtl_eight_concat": concat(1024, 8),
    "mtl_eight_separate": separate(1024, 8),
    "mtl_twelve_concat": concat(1024, 12),
    "mtl_mask": mask(1024),
    "svm_eight_island": classic(1024, 8),
    "svm_eight_subclass_k5": concat(1024, 8),
    "svm_ccc_island": classic(1024, 2),
    "svm_ccc_subclass_k5": classic(1024, 2),
    "va_single": dense(1024, 2),
    "aw2_va_single": dense(1024, 2),
    "aw2_mtl_mse": classic(1024, 2),
    "aw2_mtl_ccc": classic(1024, 2),
    "aw2_emotion_gcn": gcn(1024, 512),
    "breg_single": dense(128, 7),
    "breg_mtl_ccc": classic(128, 2),
    "breg_emotion_gcn": gcn(128, 512),
}


def expected_parameters(name):
    if name.startswith("base8"):
        width, backbone = (2048, RESNET) if "r50" in name else (1024, DENSENET)
        return backbone + dense(width, 8)
    backbone = BREG if name.startswith("breg") else DENSENET
    if name in _HEADS:
        return backbone + _HEADS[name]
    if name.startswith("emotion_gcn"):
        return backbone + gcn(1024, 512)
    for prefix, width in (("eight", 8), ("ccc", 2)):
        if name.startswith(f"{prefix}_"):
            fusions = {"classic": classic, "separate": separate}
            return backbone + fusions.get(name.rsplit("_")[-1], concat)(1024, width)
    return backbone + dense(1024, 7)


def expected_outputs(name, config):
    """Shapes for a batch of 2."""
    shapes = {"embedding": (2, {"resnet50": 2048, "breg_next50": 128}.get(config.model.backbone, 1024))}
    if not name.endswith("va_single"):
        shapes["probabilities"] = (2, 8 if name.startswith("base8") else 7)
    if any(part in name for part in ("gcn", "ccc", "mtl_mse", "va_single")):
        shapes["valence_arousal"] = (2, 2)
    for part, regions in {"eight": 8, "quarter": 4, "twelve": 12, "half": 2}.items():
        if part in name:
            shapes["region_probabilities"] = (2, regions)
    if name == "mtl_mask":
        shapes |= {"face_mask": (2, 56, 56), "mask_overlap": (2, 2)}
    return shapes


def network_key(config):
    """What decides the network: systems that agree here are traced once."""
    objective = config.objective
    return json.dumps(
        [
            config.model.to_dict(),
            config.image_size,
            config.num_classes,
            objective.auxiliary,
            objective.regions,
        ]
    )


_TRACED: dict[str, tuple] = {}


def abstract(config):
    """Shapes of the parameters and of the predictions for a batch of 2."""
    key = network_key(config)
    if key not in _TRACED:
        system = systems.build(config, systems.stand_in(config))

        def init_and_predict(rng, batch):
            variables = system.init(rng)
            return variables["params"], system.predict(variables, batch)

        _TRACED[key] = jax.eval_shape(init_and_predict, jax.random.key(0), zeros_batch(system))
    return _TRACED[key]


def count(tree):
    return sum(x.size for x in jax.tree.leaves(tree))


@pytest.mark.parametrize("name", [n for n in SYSTEMS if n != "karate_demo"])
def test_the_full_size_network_has_the_parameters_and_outputs_of_the_spec(name):
    config = load(name)
    if config.model.head == "gcn":
        config.model.gcn.embedding = "random"  # 300-d, as the thesis's word vectors
    params, outputs = abstract(config)
    assert count(params) == expected_parameters(name)
    assert {k: v.shape for k, v in outputs.items()} == expected_outputs(name, config)


@pytest.mark.parametrize(
    ("layers", "parameters"), [(1, gcn(1024)), (2, gcn(1024, 512)), (3, gcn(1024, 512, 512))]
)
def test_gcn_depths_have_the_widths_of_the_spec(layers, parameters):
    config = load("emotion_gcn")
    config.model.gcn.embedding, config.model.gcn.layers = "random", layers
    system = systems.build(config, systems.stand_in(config))
    assert count(jax.eval_shape(system.init, jax.random.key(0))["params"]["head"]) == parameters


def test_the_parameter_counts_of_spec_2_1():
    assert expected_parameters("base7") == 6_961_031
    assert expected_parameters("mtl_ccc_classic") == 6_963_081
    assert expected_parameters("emotion_gcn") == 7_631_744
    assert expected_parameters("breg_single") == 3_072_567


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("center", (7, 1024)),
        ("island", (7, 1024)),
        ("island_eucl_m5", (7, 1024)),
        ("subclass_m_k10", (7, 10, 1024)),
        ("ccc_subclass_k3_concat", (7, 3, 1024)),
        ("center_local", None),
        ("contrastive", None),
        ("va_center", None),
        ("base7", None),
    ],
)
def test_only_learned_centres_are_state(name, shape):
    config = load(name)
    centres = systems.build(config, systems.stand_in(config)).objective.centres
    assert (centres and centres.shape) == shape


def golden_matrix():
    """A'' of spec 4.6 at tau 0.1, p 0.7: row -> {column: weight}; nodes in the order of the labels."""
    matrix = 0.3 * np.eye(9)
    for row in (0, 2, 4, 5, 6):
        matrix[row, 7:] = 0.35
    matrix[1, 7] = matrix[3, 8] = 0.7
    matrix[7, [0, 1, 2, 4, 5, 6]] = matrix[8, [0, 2, 3, 4, 5, 6]] = 0.7 / 6
    return matrix


def test_the_systems_multiply_by_the_matrices_of_the_spec():
    def matrix(name):
        config = load(name)
        constants = systems.build(config, systems.stand_in(config)).constants
        return dense_adjacency(constants["head"]["gcn"]) if constants else None

    np.testing.assert_allclose(matrix("emotion_gcn"), golden_matrix(), atol=1e-6)
    neighbours = golden_matrix() - np.diag(np.diag(golden_matrix()))
    code = (neighbours * 0.5 / 0.7 + 0.5 * np.eye(9)).T
    np.testing.assert_allclose(matrix("emotion_gcn_code"), code, atol=1e-6)
    np.testing.assert_array_equal(
        matrix("emotion_gcn_shuffled"), shuffle_nodes(matrix("emotion_gcn"), seed=1)
    )
    assert matrix("base7") is None
    condprob = matrix("emotion_gcn_condprob")
    np.testing.assert_allclose(condprob.sum(axis=1), 1)
    assert (condprob[:7, :7] > 0).sum() > 7  # edges between expressions
