"""Batch normalisation over the real samples of the global batch."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.moments import Moments, moments, normalise


class BatchNorm(nn.Module):
    """Batch normalisation whose statistics cover all devices and leave padding out.

    The statistics are float32 sums over every real sample of the global batch, so the result depends neither
    on the number of devices nor on how many rows pad the last batch. The batch is normalised by its biased
    variance (division by n); the running variance takes the unbiased one (division by n - 1). Both are
    PyTorch's rules; ``flax.linen.BatchNorm`` and Keras keep the biased one, smaller by (n - 1) / n.

    Attributes:
        momentum: share of the old running statistics kept at an update (PyTorch's ``1 - momentum``).
        epsilon: added to the variance before the root.
        axis_name: mapped axis over which the global batch is split; None for one device.
        dtype: dtype of the output; None keeps the input's.

    Variables: params ``scale``, ``bias`` ``[C]``; batch_stats ``mean``, ``var`` ``[C]``; all float32.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        *,
        train: bool,
        mask: jax.Array | None = None,
        known: Moments | None = None,
    ) -> jax.Array:
        """Normalises ``x [B, ..., C]`` by batch (train) or running statistics.

        Args:
            x: activations, any float dtype.
            train: use and record the batch's statistics.
            mask: ``[B]`` or ``[B, T]``, 1 for a real sample (frame) and 0 for padding; None when all are real.
                Padding is normalised too but never counted.
            known: moments of `x` where they have been taken already; used in training only.
        """
        channels = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones, (channels,), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (channels,), jnp.float32)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, (channels,), jnp.float32)
        running_var = self.variable("batch_stats", "var", jnp.ones, (channels,), jnp.float32)

        if train:
            axis_name = None if self.is_initializing() else self.axis_name
            mean, var, count = moments(x, mask, axis_name) if known is None else known
            if not self.is_initializing():
                unbiased = var * count / jnp.maximum(count - 1, 1)
                running_mean.value = self._average(running_mean.value, mean)
                running_var.value = self._average(running_var.value, unbiased)
        else:
            mean, var = running_mean.value, running_var.value
        return normalise(x, mean, scale * jax.lax.rsqrt(var + self.epsilon), bias, self.dtype or x.dtype)

    def _average(self, old, new):
        return self.momentum * old + (1 - self.momentum) * new
