"""Centre local loss weighted by how typical a sample's valence and arousal are (spec emotion_gcn 3.8)."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from emojax.errors import ConfigError
from emojax.objectives.centres import batch_means
from emojax.objectives.masking import masked_reduce, real_rows

_COLUMNS = {"both": (0, 1), "valence": (0,), "arousal": (1,)}


def typicality_weights(
    va: jax.Array,
    labels: jax.Array,
    mask: jax.Array,
    *,
    num_classes: int,
    use: str = "both",
    class_mean_va: jax.Array | None = None,
) -> jax.Array:
    """``(d_max - d_i)^2 / 4``: 2 at the class mean, 0 at the far end of the plane (thesis eqs 4.5.2-4.5.3).

    Args:
        va: ``[B, 2]`` true valence and arousal in [-1, 1].
        labels: ``[B]`` int in [0, C).
        mask: ``[B]``, 1 for a real sample, 0 for padding.
        num_classes: C.
        use: "both" (d_max = 2 sqrt 2), "valence" or "arousal" (d_max = 2, weights in [0, 1]).
        class_mean_va: ``[C, 2]`` means of the training set; None takes those of the batch.

    Returns:
        ``[B]`` float32; the value of a padded row means nothing.

    Raises:
        ConfigError: another `use`.
    """
    if use not in _COLUMNS:
        raise ConfigError(f"va_use is one of {sorted(_COLUMNS)}, not {use!r}.")
    columns = list(_COLUMNS[use])
    va = real_rows(va, mask)
    if class_mean_va is None:
        class_mean_va = batch_means(va, labels, mask, num_classes)
    offset = (va - jnp.asarray(class_mean_va)[real_rows(labels, mask)])[:, columns]
    distance = jnp.sqrt(jnp.sum(offset**2, axis=-1))
    return (2 * math.sqrt(len(columns)) - distance) ** 2 / 4


def va_centre_local_loss(
    features: jax.Array,
    labels: jax.Array,
    va: jax.Array,
    mask: jax.Array,
    *,
    num_classes: int,
    use: str = "both",
    class_mean_va: jax.Array | None = None,
    reduction: str = "mean",
) -> jax.Array:
    """``1/2 w_i ||x_i - c_{y_i}||^2`` with the batch's class means as constant centres (thesis eq. 4.5.1).

    Args:
        features: ``[B, D]``.
        labels: ``[B]`` int in [0, C).
        va: ``[B, 2]`` true valence and arousal.
        mask: ``[B]``, 1 for a real sample, 0 for padding.
        num_classes: C.
        use, class_mean_va: see `typicality_weights`.
        reduction: "mean" or "sum".
    """
    weights = typicality_weights(
        va, labels, mask, num_classes=num_classes, use=use, class_mean_va=class_mean_va
    )
    x = real_rows(features, mask)
    means = jax.lax.stop_gradient(batch_means(x, labels, mask, num_classes))
    distance = jnp.sum((x - means[real_rows(labels, mask)]) ** 2, axis=-1)
    return masked_reduce(0.5 * jax.lax.stop_gradient(weights) * distance, mask, reduction)
