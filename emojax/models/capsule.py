"""A discriminator of capsules (Jaiswal et al., CapsuleGAN, 2018; Sabour et al., NIPS 2017; affwild_gan spec 2.7)."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

_small = nn.initializers.truncated_normal(0.02)
_TINY = 1e-7
SMALLEST = 32  # side of the smallest picture that two 9 x 9 convolutions without padding leave something of


def squash(s: jax.Array) -> jax.Array:
    """``|s|^2 / (1 + |s|^2) s / |s|`` along the last axis: the direction stays, the length comes below 1."""
    square = jnp.sum(jnp.square(s), axis=-1, keepdims=True)
    return s * jnp.sqrt(square + _TINY) / (1 + square)


def route(votes: jax.Array, iterations: int) -> jax.Array:
    """Dynamic routing by agreement.

    Args:
        votes: ``[B, I, J, D]``: what each of I capsules expects each of J to be.
        iterations: at least 1. With J = 1 every coupling is 1 and further iterations change nothing.

    Returns:
        ``[B, J, D]``, squashed.
    """
    logits = jnp.zeros(votes.shape[:3])
    for i in range(iterations):
        coupling = jax.nn.softmax(logits, axis=2)
        capsules = squash(jnp.einsum("bij,bijd->bjd", coupling, votes))
        if i < iterations - 1:
            logits = logits + jnp.einsum("bijd,bjd->bij", votes, jax.lax.stop_gradient(capsules))
    return capsules


class CapsuleDiscriminator(nn.Module):
    """Takes the place of `emojax.models.dcgan.Discriminator`: the length of one capsule is the probability of "real".

    A 9 x 9 convolution with ReLU, primary capsules of 8 values by a 9 x 9 convolution of stride 2, both without
    padding, one capsule of 16 values, and a linear layer to valence and arousal. There are no batch norms.

    Attributes:
        base_channels: 64 gives the published sizes: a quarter of the first convolution's maps, and twice the types of
            primary capsules.
        iterations: of the routing.
        dtype: compute dtype of the convolutions; parameters stay float32.
    """

    base_channels: int = 64
    iterations: int = 3
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool, mask: jax.Array | None = None, keys: jax.Array | None = None
    ) -> dict[str, jax.Array]:
        """``outputs [B, 3]`` float32: valence, arousal, logit of "generated"; ``features [B, 16]``, the capsule.

        Args:
            x: ``[B, S, S, 3]`` in [-1, 1], S at least 32.
            train, mask, keys: change nothing here.
        """
        options = {"padding": "VALID", "kernel_init": _small, "dtype": self.dtype}
        x = nn.relu(nn.Conv(4 * self.base_channels, (9, 9), name="conv", **options)(x.astype(self.dtype)))
        x = nn.Conv(4 * self.base_channels, (9, 9), (2, 2), name="primary", **options)(x)
        primary = squash(x.astype(jnp.float32).reshape(x.shape[0], -1, 8))
        weights = self.param("votes", _small, (primary.shape[1], 8, 16), jnp.float32)
        votes = jnp.einsum("bik,ikd->bid", primary, weights)[:, :, None]
        capsule = route(votes, self.iterations)[:, 0]
        length = jnp.clip(jnp.sqrt(jnp.sum(jnp.square(capsule), axis=-1) + _TINY), _TINY, 1 - _TINY)
        values = nn.Dense(2, kernel_init=_small, name="head")(capsule)
        logit = jnp.log1p(-length) - jnp.log(length)
        return {"features": capsule, "outputs": jnp.concatenate([values, logit[:, None]], axis=-1)}
