"""LSTM and GRU over padded sequences, with the gates of PyTorch and Keras (context_emotion spec 2.7, affwild specs 2).

The projection of all frames is one matrix product; only the recurrent one is in the scan. So are their gradients: of an
LSTM's kernels each is one product over all frames.
"""

from __future__ import annotations

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.errors import ConfigError

CELLS = ("lstm", "gru")


class Recurrent(nn.Module):
    """Layers of a recurrent network; padding changes neither states nor outputs of real frames.

    Gates stand side by side in the kernels, in PyTorch's order: input, forget, cell, output of an LSTM; reset, update,
    new of a GRU. Parameters of a layer and direction: ``input_kernel [D, G H]``, ``recurrent_kernel [H, G H]``,
    ``bias [G H]``, and of a GRU with `reset_after` ``recurrent_bias [G H]``.

    Attributes:
        cell: ``lstm`` or ``gru``.
        features: H, width of the state.
        layers: stacked on one another.
        bidirectional: a second network reads each sequence backwards; the outputs stand side by side.
        forget_bias: of an LSTM's forget gate, at the start.
        reset_after: a GRU applies its reset gate after the recurrent product (cuDNN, PyTorch) instead of before it
            (TensorFlow 1; corrections 18).
        dtype: of the products; states are float32.
    """

    cell: str
    features: int
    layers: int = 1
    bidirectional: bool = False
    forget_bias: float = 1.0
    reset_after: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """``[B, T, D] -> [B, T, H]`` (``2 H`` if bidirectional) float32; zeros at padding.

        Args:
            x: one vector a frame.
            mask: ``[B, T]``, 1 for a real frame; real frames come first. None when all are real.

        Raises:
            ConfigError: unknown cell.
        """
        if self.cell not in CELLS:
            raise ConfigError(f"There is no recurrent cell {self.cell!r}; choose {', '.join(CELLS)}.")
        mask = jnp.ones(x.shape[:2], jnp.float32) if mask is None else mask.astype(jnp.float32)
        for layer in range(self.layers):
            outputs = [self._direction(f"layer_{layer}", x, mask, reverse=False)]
            if self.bidirectional:
                outputs.append(self._direction(f"layer_{layer}_backward", x, mask, reverse=True))
            x = jnp.concatenate(outputs, axis=-1)
        return x

    def _direction(self, name: str, x: jax.Array, mask: jax.Array, *, reverse: bool) -> jax.Array:
        options = (self.cell, self.features, self.forget_bias, self.reset_after, self.dtype)
        return _Direction(*options, reverse, name=name)(x, mask)


class _Direction(nn.Module):
    """One layer in one direction."""

    cell: str
    features: int
    forget_bias: float
    reset_after: bool
    dtype: Any
    reverse: bool

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array) -> jax.Array:
        gates, width = (4 if self.cell == "lstm" else 3), self.features
        glorot, orthogonal = nn.initializers.glorot_uniform(), nn.initializers.orthogonal()
        kernel = self.param("input_kernel", _side_by_side(glorot, gates), (x.shape[-1], gates * width))
        recurrent = self.param("recurrent_kernel", _side_by_side(orthogonal, gates), (width, gates * width))
        bias = self.param("bias", self._bias, (gates * width,))
        frames = x.astype(self.dtype).reshape(-1, x.shape[-1])  # rows: the kernel's gradient copies none
        projected = jnp.dot(frames, kernel.astype(self.dtype)).astype(jnp.float32) + bias
        projected = projected.reshape(*x.shape[:2], -1)
        weights = recurrent.astype(self.dtype)
        if self.cell == "lstm":
            return _lstm(weights, projected, mask, self.reverse) * mask[..., None]
        if self.reset_after:
            inner = self.param("recurrent_bias", nn.initializers.zeros, (gates * width,))
            step = _gru_step_after(lambda state: _product(state, weights) + inner)
        else:
            step = _gru_step_before(weights, width)
        return _scan(step, projected, mask, width, states=1, reverse=self.reverse) * mask[..., None]

    def _bias(self, key: jax.Array, shape: tuple[int], dtype=jnp.float32) -> jax.Array:
        bias = jnp.zeros(shape, dtype)
        if self.cell == "lstm":
            bias = bias.at[self.features : 2 * self.features].set(self.forget_bias)
        elif not self.reset_after:
            bias = bias.at[: 2 * self.features].set(1.0)  # TensorFlow 1 starts both gates open
        return bias


def _scan(
    step, projected: jax.Array, mask: jax.Array, width: int, *, states: int, reverse: bool
) -> jax.Array:
    """The hidden state ``[B, T, H]`` after each frame; padding changes no state."""

    def masked(carry, frame):
        values, real = frame
        new = step(carry, values)
        carry = tuple(jnp.where(real[:, None] > 0, n, c) for n, c in zip(new, carry))
        return carry, carry[0]

    start = (jnp.zeros((projected.shape[0], width), jnp.float32),) * states
    frames = (jnp.swapaxes(projected, 0, 1), jnp.swapaxes(mask, 0, 1))
    _, hidden = jax.lax.scan(masked, start, frames, reverse=reverse)
    return jnp.swapaxes(hidden, 0, 1)


def last_output(outputs: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """The output of each sequence's last real frame: ``[B, T, H] -> [B, H]``."""
    if mask is None:
        return outputs[:, -1]
    last = jnp.maximum(jnp.sum(mask > 0, axis=1) - 1, 0)
    return jnp.take_along_axis(outputs, last[:, None, None], axis=1)[:, 0]


def _side_by_side(init, gates: int):
    """An initialiser of one gate's kernel, for several side by side."""

    def several(key: jax.Array, shape: tuple[int, int], dtype=jnp.float32) -> jax.Array:
        one = (shape[0], shape[1] // gates)
        return jnp.concatenate([init(k, one, dtype) for k in jax.random.split(key, gates)], axis=1)

    return several


def _product(state: jax.Array, weights: jax.Array) -> jax.Array:
    """float32 product in the dtype of the weights."""
    return jnp.dot(state.astype(weights.dtype), weights).astype(jnp.float32)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _lstm(weights: jax.Array, projected: jax.Array, mask: jax.Array, reverse: bool) -> jax.Array:
    """As `_scan`, of an LSTM with recurrent `weights [H, 4 H]` from `projected [B, T, 4 H]` frames."""
    step = _lstm_step(weights)
    return _scan(step, projected, mask, len(weights), states=2, reverse=reverse)


def _lstm_forward(weights, projected, mask, reverse):
    hidden, backward = jax.vjp(lambda p: _lstm.fun(weights, p, mask, reverse), projected)
    return hidden, (weights, mask, hidden, backward)


def _lstm_backward(reverse, kept, gradient):
    weights, mask, hidden, backward = kept
    (of_projected,) = backward(gradient)
    # A gate is `projected` plus the product of weights and the state before: the gradients of both are the same.
    nothing = jnp.zeros_like(hidden[:, :1])
    before = (hidden[:, 1:], nothing) if reverse else (nothing, hidden[:, :-1])
    rows, gates = (
        x.astype(weights.dtype).reshape(-1, x.shape[-1])
        for x in (jnp.concatenate(before, axis=1), of_projected)
    )
    of_weights = jnp.dot(rows.T, gates, preferred_element_type=jnp.float32).astype(weights.dtype)
    return of_weights, of_projected, jnp.zeros_like(mask)


_lstm.defvjp(_lstm_forward, _lstm_backward)


def _lstm_step(weights: jax.Array):
    def step(carry, values):
        hidden, cell = carry
        i, f, g, o = jnp.split(values + _product(hidden, weights), 4, axis=-1)
        cell = nn.sigmoid(f) * cell + nn.sigmoid(i) * jnp.tanh(g)
        return nn.sigmoid(o) * jnp.tanh(cell), cell

    return step


def _gru_step_after(product):
    def step(carry, values):
        (hidden,) = carry
        x_reset, x_update, x_new = jnp.split(values, 3, axis=-1)
        h_reset, h_update, h_new = jnp.split(product(hidden), 3, axis=-1)
        reset, update = nn.sigmoid(x_reset + h_reset), nn.sigmoid(x_update + h_update)
        new = jnp.tanh(x_new + reset * h_new)
        return ((1 - update) * new + update * hidden,)

    return step


def _gru_step_before(weights: jax.Array, width: int):
    def step(carry, values):
        (hidden,) = carry
        x_gates, x_new = values[:, : 2 * width], values[:, 2 * width :]
        reset, update = jnp.split(nn.sigmoid(x_gates + _product(hidden, weights[:, : 2 * width])), 2, axis=-1)
        new = jnp.tanh(x_new + _product(reset * hidden, weights[:, 2 * width :]))
        return ((1 - update) * new + update * hidden,)

    return step
