"""A run goes to torch as the network that gives the same outputs, or is refused."""

from __future__ import annotations

import importlib
import json

import jax
import numpy as np
import pytest

from configs import affectnet_breg, affectnet_gcn, affectnet_multitask
from emojax import systems
from emojax.errors import CheckpointError
from emojax.labels import AFFECTNET_CLASSES
from emojax.models.gcn import graph_constants
from emojax.pretrained.__main__ import main
from emojax.pretrained.catalogue import architecture
from emojax.pretrained.convert import abstract_shapes, export_weights, import_weights
from emojax.pretrained.export import advice, authors_matrix, whole_network
from emojax.pretrained.layouts import flatten, unflatten
from emojax.pretrained.native import write_safetensors
from tests.models import golden
from tests.pretrained.test_initialise import write_run

# A label graph as the authors make it: 9 nodes, rows of A, which sum to 1 after their own weight.
_A = np.array([[0.5 if i == j else 0.5 / 2 * (i > 6 or j > 6) for j in range(9)] for i in range(9)])


def authors_adjacency(a: np.ndarray) -> np.ndarray:
    """What the authors' code multiplies the node vectors by (emotion_gcn spec 4.7)."""
    scale = np.diag(a.sum(axis=1) ** -0.5)
    return (a @ scale).T @ scale


def run(arch: str, classes: int) -> dict[str, np.ndarray]:
    """Variables of a run of the network of an architecture."""
    variables = golden.variables(abstract_shapes(arch, classes))
    if "A" in architecture(arch).constants:
        constants = graph_constants(authors_adjacency(_A), np.ones((9, 300), np.float32))
        variables |= {f"constants/head/gcn/{k}": v for k, v in constants.items()}
    return variables


CONFIGS = {
    "emotion_gcn": affectnet_gcn.get_config("code_parity"),
    "multi_densenet": affectnet_multitask.get_config("mtl_ccc_classic"),
    "breg_next_gcn": affectnet_breg.get_config("breg_emotion_gcn"),
    "multi_breg_next": affectnet_breg.get_config("breg_mtl_ccc"),
}


@pytest.mark.parametrize("arch", CONFIGS)
def test_a_whole_run_becomes_the_authors_network_and_comes_back(tmp_path, arch):
    variables = run(arch, architecture(arch).num_classes)
    weights = whole_network(variables, CONFIGS[arch].to_dict(), {})
    assert weights.arch == arch
    write_safetensors(export_weights(weights), {"format": "pt"}, tmp_path / "theirs.safetensors")
    back = import_weights(tmp_path / "theirs.safetensors", arch).weights
    assert back.variables.keys() == weights.variables.keys()
    for path, value in back.variables.items():
        np.testing.assert_array_equal(value, variables[path], err_msg=path)
    if "A" in back.constants:
        np.testing.assert_allclose(authors_adjacency(back.constants["A"]), authors_adjacency(_A), atol=1e-6)
    assert architecture(arch).torch_code.split("(")[0] in "\n".join(advice(weights, "x.safetensors"))


@pytest.mark.parametrize("arch", CONFIGS)
def test_the_config_that_is_named_with_an_architecture_builds_its_network(arch):
    file, variant = architecture(arch).config.split(":")
    config = importlib.import_module(file.removesuffix(".py").replace("/", ".")).get_config(variant)
    assert config.to_dict() == CONFIGS[arch].to_dict()
    config.model.gcn.embedding = "random"  # 300 numbers a word, as the authors' GloVe
    system = systems.build(config, systems.stand_in(config))
    variables = jax.eval_shape(system.init, jax.random.key(0))
    own = {k: v for k, v in variables.items() if k in ("params", "batch_stats")}
    expected = abstract_shapes(arch, architecture(arch).num_classes)
    assert {p: v.shape for p, v in flatten(own).items()} == expected


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_authors_matrix_gives_the_graph_back(seed, transpose):
    rng = np.random.default_rng(seed)
    a = np.where(rng.uniform(size=(9, 9)) < 0.4, rng.uniform(size=(9, 9)), 0) + np.eye(9) / 2
    a[:, 8] += 0.1  # every node reaches and is reached
    a[8] += 0.1
    graph = authors_adjacency(a).T if transpose else authors_adjacency(a)
    np.testing.assert_allclose(authors_adjacency(authors_matrix(graph)), graph, atol=1e-6)


def test_the_authors_matrix_of_a_graph_in_two_parts():
    """A node without neighbours keeps its own vector."""
    a = _A.copy()
    a[0], a[:, 0] = 0, 0
    a[0, 0] = 1
    graph = authors_adjacency(a).astype(np.float32)
    np.testing.assert_allclose(authors_adjacency(authors_matrix(graph)), graph, atol=1e-6)


def test_a_graph_that_the_authors_code_cannot_make_is_refused():
    with pytest.raises(CheckpointError, match="no normalised matrix"):
        authors_matrix(np.eye(9) * 0.5)


def test_a_baseline_becomes_torchvisions_network_with_its_classifier():
    config = affectnet_multitask.get_config("mtl_ccc_classic")
    config.model.head, config.model.backbone = "single", "resnet18"
    names = {"params/fc/": "params/head/expression/"}
    variables = golden.variables(abstract_shapes("resnet18", 7))
    face = {
        next(
            (n + p.removeprefix(o) for o, n in names.items() if p.startswith(o)),
            p.replace("/", "/backbone/", 1),
        ): v
        for p, v in variables.items()
    }
    face["centres/metric"] = np.ones((7, 512), np.float32)  # of training alone
    weights = whole_network(face, config.to_dict(), {})
    assert weights.arch == "resnet18" and weights.info["num_classes"] == 7
    state = export_weights(weights)
    assert state["fc.weight"].shape == (7, 512) and not any("centres" in name for name in state)
    assert advice(weights, "x.safetensors") == [
        "model = torchvision.models.resnet18(num_classes=7)",
        "model.load_state_dict(safetensors.torch.load_file('x.safetensors'))",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"model.pool": "max"},
        {"model.final_relu": False},
        {"model.head": "concat"},
        {"model.backbone": "xception", "model.head": "single"},
        {"model.backbone": "densenet_tiny"},
        {"family": "people"},
    ],
)
def test_a_network_that_no_torch_code_has_is_refused(change):
    config = affectnet_multitask.get_config("mtl_ccc_classic")
    config.update_from_flattened_dict(change)
    with pytest.raises(CheckpointError, match="No code for torch is known.*--part backbone"):
        whole_network({}, config.to_dict(), {})


def test_other_sizes_than_the_codes_are_refused():
    config = CONFIGS["emotion_gcn"].to_dict()
    variables = run("emotion_gcn", 0)
    variables["params/head/gcn/layer_2/kernel"] = np.ones((1024, 1024), np.float32)
    with pytest.raises(CheckpointError, match="params/head/gcn/layer_2/kernel differ"):
        whole_network(variables, config, {})
    with pytest.raises(CheckpointError, match="No code for torch"):
        whole_network(variables, {**config, "image_size": 160}, {})  # its pooling would see a part of the map


def test_the_door_exports_a_whole_run_with_its_graph_words_and_names(tmp_path, capsys):
    variables = run("breg_next_gcn", 0)
    write_run(
        tmp_path / "run",
        unflatten(variables),
        {0: 0.5},
        json.loads(CONFIGS["breg_next_gcn"].to_json_best_effort()),
        AFFECTNET_CLASSES[:7],
        ("valence", "arousal"),
    )
    out = tmp_path / "mine.safetensors"
    assert main(["export", str(tmp_path / "run"), "--part", "all", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert "model = models.BReGNeXt_GCN(adj_file, in_channel=300)\n    model.load_state_dict(" in text
    assert "# outputs: neutral, happy, sad, surprise, fear, disgust, anger, valence, arousal" in text
    assert "mine_words.npy" in text
    np.testing.assert_array_equal(np.load(tmp_path / "mine_words.npy"), variables["constants/head/gcn/nodes"])
    back = import_weights(out, "breg_next_gcn").weights
    for path, value in back.variables.items():
        np.testing.assert_array_equal(value, variables[path], err_msg=path)
    np.testing.assert_allclose(authors_adjacency(back.constants["A"]), authors_adjacency(_A), atol=1e-6)


def test_the_door_refuses_in_one_line_what_torch_has_not_and_parts_that_are_no_backbone(tmp_path, capsys):
    variables = {p.replace("/", "/backbone/", 1): v for p, v in run("densenet_tiny", 0).items()}
    variables |= {"params/head/expression/kernel": np.ones((4, 2)), "params/head/expression/bias": np.ones(2)}
    config = {"family": "faces", "model": {"backbone": "densenet_tiny", "head": "single", "pool": "avg"}}
    write_run(tmp_path / "run", unflatten(variables), {0: 0.5}, config)
    out = tmp_path / "mine.safetensors"
    for part, told in {
        "all": "No code for torch is known that has the whole network of this run (backbone densenet_tiny, head single",
        "head": "is no densenet_tiny: its layers are others",
        "body": "has no part 'body'; it has backbone, head",
    }.items():
        assert main(["export", str(tmp_path / "run"), "--part", part, "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert told in error and error.count("\n") == 1 and not out.exists()
    assert main(["export", str(tmp_path / "run"), "--out", str(out)]) == 0
    assert "no code for torch has densenet_tiny" in capsys.readouterr().out
