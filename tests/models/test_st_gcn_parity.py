"""ST-GCN against an independent one in torch, weights copied by the names of the public checkpoint."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from emojax.graphs.partitions import partition_matrices
from emojax.graphs.skeletons import BODY_18
from emojax.models.st_gcn import STGCN
from emojax.pretrained.convert import import_weights
from emojax.pretrained.layouts import unflatten
from emojax.pretrained.native import write_safetensors

pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """The torch network with random weights and statistics, and our variables from its file."""
    torch = pytest.importorskip("torch")
    from tests.models.torch_st_gcn import Network

    torch.manual_seed(0)
    matrices = partition_matrices(BODY_18, "spatial", normalisation="column")
    theirs = Network(matrices).eval()
    with torch.no_grad():
        for name, value in theirs.state_dict().items():
            if "running_mean" in name or name.endswith("bias"):
                value.uniform_(-0.3, 0.3)
            elif "running_var" in name or "edge_importance" in name:
                value.uniform_(0.5, 1.5)
    file = tmp_path_factory.mktemp("st_gcn") / "theirs.safetensors"
    write_safetensors({k: v.numpy().copy() for k, v in theirs.state_dict().items()}, {"format": "pt"}, file)
    weights = import_weights(file, "st_gcn_kinetics").weights
    variables = unflatten(weights.variables) | {"constants": {"matrices": weights.constants["A"]}}
    return theirs, STGCN(matrices), variables


def joints(*shape):
    return np.random.default_rng(1).uniform(0, 1, shape).astype(np.float32)


def test_the_whole_network_gives_the_features_of_torch_s(networks):
    import torch

    theirs, ours, variables = networks
    x = joints(2, 60, 18, 3)
    with torch.no_grad():
        expected = theirs(torch.tensor(x)).numpy()
    got = jax.jit(lambda v, x: ours.apply(v, x, train=False)["features"])(variables, x)
    np.testing.assert_allclose(got, expected, rtol=2e-4, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("number", [1, 5, 8])
def test_one_unit_gives_the_activations_of_torch_s(networks, number):
    import torch

    from emojax.graphs.partitions import partition_graph
    from emojax.models.st_gcn import UNITS, GraphUnit

    theirs, _, variables = networks
    unit = theirs.st_gcn_networks[number - 1]
    x = joints(2, 20, 18, unit.gcn.conv.in_channels)
    weights = (theirs.A * theirs.edge_importance[number - 1]).detach()
    with torch.no_grad():
        expected = unit(torch.tensor(x).permute(0, 3, 1, 2), weights).permute(0, 2, 3, 1).numpy()
    widths, shrinking = UNITS["units10"]
    ours = GraphUnit(widths[number - 1], stride=2 if number in shrinking else 1, residual=number > 1)
    own = {kind: variables[kind][f"unit_{number}"] for kind in ("params", "batch_stats")}
    graph = partition_graph(partition_matrices(BODY_18, "spatial"))
    got = ours.apply(own, x.transpose(2, 0, 1, 3), weights.numpy(), graph, train=False, mask=None, keys=None)
    np.testing.assert_allclose(got.transpose(1, 2, 0, 3), expected, rtol=1e-4, atol=1e-5)
