"""What follows the convolutions of VGG-Face and C3D: pooling and two dense layers (image_sequences spec 2.1)."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.dropout import dropout
from emojax.models.pooling import global_pool

# Head -> pooling of the last map (flat: none), and whether fc6 and fc7 follow.
HEADS = {
    "flat": ("flat", False),
    "gap": ("avg", False),
    "gmp": ("max", False),
    "fc3": ("flat", True),
    "gap_fc3": ("avg", True),
    "gmp_fc3": ("max", True),
}


def pool_map(feature_map: jax.Array, pooling: str) -> jax.Array:
    """``[N, H, W, D]`` -> ``[N, H W D]`` (``flat``) or ``[N, D]`` (``avg``, ``max``), float32."""
    if pooling == "flat":
        return feature_map.reshape(feature_map.shape[0], -1).astype(jnp.float32)
    return global_pool(feature_map, mode=pooling, final_relu=False)


class DenseLayers(nn.Module):
    """``fc6`` and ``fc7``, each with ReLU and dropout.

    Attributes:
        units: width of both.
        dropout_rate: share of the outputs that training drops.
        dtype: of the products; parameters are float32.
        kernel_init: of both kernels.
    """

    units: int = 4096
    dropout_rate: float = 0.5
    dtype: Any = jnp.float32
    kernel_init: Any = nn.initializers.glorot_uniform()

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, keys: jax.Array | None = None) -> dict[str, jax.Array]:
        """``[N, D]`` -> ``fc6_linear``, ``fc6``, ``fc7_linear``, ``fc7`` (before and after ReLU) and ``features``.

        Args:
            x: features.
            train: dropout; needs `keys`.
            keys: ``[N]``, a random key a row.
        """
        stages = {}
        for number, name in enumerate(("fc6", "fc7")):
            x = nn.Dense(self.units, kernel_init=self.kernel_init, dtype=self.dtype, name=name)(x)
            stages[f"{name}_linear"] = x
            x = stages[name] = nn.relu(x)
            if train and self.dropout_rate:
                x = dropout(x, jax.vmap(lambda key: jax.random.fold_in(key, number))(keys), self.dropout_rate)  # noqa: B023
        return {**stages, "features": x}
