"""Convolutions over time with fewer products, for wide maps on a CPU (Winograd 1980; Lavin and Gray, CVPR 2016).

Three neighbouring outputs of three taps take 5 products and not 9: both are polynomials, multiplied at the points 0, 1,
-1, 1/2 and infinity. A kernel of nine taps is three groups of three, shifted by whole tiles of three frames, so the
groups share what the tiles of the input are at the points.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

_TAPS = 3  # of a group, and frames of a tile
_POINTS = (0.0, 1.0, -1.0, 0.5)


def _at_points(coefficients: int) -> np.ndarray:
    """Values of a polynomial at the points, ``[5, coefficients]``; at infinity it is its last coefficient."""
    return np.vstack([np.vander(_POINTS, coefficients, increasing=True), np.eye(coefficients)[-1]])


# y = _OUTPUT.T @ ((_KERNEL @ taps) * (_INPUT @ frames)), frames [5], taps and y [3].
_KERNEL = _OUTPUT = _at_points(_TAPS)
_INPUT = np.linalg.inv(_at_points(2 * _TAPS - 1)).T


def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """``[N, T, C]``, ``[K, C, F]`` -> ``[N, T, F]``, K odd and a multiple of 3, padded by K // 2 frames."""
    taps = [kernel[i::_TAPS] for i in range(_TAPS)]
    products = [
        jax.lax.conv_general_dilated(
            tiles, _sum(row, taps), (1,), "VALID", dimension_numbers=("NWC", "WIO", "NWC")
        )
        for tiles, row in zip(_inputs(x, len(kernel)), _KERNEL)
    ]
    frames = [_sum(column, products) for column in _OUTPUT.T]
    y = jnp.concatenate(frames, 2).reshape(x.shape[0], _TAPS * frames[0].shape[1], kernel.shape[-1])
    return y[:, : x.shape[1]]


def input_gradient(kernel: jax.Array, gradient: jax.Array) -> jax.Array:
    """Of `convolve`: ``[K, C, F]``, ``[N, T, F]`` -> ``[N, T, C]``."""
    return convolve(gradient, kernel[::-1].swapaxes(1, 2))


def kernel_gradient(x: jax.Array, gradient: jax.Array, frames: int, of_tiles) -> jax.Array:
    """Of `convolve`: ``[N, T, C]``, ``[N, T, F]`` -> ``[frames, C, F]``.

    Args:
        x: input.
        gradient: of the output.
        frames: of the kernel.
        of_tiles: ``[N, n + K - 1, C]``, ``[N, n, F]`` -> the gradient ``[K, C, F]`` of a convolution without padding,
            K = frames / 3.
    """
    behind = -gradient.shape[1] % _TAPS
    gradient = jnp.pad(gradient, ((0, 0), (0, behind), (0, 0)))
    parts = [gradient[:, i::_TAPS] for i in range(_TAPS)]
    at_points = [of_tiles(tiles, _sum(row, parts)) for tiles, row in zip(_inputs(x, frames), _OUTPUT)]
    taps = [_sum(column, at_points) for column in _KERNEL.T]
    return jnp.stack(taps, 1).reshape(frames, x.shape[-1], -1)


def _inputs(x: jax.Array, frames: int) -> list[jax.Array]:
    """The tiles of the padded input at each point, ``[N, ceil(T / 3) + frames / 3 - 1, C]``."""
    tiles = -(-x.shape[1] // _TAPS) + frames // _TAPS - 1
    before = frames // 2
    behind = _TAPS * (tiles + 1) - before - x.shape[1]
    x = jnp.pad(x, ((0, 0), (before, behind), (0, 0)))
    x = x.reshape(x.shape[0], tiles + 1, _TAPS, x.shape[-1])
    frames_of_tile = [x[:, :-1, i] for i in range(_TAPS)] + [x[:, 1:, i] for i in range(_TAPS - 1)]
    return [_sum(row, frames_of_tile) for row in _INPUT]


def _sum(weights: Sequence[float], parts: Sequence[jax.Array]) -> jax.Array:
    return sum(float(w) * part for w, part in zip(weights, parts) if abs(w) > 1e-9)
