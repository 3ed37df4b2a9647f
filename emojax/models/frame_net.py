"""A network on the frames of a sequence: trunk, dense layers, recurrent layers, heads (affwild specs 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.conv import kaiming_fan_in
from emojax.models.dropout import dropout
from emojax.models.recurrent import Recurrent
from emojax.models.time import fold_time, frame_keys, unfold_time

POOLS = ("flatten", "avg")


class FrameNet(nn.Module):
    """Outputs of every frame, each from this frame alone or, with `cell`, from those up to it.

    Modules: ``trunk``, ``fc1`` ..., ``rnn``, and of a head ``NAME1`` ... and ``NAME``. Dense layers are followed by a
    ReLU, but the last of a head.

    Attributes:
        heads: name -> width of its output.
        trunk: a backbone; None where the inputs are its features, computed before.
        pool: what becomes of the trunk's map ``[h, w, D]``: ``flatten`` or ``avg``.
        fc_units: widths of the dense layers before the recurrent ones.
        fc_dropout: after the first of them (corrections 19).
        cell: ``lstm``, ``gru``, or empty for none.
        units: width of the recurrent layers.
        layers: number of them.
        rnn_dropout: after each of them.
        reset_after: see `Recurrent`.
        head_units: widths of the hidden layers of each head.
        head_dropout: after each of them.
        dtype: compute dtype; parameters are float32.
    """

    heads: Mapping[str, int]
    trunk: nn.Module | None
    pool: str = "flatten"
    fc_units: tuple[int, ...] = ()
    fc_dropout: float = 0.5
    cell: str = ""
    units: int = 128
    layers: int = 1
    rnn_dropout: float = 0.5
    reset_after: bool = False
    head_units: tuple[int, ...] = ()
    head_dropout: float = 0.5
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        *,
        train: bool,
        frame_mask: jax.Array | None = None,
        keys: jax.Array | None = None,
    ) -> dict[str, jax.Array]:
        """Outputs ``[B, T, C]`` float32 by the names of the heads, what the heads read, ``states [B, T, D]``, and of a
        head with hidden layers the last of them, ``NAME_hidden [B, T, D]``.

        Args:
            x: images ``[B, T, H, W, 3]`` in the trunk's coding, or its features ``[B, T, D]``.
            train: batch statistics and dropout.
            frame_mask: ``[B, T]``, 1 for a real frame; None when all are.
            keys: for dropout, one an example ``[B]``; without them nothing is dropped.
        """
        dropping = Dropping(keys if train else None, x.shape[1])
        x = self.features(x, train=train, frame_mask=frame_mask)
        for i, width in enumerate(self.fc_units, 1):
            x = nn.relu(self._dense(width, f"fc{i}")(x))
            x = dropping(x, self.fc_dropout) if i == 1 else x
        for i in range(1, self.layers + 1) if self.cell else ():
            options = {"reset_after": self.reset_after, "dtype": self.dtype, "name": f"rnn{i}"}
            x = dropping(Recurrent(self.cell, self.units, **options)(x, frame_mask), self.rnn_dropout)
        outputs = {"states": x.astype(jnp.float32)}
        for name, width in self.heads.items():
            y = x
            for i, hidden in enumerate(self.head_units, 1):
                y = dropping(nn.relu(self._dense(hidden, f"{name}{i}")(y)), self.head_dropout)
            if self.head_units:
                outputs[f"{name}_hidden"] = y.astype(jnp.float32)
            outputs[name] = nn.Dense(width, name=name)(y.astype(jnp.float32))
        return outputs

    def features(self, x: jax.Array, *, train: bool, frame_mask: jax.Array | None = None) -> jax.Array:
        """What the trunk gives of each frame: ``[B, T, D]``; `x` itself without a trunk."""
        if self.trunk is None:
            return x
        mask = None if frame_mask is None else fold_time(frame_mask)
        maps = self.trunk(fold_time(x), train=train, mask=mask)["features"]
        return unfold_time(pooled(maps, self.pool), x.shape[1])

    def _dense(self, width: int, name: str) -> nn.Dense:
        return nn.Dense(width, dtype=self.dtype, kernel_init=kaiming_fan_in, name=name)


def pooled(maps: jax.Array, pool: str) -> jax.Array:
    """``[N, h, w, D]`` -> ``[N, h w D]`` (`flatten`) or ``[N, D]`` (`avg`), float32."""
    if pool == "flatten":
        return maps.reshape(maps.shape[0], -1).astype(jnp.float32)
    return jnp.mean(maps, axis=(1, 2), dtype=jnp.float32)


class Dropping:
    """Dropout of one call of a network: every layer draws from keys of its own.

    Args:
        keys: one an example ``[B]``; None drops nothing.
        time: T.
    """

    def __init__(self, keys: jax.Array | None, time: int):
        self._keys, self._time, self._layer = keys, time, 0

    def __call__(self, x: jax.Array, rate: float) -> jax.Array:
        """``[B, T, D]``."""
        self._layer += 1
        if self._keys is None or rate == 0:
            return x
        keys = jax.vmap(lambda key: jax.random.fold_in(key, self._layer))(self._keys)
        return dropout(x, frame_keys(keys, self._time), rate)
