"""Names and layouts of torch state dicts: torchvision, timm, Places365, the authors' public networks.

A rule turns the modules of one of our paths into the prefix of the source's name. Our modules carry the
publishers' layer names, so most rules are short.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

from emojax.models.backbones import create_backbone
from emojax.pretrained.layouts import (
    ONE_NUMBER,
    SAME,
    TORCH_CONV,
    TRANSPOSED,
    Layout,
    SourceTensor,
    torch_dense_after_map,
)

Modules = tuple[str, ...]
Rule = Callable[[str, Modules], str]


def torch_tensors(arch: str, rule: Rule, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, SourceTensor]:
    """Our variables -> tensors of a state dict.

    Args:
        arch: name of the architecture.
        rule: of this module.
        shapes: our variables' shapes by path.
    """
    return {path: _tensor(arch, rule, path, len(shape)) for path, shape in shapes.items()}


def _tensor(arch: str, rule: Rule, path: str, ndim: int) -> SourceTensor:
    collection, *modules, leaf = path.split("/")
    prefix = rule(arch, tuple(modules))
    if collection == "batch_stats":
        return SourceTensor(f"{prefix}.running_{leaf}", SAME)
    if leaf == "kernel":
        return SourceTensor(f"{prefix}.weight", _kernel_layout(modules[-1], ndim))
    if leaf == "scale":
        return SourceTensor(f"{prefix}.weight", SAME)
    if ndim == 0:  # BReG-NeXt's shortcut
        return SourceTensor(f"{prefix}._{leaf}", ONE_NUMBER)
    return SourceTensor(f"{prefix}.{leaf}", SAME)


def _kernel_layout(module: str, ndim: int) -> Layout:
    if ndim == 4:
        return TORCH_CONV
    if module == "fc6":
        return torch_dense_after_map(512)
    # The authors' graph convolutions multiply from the right, as ours do.
    return SAME if re.fullmatch(r"layer_\d", module) else TRANSPOSED


def own_names(arch: str, modules: Modules) -> str:
    """Our module path with dots; VGG-Face's torch ports use the same layer names."""
    return ".".join(modules)


def densenet(arch: str, modules: Modules) -> str:
    return ".".join(modules if modules[0] == "classifier" else ("features", *modules))


def resnet(arch: str, modules: Modules) -> str:
    name = re.sub(r"^(layer\d)_(\d+)", r"\1.\2", ".".join(modules))
    return name.replace("downsample_conv", "downsample.0").replace("downsample_bn", "downsample.1")


def vgg(arch: str, modules: Modules) -> str:
    """torchvision numbers the layers of one sequence: convolution, (norm,) ReLU, ..., pooling."""
    (layer,) = modules
    if layer.startswith("fc"):
        return {"fc6": "classifier.0", "fc7": "classifier.3", "fc8": "classifier.6"}[layer]
    network = create_backbone(arch)
    step = 3 if network.batch_norm else 2
    kind, block, number = re.fullmatch(r"(conv|bn)(\d)_(\d)", layer).groups()
    before = sum(n * step + 1 for n in network.block_sizes[: int(block) - 1])
    return f"features.{before + (int(number) - 1) * step + (kind == 'bn')}"


def breg_next(arch: str, modules: Modules) -> str:
    """The authors' network: sequences of 7, 1, 8, 1 and 7 residual layers, then the last norm."""
    first, *rest = modules
    if first in _BREG_NEXT:
        return _BREG_NEXT[first]
    stage, layer = (int(n) for n in re.fullmatch(r"stage(\d)_(\d+)", first).groups())
    sequence = 2 * (stage - 1)
    if stage > 1:  # the layer with the stride is a sequence of its own
        sequence, layer = (sequence - 1, 0) if layer == 0 else (sequence, layer - 1)
    inner = _BREG_NEXT_LAYER[rest[0]] if rest else "_shortcut"
    return f"_model.{sequence}._layer_stack.{layer}.{inner}"


_BREG_NEXT = {"conv0": "_conv0", "norm": "_model.5", "fc0": "_fc0"}
_BREG_NEXT_LAYER = {
    "norm1": "_batchnorm_conv0",
    "conv1": "_conv0",
    "norm2": "_batchnorm_conv1",
    "conv2": "_conv1",
}


def emotion_gcn(arch: str, modules: Modules) -> str:
    """The authors' network: torchvision's ``features``, and ``gc1``, ``gc2``."""
    if modules[0] == "backbone":
        return densenet(arch, modules[1:])
    return f"gc{int(modules[-1].removeprefix('layer_')) + 1}"


def normalise_names(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """State dict under today's torchvision names.

    Takes away ``module.`` (torch's DataParallel) and the counters of batches, and renames torchvision's first
    DenseNet names (``denselayer1.norm.1``) and timm's VGG classifiers.
    """
    if all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): value for name, value in tensors.items()}
    result = {}
    for name, value in tensors.items():
        if name.endswith(".num_batches_tracked"):
            continue
        name = re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])(?=\.)", r"\1\2", name)
        for theirs, ours in _TIMM_VGG.items():
            if name.startswith(theirs):
                name = name.replace(theirs, ours)
                value = value.reshape(len(value), -1) if value.ndim == 4 else value
        result[name] = value
    return result


_TIMM_VGG = {"pre_logits.fc1": "classifier.0", "pre_logits.fc2": "classifier.3", "head.fc": "classifier.6"}
