"""Global pooling of a feature map to one vector an image (spec emotion_gcn 2.2)."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.errors import ConfigError


def global_pool(feature_map: jax.Array, *, mode: str, final_relu: bool) -> jax.Array:
    """Pools all positions of a map.

    Emotion-GCN takes the maximum of the last batch norm without ReLU; the dense heads take the average
    after ReLU.

    Args:
        feature_map: ``[..., H, W, D]``, any float dtype.
        mode: "max" or "avg".
        final_relu: apply ReLU first.

    Returns:
        ``[..., D]`` float32.

    Raises:
        ConfigError: unknown mode.
    """
    if final_relu:
        feature_map = nn.relu(feature_map)
    if mode == "max":
        return jnp.max(feature_map, axis=(-3, -2)).astype(jnp.float32)
    if mode == "avg":
        return jnp.mean(feature_map, axis=(-3, -2), dtype=jnp.float32)
    raise ConfigError(f"Feature maps are pooled by 'max' or 'avg', not by {mode!r}.")
