"""The backbones by name."""

from __future__ import annotations

import difflib
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from emojax.errors import ConfigError
from emojax.models.densenet import DenseNet

# name -> (class, sizes)
_BACKBONES: dict[str, tuple[type[nn.Module], dict[str, Any]]] = {
    "densenet121": (DenseNet, {}),
    "densenet169": (DenseNet, {"block_sizes": (6, 12, 32, 32)}),
    # For demonstrations on a CPU: 64 px in, 8x8 out.
    "densenet_tiny": (
        DenseNet,
        {"block_sizes": (2, 2, 2), "growth_rate": 12, "stem_features": 16, "small_stem": True},
    ),
}


def backbone_names() -> tuple[str, ...]:
    return tuple(_BACKBONES)


def create_backbone(
    name: str,
    *,
    dtype: Any = jnp.float32,
    axis_name: str | None = None,
    remat: bool = False,
    **sizes: Any,
) -> nn.Module:
    """A backbone: ``(x [B, H, W, C], *, train, mask=None) -> {stage: activation}``, last stage ``features``.

    Args:
        name: one of `backbone_names()`.
        dtype: compute dtype; parameters and statistics stay float32.
        axis_name: mapped axis of the global batch, for the batch normalisation.
        remat: recompute activations in the backward pass (DenseNet only).
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
    return cls(**{**defaults, **sizes, **options, "dtype": dtype, "axis_name": axis_name})


def feature_size(name: str, **sizes: Any) -> int:
    """Channels of the final map of a named backbone."""
    return create_backbone(name, **sizes).feature_size


def _lookup(name: str) -> tuple[type[nn.Module], dict[str, Any]]:
    if name not in _BACKBONES:
        near = difflib.get_close_matches(name, _BACKBONES, n=3) or list(_BACKBONES)
        raise ConfigError(f"There is no backbone {name!r}. Did you mean {' or '.join(near)}?")
    return _BACKBONES[name]
