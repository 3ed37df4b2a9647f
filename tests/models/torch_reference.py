"""torchvision's networks with non-trivial weights, their stage activations, and the same weights as ours."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax.pretrained import torch_names
from emojax.pretrained.catalogue import architecture
from emojax.pretrained.layouts import flatten, unflatten

torch = pytest.importorskip("torch")
torch.set_num_threads(2)


def import_torchvision():
    """torchvision beside a CPU torch of another build: two operators it wants to register its shapes for."""
    global _LIBRARY
    try:
        _LIBRARY = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            _LIBRARY.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:  # they are there
        pass
    return pytest.importorskip("torchvision")


def randomise(model, seed: int = 0):
    """Random scales, shifts and running statistics; convolutions keep their random initialisation."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(like, low, high):
        return torch.rand(like.shape, generator=generator) * (high - low) + low

    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.copy_(uniform(module.weight, 0.5, 1.5))
                module.bias.copy_(uniform(module.bias, -0.3, 0.3))
                module.running_mean.copy_(uniform(module.running_mean, -0.3, 0.3))
                module.running_var.copy_(uniform(module.running_var, 0.5, 1.5))
            elif getattr(module, "bias", None) is not None and isinstance(module.bias, torch.nn.Parameter):
                module.bias.copy_(uniform(module.bias, -0.1, 0.1))
    return model.eval()


def stages_of(model, modules: Mapping[str, str], images: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs of named modules, NHWC, for images ``[B, H, W, C]``; {our stage: torch module}."""
    outputs = {}

    def keep(stage):
        # A copy: the ReLU that follows may work in place.
        return lambda _module, _inputs, output: outputs.__setitem__(stage, output.detach().clone())

    named = dict(model.named_modules())
    hooks = [named[module].register_forward_hook(keep(stage)) for stage, module in modules.items()]
    try:
        with torch.no_grad():
            model(to_torch(images))
    finally:
        for hook in hooks:
            hook.remove()
    return {stage: nhwc(value) for stage, value in outputs.items()}


def to_torch(images: np.ndarray):
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def nhwc(value) -> np.ndarray:
    array = value.detach().numpy()
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def variables_from(state: Mapping, arch: str, net, size: int, channels: int = 3) -> dict:
    """Our variables with the values of a state dict (or of gradients under the same names)."""
    image = jax.ShapeDtypeStruct((1, size, size, channels), jnp.float32)
    shapes = jax.eval_shape(lambda x: net.init(jax.random.key(0), x, train=False), image)
    shapes = {path: leaf.shape for path, leaf in flatten(shapes).items()}
    tensors = torch_names.torch_tensors(arch, architecture(arch).torch, shapes)
    result = {}
    for path, tensor in tensors.items():
        if tensor.name in state:
            result[path] = tensor.layout.from_source(state[tensor.name].detach().numpy()).copy()
            assert result[path].shape == shapes[path], path
    return unflatten(result)


def relative_error(ours, theirs) -> float:
    """Largest difference over the largest value of the reference."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def images(size: int, batch: int = 1, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(batch, size, size, channels)).astype(np.float32)
