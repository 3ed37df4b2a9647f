"""Names and layouts of Keras' published weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

from emojax.errors import CheckpointError
from emojax.pretrained.layouts import KERAS_DEPTHWISE, SAME, SourceTensor

Modules = tuple[str, ...]
Rule = Callable[[Modules], str]

_STATISTICS = {"mean": "moving_mean", "var": "moving_variance"}
_NORM = {"scale": "gamma", "bias": "beta"}


def keras_tensors(rule: Rule, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, SourceTensor]:
    """Our variables -> ``layer/variable``.

    Args:
        rule: of this module: our modules -> name of the Keras layer.
        shapes: our variables' shapes by path.
    """
    norms = {path.rsplit("/", 1)[0] for path in shapes if path.endswith("/scale")}
    return {path: _tensor(rule, path, path.rsplit("/", 1)[0] in norms) for path in shapes}


def _tensor(rule: Rule, path: str, is_norm: bool) -> SourceTensor:
    collection, *modules, leaf = path.split("/")
    layout = SAME
    if collection == "batch_stats":
        leaf = _STATISTICS[leaf]
    elif is_norm:
        leaf = _NORM[leaf]
    elif modules[-1] in ("depthwise", "pointwise"):
        layout = KERAS_DEPTHWISE if modules[-1] == "depthwise" else SAME
        leaf = f"{modules.pop()}_kernel"
    return SourceTensor(f"{rule(tuple(modules))}/{leaf}", layout)


def own_names(modules: Modules) -> str:
    """Xception and VGG-Face: our layers have Keras' names."""
    return "/".join(modules)


def vgg(modules: Modules) -> str:
    heads = {"fc6": "fc1", "fc7": "fc2", "fc8": "predictions"}
    return heads.get(modules[0]) or re.sub(r"conv(\d)_(\d)", r"block\1_conv\2", modules[0])


def densenet(modules: Modules) -> str:
    """Blocks 1 to 4 are Keras' conv2 to conv5; a layer's parts are 0_bn, 1_conv, 1_bn, 2_conv."""
    block = re.fullmatch(r"denseblock(\d)", modules[0])
    if block:
        parts = {"norm1": "0_bn", "conv1": "1_conv", "norm2": "1_bn", "conv2": "2_conv"}
        layer = modules[1].removeprefix("denselayer")
        return f"conv{int(block[1]) + 1}_block{layer}_{parts[modules[2]]}"
    transition = re.fullmatch(r"transition(\d)", modules[0])
    if transition:
        return f"pool{int(transition[1]) + 1}_{'bn' if modules[1] == 'norm' else 'conv'}"
    return {"conv0": "conv1_conv", "norm0": "conv1_bn", "norm5": "bn", "classifier": "predictions"}[
        modules[0]
    ]


def c3d(modules: Modules) -> str:
    """The Keras port's names: blocks 1 and 2 have one convolution and no letter."""
    return {"conv1a": "conv1", "conv2a": "conv2"}.get(modules[-1], modules[-1])


def normalise_names(arch: str, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Layers under today's Keras names.

    Older DenseNet files say ``conv1/bn`` and ``fc1000``; Xception's four shortcuts are numbered by session
    (``conv2d_7``) and are known by their widths. A C3D saved under Theano, whose axes come in another order, is
    turned to TensorFlow's.

    Raises:
        CheckpointError: two tensors could be the same one.
    """
    result = {}
    for name, value in tensors.items():
        layer, variable = name.rsplit("/", 1)
        if arch.startswith("densenet"):
            layer = {"fc1000": "predictions"}.get(layer, layer.replace("/", "_"))
        if arch == "xception":
            layer = _xception_shortcut(layer, value)
        renamed = f"{layer}/{variable}"
        if renamed in result:
            raise CheckpointError(
                f"{name} and another tensor could both be {renamed}; leave one out by its name"
            )
        result[renamed] = value
    return _from_theano(result) if arch == "c3d" else result


def _from_theano(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Kernels ``(O, I, T, H, W)`` that Theano turns round in all three axes -> ``(T, H, W, I, O)``, as correlation
    takes them; rows of fc6 in the order (C, T, H, W) -> (T, H, W, C) (image_sequences spec 2.5).
    """
    kernels = {n: v for n, v in tensors.items() if n.endswith("/kernel") and v.ndim == 5}
    if not kernels or any(v.shape[:3] == (3, 3, 3) for v in kernels.values()):
        return tensors
    turned = {n: v[:, :, ::-1, ::-1, ::-1].transpose(2, 3, 4, 1, 0) for n, v in kernels.items()}
    fc6 = tensors.get("fc6/kernel")
    if fc6 is not None and fc6.ndim == 2 and len(fc6) == _C3D_ROWS:
        turned["fc6/kernel"] = fc6.reshape(512, 16, -1).transpose(1, 0, 2).reshape(fc6.shape)
    return {**tensors, **turned}


_C3D_ROWS = 8192  # 512 channels of a map of 1 x 4 x 4
_SHORTCUTS = {
    128: "block2_shortcut",
    256: "block3_shortcut",
    728: "block4_shortcut",
    1024: "block13_shortcut",
}


def _xception_shortcut(layer: str, value: np.ndarray) -> str:
    numbered = re.fullmatch(r"(conv(?:olution)?2d|batch_?normalization)(_\d+)?", layer)
    shortcut = _SHORTCUTS.get(value.shape[-1])
    if not numbered or not shortcut:
        return layer
    return shortcut if numbered[1].startswith("conv") else f"{shortcut}_bn"
