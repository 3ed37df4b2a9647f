"""The score of a category's unit for pictures, shown in every frame of a window (affwild_cnn_rnn spec 7.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from emojax.systems.face_videos.inputs import coded


def unit_scores(system, variables: Mapping, units) -> Callable[[jax.Array], jax.Array]:
    """A function of pictures ``[N, H, W, 3]``, 0 to 255: the mean over time of each one's unit, before softmax ``[N]``.

    The trunk sees each picture once: all frames of its window have the same features.

    Args:
        system: a `FaceVideoSystem` with a trunk and categories.
        variables: trained.
        units: ``[N]`` int, the unit of each picture.
    """
    options = system.config.model
    after_trunk = system.net.clone(trunk=None)
    units = jnp.asarray(units)

    def score(pictures: jax.Array) -> jax.Array:
        x = coded(pictures, system.config, variables)[:, None].astype(system.dtype)
        features = system.net.apply(variables, x, train=False, method="features")
        window = jnp.repeat(features, options.window, axis=1)
        logits = after_trunk.apply(variables, window, train=False)["logits"]
        return jnp.take_along_axis(logits.mean(axis=1), units[:, None], axis=1)[:, 0]

    return score
