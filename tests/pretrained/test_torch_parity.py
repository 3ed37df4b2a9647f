"""Files that torch, torchvision and timm themselves write are imported, and what we export they load."""

from __future__ import annotations

import argparse
import pathlib

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file

from emojax.errors import CheckpointError
from emojax.models.backbones import create_backbone
from emojax.pretrained.__main__ import main
from emojax.pretrained.convert import import_weights
from emojax.pretrained.readers import read_file
from tests.models import torch_reference as reference

pytestmark = pytest.mark.parity
torch = reference.torch
CLASSES = 10


def tensors():
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    return {
        "plain": base.clone(),
        "transposed": base.clone().T,
        "part of another": base[1:, ::2],
        "parameter": torch.nn.Parameter(base.clone()),
        "half": base.half(),
        "bfloat16": base.bfloat16(),
        "double": base.double(),
        "count": torch.tensor(7),
    }


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrap", ["plain", "state_dict", "module."])
def test_what_torch_saves_is_read(tmp_path, zipped, wrap):
    state = tensors()
    content = {f"module.{k}": v for k, v in state.items()} if wrap == "module." else state
    if wrap == "state_dict":
        optimizer = torch.optim.SGD([state["parameter"]], lr=0.1, momentum=0.9).state_dict()
        content = {"epoch": 90, "arch": "net", "best": np.float64(0.5), "state_dict": state, "o": optimizer}
    torch.save(content, tmp_path / "file.pth.tar", _use_new_zipfile_serialization=zipped)
    found = read_file(tmp_path / "file.pth.tar").tensors
    prefix = "module." if wrap == "module." else ""
    assert found.keys() == {prefix + name for name in state}
    for name, value in state.items():
        expected = value.detach().float().numpy()
        np.testing.assert_array_equal(found[prefix + name].astype(np.float32), expected, err_msg=name)


class RecorderMeter:
    """What a training script keeps of its own beside the weights."""

    def __init__(self):
        self.losses = torch.zeros(3, 2)


@pytest.mark.parametrize("zipped", [True, False])
def test_whole_models_and_files_full_of_objects_are_read(tmp_path, zipped):
    layer = torch.nn.BatchNorm2d(4)
    layer.register_buffer("scratch", torch.ones(2), persistent=False)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Sequential(layer))
    contents = {
        "model": model,
        "parallel": torch.nn.DataParallel(model).module,
        "objects": {
            "state_dict": model.state_dict(),
            "recorder": RecorderMeter(),
            "args": argparse.Namespace(out=pathlib.PosixPath("/out"), lr=0.1, device=torch.device("cpu")),
            "best_acc1": torch.tensor(0.5),
            "optimizer": torch.optim.Adam(model.parameters()).state_dict(),
            "rng": torch.get_rng_state(),
        },
    }
    for name, content in contents.items():
        torch.save(content, tmp_path / name, _use_new_zipfile_serialization=zipped)
        found = read_file(tmp_path / name).tensors
        assert found.keys() == model.state_dict().keys(), name
        for key, value in model.state_dict().items():
            np.testing.assert_array_equal(found[key], value.numpy(), err_msg=f"{name} {key}")


def test_programs_are_refused_with_the_way_out(tmp_path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "program.pt")
    with pytest.raises(CheckpointError, match=r"TorchScript.*state_dict\(\)"):
        read_file(tmp_path / "program.pt")


@pytest.mark.parametrize("arch", ["resnet18", "densenet121", "vgg16_bn"])
def test_an_export_loads_strictly_into_torchvision_and_gives_the_same_outputs(tmp_path, arch):
    models = reference.import_torchvision().models
    options = {"init_weights": False} if arch.startswith("vgg") else {"num_classes": CLASSES}
    model = reference.randomise(models.get_model(arch, weights=None, **options))
    if arch.startswith("vgg"):
        model.classifier = torch.nn.Identity()
    torch.save(model.state_dict(), tmp_path / "theirs.pth")
    ours, back = str(tmp_path / "ours.safetensors"), str(tmp_path / "back.safetensors")
    head = ["--without-head"] if arch.startswith("vgg") else ["--num-classes", str(CLASSES)]
    assert (
        main(["import", "--arch", arch, str(tmp_path / "theirs.pth"), "--out", ours, "--quiet", *head]) == 0
    )
    assert main(["export", ours, "--out", back]) == 0
    other = models.get_model(arch, weights=None, **options).eval()
    if arch.startswith("vgg"):
        other.classifier = torch.nn.Identity()
    state = {name: torch.from_numpy(value) for name, value in load_file(back).items()}
    other.load_state_dict(state, strict=True)
    x = reference.to_torch(reference.images(64))
    with torch.no_grad():
        assert torch.equal(other(x), model(x))


@pytest.mark.parametrize("arch", ["resnet18", "resnet50", "densenet121", "vgg16", "vgg16_bn"])
def test_timms_names_are_imported_and_give_timms_outputs(tmp_path, arch):
    reference.import_torchvision()
    timm = pytest.importorskip("timm")
    safetensors = pytest.importorskip("safetensors.torch")
    size = 224 if arch.startswith("vgg") else 96
    model = reference.randomise(timm.create_model(arch, pretrained=False, num_classes=CLASSES))
    safetensors.save_file(model.state_dict(), tmp_path / "timm.safetensors")
    weights = import_weights(tmp_path / "timm.safetensors", arch, num_classes=CLASSES).weights
    net = create_backbone(arch, num_classes=CLASSES)
    x = reference.images(size)
    found = jax.jit(lambda v, x: net.apply(v, x, train=False)["logits"])(weights.tree(), x)
    with torch.no_grad():
        expected = reference.nhwc(model(reference.to_torch(x)))
    error = reference.relative_error(found, expected)
    print(f"timm's {arch} at {size} px: relative error of the logits {error:.1e}")
    assert error < 1e-4
