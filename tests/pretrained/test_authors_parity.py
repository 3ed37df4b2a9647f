"""The authors' whole networks give the same outputs in torch and here, from their files and from ours."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file

from emojax.models.gcn import graph_constants
from emojax.pretrained.catalogue import architecture
from emojax.pretrained.convert import export_weights, import_weights
from emojax.pretrained.export import whole_network
from emojax.pretrained.layouts import flatten
from emojax.pretrained.native import write_safetensors
from tests.models import torch_reference as reference
from tests.models.torch_networks import AuthorsNet
from tests.pretrained.test_export import _A, CONFIGS, authors_adjacency

pytestmark = pytest.mark.parity
torch = reference.torch
WORDS = np.random.default_rng(0).normal(0, 0.4, (9, 300)).astype(np.float32)


@pytest.mark.parametrize("name", CONFIGS)
def test_outputs_are_the_same_in_both_directions(tmp_path, name):
    arch, has_graph = architecture(name), name.endswith("gcn")
    features = (
        reference.import_torchvision().models.densenet121(weights=None).features
        if "dense" in arch.backbone
        else None
    )
    theirs = reference.randomise(AuthorsNet(name, features, _A if has_graph else None))
    images = np.random.default_rng(1).normal(size=(2, 3, arch.image_size, arch.image_size)).astype(np.float32)
    words = (torch.from_numpy(WORDS),) if has_graph else ()
    with torch.no_grad():
        expected = theirs(torch.from_numpy(images), *words).numpy()

    torch.save({"epoch": 3, "model_state_dict": theirs.state_dict()}, tmp_path / "theirs.pth")
    weights = import_weights(tmp_path / "theirs.pth", name).weights
    net, _ = arch.network(arch.num_classes)
    constants = {"head": {"gcn": graph_constants(authors_adjacency(_A), WORDS)}} if has_graph else {}
    variables = {**weights.tree(), **({"constants": constants} if has_graph else {})}
    apply = jax.jit(lambda v, x: net.apply(v, x, train=False))
    outputs = apply(variables, images.transpose(0, 2, 3, 1))
    ours = np.concatenate([outputs["logits"], outputs["va"]], axis=1)
    print(f"{name}: largest difference {np.abs(ours - expected).max() / np.abs(expected).max():.1e}")
    np.testing.assert_allclose(ours, expected, atol=1e-5 * np.abs(expected).max())

    back = whole_network(flatten(variables), CONFIGS[name].to_dict(), {})
    write_safetensors(export_weights(back), {"format": "pt"}, tmp_path / "ours.safetensors")
    fresh = AuthorsNet(name, features, np.eye(9) if has_graph else None)
    state = {k: torch.from_numpy(v) for k, v in load_file(tmp_path / "ours.safetensors").items()}
    unused = [k for k in fresh.state_dict() if k.startswith("model._fc0.")]
    missing, unknown = fresh.load_state_dict(state, strict=False)
    assert sorted(missing) == sorted(unused) and not unknown
    with torch.no_grad():
        again = fresh.eval()(torch.from_numpy(images), *words).numpy()
    np.testing.assert_allclose(again, expected, atol=1e-5 * np.abs(expected).max())
