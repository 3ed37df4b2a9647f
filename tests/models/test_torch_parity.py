"""Every stage of every backbone equals torchvision's, in evaluation mode, at odd and even sizes."""

from __future__ import annotations

import functools

import jax
import pytest

from emojax.models.backbones import create_backbone
from tests.models import torch_reference as reference

pytestmark = pytest.mark.parity
TOLERANCE = 1e-4


DENSENET_STAGES = {
    "stem": "features.relu0",
    "pool": "features.pool0",
    **{f"denseblock{i}": f"features.denseblock{i}" for i in (1, 2, 3, 4)},
    **{f"transition{i}": f"features.transition{i}" for i in (1, 2, 3)},
    "features": "features.norm5",
    "logits": "classifier",
}
RESNET_STAGES = {
    "stem": "relu",
    "pool": "maxpool",
    **{f"layer{i}": f"layer{i}" for i in (1, 2, 3)},
    "features": "layer4",
    "logits": "fc",
}


def vgg_stages(model):
    pools = [i for i, layer in enumerate(model.features) if type(layer).__name__ == "MaxPool2d"]
    names = {f"pool{n}": f"features.{i}" for n, i in enumerate(pools[:4], 1)}
    return {**names, "conv5": f"features.{pools[4] - 1}", "features": f"features.{pools[4]}"}


def stages(arch: str, model) -> dict[str, str]:
    """Our stage -> torch's module."""
    if arch.startswith("vgg"):
        return vgg_stages(model)
    if arch == "wide_resnet18_places":
        return {stage: module for stage, module in RESNET_STAGES.items() if stage != "pool"}
    return DENSENET_STAGES if arch.startswith("densenet") else RESNET_STAGES


def build(arch: str, num_classes: int):
    models = reference.import_torchvision().models
    if arch.startswith("vgg"):
        model = models.get_model(arch, weights=None, init_weights=False)
        model.avgpool, model.classifier = reference.torch.nn.Identity(), reference.torch.nn.Identity()
        return model
    if arch == "wide_resnet18_places":
        model = models.resnet18(num_classes=num_classes)
        model.maxpool = reference.torch.nn.Identity()
        return model
    return models.get_model(arch, weights=None, num_classes=num_classes)


@functools.lru_cache(maxsize=1)
def pair(arch: str):
    """(torch network, its stages, compiled forward pass of ours, our variables)."""
    model = reference.randomise(build(arch, 10))
    net = create_backbone(arch) if arch.startswith("vgg") else create_backbone(arch, num_classes=10)
    variables = reference.variables_from(model.state_dict(), arch, net, 112)
    return model, stages(arch, model), jax.jit(lambda v, x: net.apply(v, x, train=False)), variables


ARCHITECTURES = (
    "densenet121",
    "densenet169",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "wide_resnet18_places",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
)


@pytest.mark.parametrize(("arch", "size"), [(a, s) for a in ARCHITECTURES for s in (227, 224, 112)])
def test_every_stage_equals_torchvision(arch, size):
    model, modules, forward, variables = pair(arch)
    x = reference.images(size)
    theirs = reference.stages_of(model, modules, x)
    ours = forward(variables, x)
    assert set(ours) == set(theirs)
    errors = {stage: reference.relative_error(ours[stage], theirs[stage]) for stage in theirs}
    print(f"{arch} at {size} px: largest relative error {max(errors.values()):.1e}")
    assert max(errors.values()) < TOLERANCE, errors
