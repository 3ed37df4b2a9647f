"""Networks on Laban features: of every frame, or of a whole clip (context_emotion spec 2.7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.heads import uniform_by_input
from emojax.models.norm import BatchNorm
from emojax.models.pose_nets import DenseStack
from emojax.models.recurrent import Recurrent, last_output


class LabanConv1D(nn.Module):
    """Three 1-D convolutions that keep the length, the mean over it, three dense layers.

    Attributes:
        filters: of the convolutions (batch norm, ReLU).
        kernels: of the convolutions.
        widths: of the dense layers (batch norm, ReLU); the last is the size of the feature.
        axis_name: mapped axis of the global batch.
        dtype: of the convolutions.
    """

    filters: Sequence[int] = (256, 512, 1024)
    kernels: Sequence[int] = (5, 3, 3)
    widths: Sequence[int] = (1024, 512, 256)
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @property
    def feature_size(self) -> int:
        return self.widths[-1]

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        *,
        train: bool,
        mask: jax.Array | None = None,
        frame_mask: jax.Array | None = None,
    ) -> dict[str, jax.Array]:
        """``[B, T, D]`` -> ``{"features": [B, widths[-1]]}`` float32.

        Args:
            x: features of every frame, or a descriptor as ``[B, 216, 1]``.
            train: batch statistics.
            mask: ``[B]``, 0 for padding rows.
            frame_mask: ``[B, T]``, 0 for padded frames, which count as zeros before each convolution and not at all
                in statistics and means.
        """
        frames = jnp.ones(x.shape[:2], jnp.float32) if frame_mask is None else frame_mask.astype(jnp.float32)
        real = frames if mask is None else frames * mask[:, None]
        x = x.astype(self.dtype)
        for i, (filters, kernel) in enumerate(zip(self.filters, self.kernels)):
            x = x * frames[..., None].astype(x.dtype)
            init = uniform_by_input(kernel * x.shape[-1])
            conv = nn.Conv(
                filters, (kernel,), kernel_init=init, use_bias=False, dtype=self.dtype, name=f"conv_{i}"
            )
            norm = BatchNorm(axis_name=self.axis_name, dtype=self.dtype, name=f"conv_norm_{i}")
            x = nn.relu(norm(conv(x), train=train, mask=real))
        total = jnp.sum(x.astype(jnp.float32) * frames[..., None], axis=1)
        mean = total / jnp.maximum(jnp.sum(frames, axis=1), 1)[:, None]
        stack = DenseStack(self.widths, self.axis_name, name="dense")
        return {"features": stack(mean, train=train, mask=mask)}


class LabanLSTM(nn.Module):
    """A bidirectional LSTM; its output at the last real frame (spec 10, G22).

    Attributes:
        hidden: width of each direction.
        layers: stacked on one another.
        both_ends: the backward half from the first frame, where it has seen all of them.
        dtype: of the products.
    """

    hidden: int = 1024
    layers: int = 2
    both_ends: bool = False
    dtype: Any = jnp.float32

    @property
    def feature_size(self) -> int:
        return 2 * self.hidden

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        *,
        train: bool,
        mask: jax.Array | None = None,
        frame_mask: jax.Array | None = None,
    ) -> dict[str, jax.Array]:
        """``[B, T, D]`` -> ``{"features": [B, 2 hidden]}`` float32; see `LabanConv1D`."""
        network = Recurrent(
            "lstm", self.hidden, self.layers, bidirectional=True, dtype=self.dtype, name="lstm"
        )
        outputs = network(x, frame_mask)
        last = last_output(outputs, frame_mask)
        if self.both_ends:
            last = jnp.concatenate([last[:, : self.hidden], outputs[:, 0, self.hidden :]], axis=-1)
        return {"features": last}
