"""Names and layouts of torch state dicts: torchvision, timm, Places365, the authors' public networks.

A rule turns the modules of one of our paths into the prefix of the source's name. Our modules carry the
publishers' layer names, so most rules are short.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Collection, Iterable, Mapping

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
    if not modules:  # a parameter of the network itself
        return SourceTensor(rule(arch, (leaf,)), SAME)
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
    if ndim >= 4:
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


def c3d(arch: str, modules: Modules) -> str:
    """The ports' names: blocks 1 and 2 have one convolution and no letter."""
    return {"conv1a": "conv1", "conv2a": "conv2"}.get(modules[-1], modules[-1])


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


def _emotion_gcn(arch: str, modules: Modules) -> str:
    return densenet(arch, modules[1:]) if modules[0] == "backbone" else _graph_convolution(modules)


def _multi_densenet(arch: str, modules: Modules) -> str:
    if modules[0] == "backbone":
        return ".".join(("model_base", *modules[1:]))
    return {"expression": "lin_cat", "va": "lin_cont"}[modules[-1]]


def _breg_next_gcn(arch: str, modules: Modules) -> str:
    if modules[0] == "backbone":
        return f"model.{breg_next(arch, modules[1:])}"
    return _graph_convolution(modules)


def _multi_breg_next(arch: str, modules: Modules) -> str:
    if modules[0] == "backbone":
        return breg_next(arch, modules[1:])
    return {"expression": "fc_cat", "va": "fc_cont"}[modules[-1]]


def _graph_convolution(modules: Modules) -> str:
    return f"gc{int(modules[-1].removeprefix('layer_')) + 1}"


# Rules of the networks of Emotion-GCN's authors.
AUTHORS: dict[str, Rule] = {
    "emotion_gcn": _emotion_gcn,
    "multi_densenet": _multi_densenet,
    "breg_next_gcn": _breg_next_gcn,
    "multi_breg_next": _multi_breg_next,
}


def normalise_names(tensors: Mapping[str, np.ndarray], wanted: Collection[str]) -> dict[str, np.ndarray]:
    """State dict under today's torchvision names.

    Takes away the counters of batches and what wraps a network (``module.`` of DataParallel, ``_orig_mod.`` of
    torch.compile, ``model.`` or any other attribute that all of its names start with), and renames torchvision's
    first DenseNet names (``denselayer1.norm.1``), timm's VGG classifiers, and C3D's layers as Caffe (``conv1a``,
    ``fc6-1``) and MMAction2 (``conv1a.conv``) have them.

    Args:
        tensors: by name.
        wanted: names that the architecture has.
    """
    result = {}
    for name, value in tensors.items():
        if name.endswith(".num_batches_tracked"):
            continue
        name = unwrapped(name)
        for theirs, ours in _OTHER_NAMES:
            name = re.sub(theirs, ours, name)
        for theirs, ours in _TIMM_VGG.items():
            if name.startswith(theirs):
                name = name.replace(theirs, ours)
                value = value.reshape(len(value), -1) if value.ndim == 4 else value
        result[name] = value
    prefix = _common_prefix(result, set(wanted))
    return {name.removeprefix(prefix): value for name, value in result.items()}


_OTHER_NAMES = (
    (r"(denselayer\d+\.(?:norm|conv))\.([12])(?=\.)", r"\1\2"),
    (r"\bconv([12])a(?:\.conv)?(?=\.(?:weight|bias)$)", r"conv\1"),
    (r"\b(conv[345][ab])\.conv(?=\.(?:weight|bias)$)", r"\1"),
    (r"\b(fc[678])-1(?=\.)", r"\1"),
)
_TIMM_VGG = {"pre_logits.fc1": "classifier.0", "pre_logits.fc2": "classifier.3", "head.fc": "classifier.6"}
_WRAPPERS = re.compile(r"(?:^|(?<=\.))(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")


def unwrapped(name: str) -> str:
    """A name without the modules that torch.compile, FSDP and checkpointing put around others."""
    return _WRAPPERS.sub("", name)


def _common_prefix(names: Iterable[str], wanted: set[str]) -> str:
    """What all names start with, as far as without it more of them are wanted."""
    names = list(names)
    modules = names[0].split(".")[:-1] if names else []
    prefixes = ["", *(".".join(modules[: i + 1]) + "." for i in range(len(modules)))]
    shared = [p for p in prefixes if all(name.startswith(p) for name in names)]
    return max(shared, key=lambda p: sum(name.removeprefix(p) in wanted for name in names), default="")


def likely_prefix(names: Iterable[str], wanted: Collection[str]) -> str:
    """The prefix under which most of the wanted names are; empty where none has half of them."""
    counts: collections.Counter[str] = collections.Counter()
    wanted = set(wanted)
    for name in map(unwrapped, names):
        modules = name.split(".")
        for i in range(1, min(len(modules), 5)):
            counts[".".join(modules[:i]) + "."] += ".".join(modules[i:]) in wanted
    prefix, number = counts.most_common(1)[0] if counts else ("", 0)
    return prefix if number > len(wanted) / 2 else ""
