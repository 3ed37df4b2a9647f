"""BReG-NeXt-50 and CNN-M equal references in torch that were written from the specifications."""

from __future__ import annotations

import jax
import pytest

from emojax.models.backbones import create_backbone
from tests.models import torch_networks
from tests.models import torch_reference as reference

pytestmark = pytest.mark.parity


@pytest.mark.parametrize("size", [112, 64])
def test_breg_next50_equals_the_reference(size):
    model = reference.randomise(torch_networks.BReGNeXt())
    with reference.torch.no_grad():
        for name, parameter in model.named_parameters():
            if "_shortcut" in name:
                parameter.add_(reference.torch.rand(1))
    net = create_backbone("breg_next50", num_classes=7)
    assert_equal_stages(model, "breg_next50", net, size, torch_networks.BREG_NEXT_STAGES)


@pytest.mark.parametrize("size", [227, 224, 112, 64])
def test_cnn_m_equals_the_reference(size):
    model = reference.randomise(torch_networks.CNNM())
    net = create_backbone("cnn_m")
    assert_equal_stages(model, "cnn_m", net, size, torch_networks.CNN_M_STAGES)


def assert_equal_stages(model, arch, net, size, modules):
    variables = reference.variables_from(model.state_dict(), arch, net, size)
    x = reference.images(size)
    theirs = reference.stages_of(model, modules, x)
    ours = jax.jit(lambda v, x: net.apply(v, x, train=False))(variables, x)
    assert set(ours) == set(theirs)
    errors = {stage: reference.relative_error(ours[stage], theirs[stage]) for stage in theirs}
    print(f"{arch} at {size} px: largest relative error {max(errors.values()):.1e}")
    assert max(errors.values()) < 1e-4, errors
