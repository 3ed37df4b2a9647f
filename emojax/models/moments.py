"""Mean and variance of the real samples of a global batch, and the normalisation by them.

Written for the memory traffic of an accelerator: the two sums of a map are one pass over it, gradients keep the
activations as they are (bfloat16 stays bfloat16), and a map whose moments are known is never read for them again
(`join`: the dense blocks of DenseNet).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Moments(NamedTuple):
    """Moments of a map over the real samples of the global batch, float32.

    Attributes:
        mean: ``[C]``.
        var: ``[C]``, biased.
        count: scalar, number of values behind each.
    """

    mean: jax.Array
    var: jax.Array
    count: jax.Array


def moments(x: jax.Array, mask: jax.Array | None = None, axis_name: str | None = None) -> Moments:
    """Moments of ``x [B, ..., C]`` by channel.

    Sums are taken of differences from the first value of each channel, so they are exact to float32's rounding
    whatever the mean: E[x^2] - E[x]^2 loses a variance of 1e-4 beside a mean of 100 altogether.

    Args:
        x: activations, any float dtype.
        mask: ``[B]`` or ``[B, T]``, 1 for a real sample (frame) and 0 for padding; None when all are real.
        axis_name: mapped axis over which the global batch is split; None for one device.
    """
    channels = x.shape[-1]
    leading = x.shape[:1] if mask is None else mask.shape
    positions = x.size // (channels * math.prod(leading))
    weights = jnp.ones(leading, jnp.float32) if mask is None else mask.astype(jnp.float32)
    shift = jax.lax.stop_gradient(x.reshape(-1, channels)[0].astype(jnp.float32))
    total, squares = _sums(x, None if mask is None else weights, shift)
    count = jnp.sum(weights) * positions
    mean, scatter = _centred(total, squares, count)
    mean = mean + shift
    if axis_name is None:
        return Moments(mean, scatter / jnp.maximum(count, 1), count)
    return _pooled(*jax.lax.all_gather((mean, scatter, count), axis_name))


def join(parts: Sequence[Moments]) -> Moments:
    """Moments of the concatenation of maps of the same samples along the channels."""
    means, variances, counts = zip(*parts)
    return Moments(jnp.concatenate(means), jnp.concatenate(variances), counts[0])


def _centred(total, squares, count):
    """Mean and sum of squared deviations from sums of x and x^2 (each relative to a shift)."""
    mean = total / jnp.maximum(count, 1)
    return mean, jnp.maximum(squares - total * mean, 0)


def _pooled(means, scatters, counts) -> Moments:
    """Moments of all devices from those of each (Chan, Golub and LeVeque 1983, eq. 2.1); ``[devices, C]``."""
    count = jnp.sum(counts)
    safe = jnp.maximum(count, 1)
    mean = jnp.sum(means * counts[:, None], axis=0) / safe
    between = jnp.sum(jnp.square(means - mean) * counts[:, None], axis=0)
    return Moments(mean, (jnp.sum(scatters, axis=0) + between) / safe, count)


@jax.custom_vjp
def _sums(x: jax.Array, weights: jax.Array | None, shift: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Sums ``[C]`` of w (x - shift) and w (x - shift)^2 over all positions."""
    difference = x.astype(jnp.float32) - shift
    weighted = difference if weights is None else difference * _over_positions(weights, x)
    return _two_sums(weighted, weighted * difference)


def _sums_forward(x, weights, shift):
    return _sums(x, weights, shift), (x, weights, shift)


def _sums_backward(kept, cotangents):
    x, weights, shift = kept
    of_total, of_squares = cotangents
    gradient = of_total + 2 * (x.astype(jnp.float32) - shift) * of_squares
    if weights is not None:
        gradient = gradient * _over_positions(weights, x)
    return gradient.astype(x.dtype), None, None


_sums.defvjp(_sums_forward, _sums_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def normalise(x: jax.Array, mean: jax.Array, factor: jax.Array, bias: jax.Array, dtype) -> jax.Array:
    """``(x - mean) * factor + bias`` by channel, computed in float32 and given as `dtype`."""
    return ((x.astype(jnp.float32) - mean) * factor + bias).astype(dtype)


def _normalise_forward(x, mean, factor, bias, dtype):
    return normalise(x, mean, factor, bias, dtype), (x, mean, factor)


def _normalise_backward(dtype, kept, gradient):
    x, mean, factor = kept
    gradient = gradient.astype(jnp.float32)
    of_bias, of_factor = _two_sums(gradient, gradient * (x.astype(jnp.float32) - mean))
    return (gradient * factor).astype(x.dtype), -of_bias * factor, of_factor, of_bias


normalise.defvjp(_normalise_forward, _normalise_backward)


def _two_sums(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Sums ``[C]`` of two maps ``[B, ..., C]``: one kernel, except on a CPU, where XLA makes it 3 x slower than two."""
    return jax.lax.platform_dependent(a, b, cpu=_one_by_one, default=_together)


def _together(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    zero = jnp.zeros((), jnp.float32)
    axes = tuple(range(a.ndim - 1))
    return tuple(jax.lax.reduce((a, b), (zero, zero), lambda x, y: (x[0] + y[0], x[1] + y[1]), axes))


def _one_by_one(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    axes = tuple(range(a.ndim - 1))
    return jnp.sum(a, axes), jnp.sum(b, axes)


def _over_positions(weights: jax.Array, x: jax.Array) -> jax.Array:
    return weights.reshape(weights.shape + (1,) * (x.ndim - weights.ndim))
