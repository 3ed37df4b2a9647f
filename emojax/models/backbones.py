"""The backbones by name."""

from __future__ import annotations

import difflib
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from emojax.errors import ConfigError
from emojax.models.breg_next import BReGNeXt
from emojax.models.cnn_m import CNNM
from emojax.models.densenet import DenseNet
from emojax.models.resnet import ResNet
from emojax.models.vgg import VGG
from emojax.models.xception import Xception

_VGG16, _VGG19 = (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)

# name -> (class, sizes)
_BACKBONES: dict[str, tuple[type[nn.Module], dict[str, Any]]] = {
    "densenet121": (DenseNet, {}),
    "densenet169": (DenseNet, {"block_sizes": (6, 12, 32, 32)}),
    # For demonstrations on a CPU, 64 px in, 4x4 out. XLA is quick with channels in multiples of 16.
    "densenet_tiny": (
        DenseNet,
        {"block_sizes": (3, 4, 4), "growth_rate": 16, "stem_features": 16, "bottleneck": 2},
    ),
    "resnet18": (ResNet, {"stage_sizes": (2, 2, 2, 2), "bottleneck": False}),
    "resnet34": (ResNet, {"stage_sizes": (3, 4, 6, 3), "bottleneck": False}),
    "resnet50": (ResNet, {"stage_sizes": (3, 4, 6, 3), "bottleneck": True}),
    "resnet101": (ResNet, {"stage_sizes": (3, 4, 23, 3), "bottleneck": True}),
    # For demonstrations on a CPU: 64 px in, 4x4 out.
    "resnet_tiny": (ResNet, {"stage_sizes": (1, 1, 1), "bottleneck": False, "width": 16}),
    "wide_resnet18_places": (
        ResNet,
        {"stage_sizes": (2, 2, 2, 2), "bottleneck": False, "stem_pool": False},
    ),
    "vgg16": (VGG, {"block_sizes": _VGG16}),
    "vgg16_bn": (VGG, {"block_sizes": _VGG16, "batch_norm": True}),
    "vgg19": (VGG, {"block_sizes": _VGG19}),
    "vgg19_bn": (VGG, {"block_sizes": _VGG19, "batch_norm": True}),
    "vggface": (VGG, {"block_sizes": _VGG16}),
    "xception": (Xception, {}),
    "breg_next50": (BReGNeXt, {}),
    # For demonstrations on a CPU: 64 px in, 16x16 out.
    "breg_next_tiny": (BReGNeXt, {"stage_sizes": (1, 1, 1), "widths": (8, 16, 32)}),
    "cnn_m": (CNNM, {}),
}


def backbone_names() -> tuple[str, ...]:
    return tuple(_BACKBONES)


def create_backbone(
    name: str,
    *,
    dtype: Any = jnp.float32,
    axis_name: str | None = None,
    remat: bool = False,
    module_name: str | None = None,
    **sizes: Any,
) -> nn.Module:
    """A backbone: ``(x [B, H, W, C], *, train, mask=None) -> {stage: activation}``, last stage ``features``.

    Args:
        name: one of `backbone_names()`.
        dtype: compute dtype; parameters and statistics stay float32.
        axis_name: mapped axis of the global batch, for the batch normalisation.
        remat: recompute activations in the backward pass (DenseNet only).
        module_name: name of the module where it is made inside another module's compact method.
        **sizes: fields of the backbone's class that differ from the named configuration.

    Raises:
        ConfigError: unknown name or size, or `remat` where it is not offered.
    """
    cls, defaults = _lookup(name)
    fields = {f for f in cls.__dataclass_fields__ if f not in ("parent", "name")}
    options = {"remat": remat} if remat else {}
    for option in options.keys() | sizes.keys():
        if option not in fields:
            raise ConfigError(
                f"The backbone {name} has no option {option!r}; it has {', '.join(sorted(fields))}."
            )
    return cls(**{**defaults, **sizes, **options, "dtype": dtype, "axis_name": axis_name}, name=module_name)


def feature_size(name: str, **sizes: Any) -> int:
    """Channels of the final map of a named backbone."""
    return create_backbone(name, **sizes).feature_size


def _lookup(name: str) -> tuple[type[nn.Module], dict[str, Any]]:
    if name not in _BACKBONES:
        near = difflib.get_close_matches(name, _BACKBONES, n=3) or list(_BACKBONES)
        raise ConfigError(f"There is no backbone {name!r}. Did you mean {' or '.join(near)}?")
    return _BACKBONES[name]
