"""Consensus over the snippets of a video (context_emotion spec 2.5; Wang et al., ECCV 2016)."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.errors import ConfigError

CONSENSUS = ("average", "linear", "attention")


class Consensus(nn.Module):
    """One output a video from those of its K snippets.

    Attributes:
        kind: ``average``; ``linear`` with a learned weight for each of the K places, 1 / K at the start; or
            ``attention`` with weights from each snippet's feature, equal at the start.
    """

    kind: str = "average"

    @nn.compact
    def __call__(self, outputs: jax.Array, features: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Combines raw outputs; what squashes them comes after.

        Args:
            outputs: ``[B, K, n]``.
            features: fused feature of each snippet ``[B, K, D]``; read by ``attention`` only.

        Returns:
            ``[B, n]`` and the weights ``[B, K]``, both float32.

        Raises:
            ConfigError: unknown kind.
        """
        batch, count, _ = outputs.shape
        if self.kind == "average":
            weights = jnp.full((batch, count), 1 / count, jnp.float32)
        elif self.kind == "linear":
            learned = self.param("weights", nn.initializers.constant(1 / count), (count,), jnp.float32)
            weights = jnp.broadcast_to(learned, (batch, count))
        elif self.kind == "attention":
            learned = self.param("weights", nn.initializers.zeros, (features.shape[-1],), jnp.float32)
            weights = nn.softmax(features.astype(jnp.float32) @ learned, axis=-1)
        else:
            raise ConfigError(f"There is no consensus {self.kind!r}; choose {', '.join(CONSENSUS)}.")
        return jnp.einsum("bk,bkn->bn", weights, outputs.astype(jnp.float32)), weights
