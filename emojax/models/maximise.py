"""Pictures that a unit of a network answers most to, and the pixels that an answer depends on (affwild_cnn_rnn 7.4).

The method and its constants are those of keras-vis: gradient descent on the picture with two regularisers. The picture
is optimised on the scale of [-1, 1] with steps of 2 / 255, on which the regularisers are no larger than scores are.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

Score = Callable[[jax.Array], jax.Array]  # pictures [N, H, W, C], 0 to 255, each for a unit of its own -> [N]

ITERATIONS = 200
_DEVIATION = 0.1  # of the noise that it starts from, around the middle of the range: 5 % of its width
_STEP = 2 / 255
_NORM_WEIGHT = _VARIATION_WEIGHT = 10.0
_DECAY, _EPSILON = 0.95, 1e-7


def maximise(
    score: Score, shape: tuple[int, int, int, int], key: jax.Array, iterations: int = ITERATIONS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures with the lowest loss on the way.

    Args:
        score: activation of the unit of each picture.
        shape: ``[N, H, W, C]``, N units.
        key: of the noise that each picture starts from.
        iterations: number of steps.

    Returns:
        Pictures ``[N, H, W, C]`` float32 on the scale of 0 to 255, not clipped; their scores ``[N]``; the scores of the
        noise ``[N]``.
    """
    start = _DEVIATION * jax.random.normal(key, shape)

    def total(x):
        losses = regularisation(x) - score(_pixels(x))
        return jnp.sum(losses), losses

    def step(carry, _):
        x, cache, best, least = carry
        gradient, losses = jax.grad(total, has_aux=True)(x)
        better = losses < least
        best = jnp.where(better[:, None, None, None], x, best)
        mean_square = jnp.mean(gradient**2, axis=(1, 2, 3), keepdims=True)
        gradient /= jnp.sqrt(mean_square) + _EPSILON
        cache = _DECAY * cache + (1 - _DECAY) * gradient**2
        x -= _STEP * gradient / jnp.sqrt(cache + _EPSILON)
        return (x, cache, best, jnp.where(better, losses, least)), None

    @jax.jit
    def run(x):
        carry = (x, jnp.zeros_like(x), x, jnp.full(len(x), jnp.inf))
        (_, _, best, _), _ = jax.lax.scan(step, carry, None, length=iterations)
        return _pixels(best), score(_pixels(best)), score(_pixels(x))

    return tuple(np.asarray(value) for value in run(start))


def _pixels(x: jax.Array) -> jax.Array:
    """[-1, 1] as 0 to 255."""
    return 127.5 * (x + 1)


def regularisation(x: jax.Array) -> jax.Array:
    """``10 ||x||_6 / n + 10 TV_2(x) / n`` of each picture ``[N, H, W, C]``, n its number of values: ``[N]``."""
    count = np.prod(x.shape[1:])
    norm = jnp.sum(jnp.abs(x) ** 6, axis=(1, 2, 3)) ** (1 / 6)
    down, right = x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]
    variation = jnp.sum(down**2, axis=(1, 2, 3)) + jnp.sum(right**2, axis=(1, 2, 3))
    return (_NORM_WEIGHT * norm + _VARIATION_WEIGHT * variation) / count


def displayed(pictures: np.ndarray) -> np.ndarray:
    """Pictures ``[N, H, W, C]`` stretched for the eye: mean 0.5 and deviation 0.1 each, uint8."""
    axes = (1, 2, 3)
    centred = pictures - pictures.mean(axis=axes, keepdims=True)
    spread = np.maximum(centred.std(axis=axes, keepdims=True), _EPSILON)
    return np.clip((centred / spread * 0.1 + 0.5) * 255, 0, 255).round().astype(np.uint8)


def saliency(score: Score, pictures: np.ndarray) -> np.ndarray:
    """Greatest absolute derivative of the score over the channels of each pixel: ``[N, H, W]`` (spec 7.5)."""
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(score(x))))(jnp.asarray(pictures, jnp.float32))
    return np.asarray(jnp.max(jnp.abs(gradient), axis=-1))
