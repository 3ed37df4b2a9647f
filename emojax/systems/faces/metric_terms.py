"""Metric-learning terms of a face system's objective by name (emotion_gcn spec 3.3-3.9).

A row of `METRIC_TERMS` builds ``(value, centres)`` from the options ``config.objective.metric``: the value is
a function of outputs, truth and centres as in `faces_objective.Term`; the centres are None where nothing is
learned.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from emojax.errors import ConfigError
from emojax.objectives.centres import centre_local_loss, centre_loss, init_centres, update_centres
from emojax.objectives.contrastive import contrastive_loss
from emojax.objectives.island import (
    euclidean_island_loss,
    island_loss,
    update_euclidean_island_centres,
    update_island_centres,
)
from emojax.objectives.subclass import subclass_loss, update_subclass_centres
from emojax.objectives.va_centre import va_centre_local_loss

# Collection of the centres in the model state.
CENTRES = "centres"


@dataclasses.dataclass(frozen=True)
class Centres:
    """Learned centres of a metric term.

    Attributes:
        shape: ``(C, D)``, or ``(C, K, D)`` with K centres a class.
        update: ``(centres, features [B, D], labels [B], mask [B]) -> centres`` after a step.
    """

    shape: tuple[int, ...]
    update: Callable[..., jax.Array]

    def init(self, key: jax.Array) -> jax.Array:
        """Random centres, N(0, 0.1^2)."""
        return init_centres(key, self.shape)


def _on_features(loss):
    """A term from a loss of (features, labels, mask)."""
    return lambda outputs, truth, _: loss(outputs["embedding"], truth["label"], truth["mask"])


def _on_centres(loss, update, shape):
    """A term, with its centres, from a loss and an update of (centres, features, labels, mask)."""

    def value(outputs, truth, centres):
        return loss(centres, outputs["embedding"], truth["label"], truth["mask"])

    return value, Centres(shape, update)


def _centre(options, statistics, width: int):
    shape = (len(statistics["counts"]), width)
    loss = partial(centre_loss, reduction=options.reduction)
    return _on_centres(loss, partial(update_centres, alpha=options.alpha), shape)


def _centre_local(options, statistics, width: int):
    classes = len(statistics["counts"])
    return _on_features(partial(centre_local_loss, num_classes=classes, reduction=options.reduction)), None


def _island(options, statistics, width: int):
    shape = (len(statistics["counts"]), width)
    loss = partial(island_loss, lambda1=options.lambda1, reduction=options.reduction)
    return _on_centres(
        loss, partial(update_island_centres, lambda1=options.lambda1, alpha=options.alpha), shape
    )


def _euclidean_island(options, statistics, width: int):
    classes = len(statistics["counts"])
    step = 4 * options.alpha * options.lambda1 * (classes - 1)
    if step >= 1:
        raise ConfigError(
            f"config.objective.metric: 4 * alpha {options.alpha} * lambda1 {options.lambda1} * {classes - 1} "
            f"rivals is {step:g}; from 1 on a step throws the centres past the margin (spec 3.6). Take a "
            "smaller lambda1."
        )
    pair = {"margin": options.margin, "lambda1": options.lambda1}
    loss = partial(euclidean_island_loss, reduction=options.reduction, **pair)
    update = partial(update_euclidean_island_centres, alpha=options.alpha, **pair)
    return _on_centres(loss, update, (classes, width))


def _subclass(options, statistics, width: int, *, margin: float | None = None):
    sub_centres = options.sub_centres
    step = options.alpha * options.lambda1 * sub_centres
    if margin is not None and step >= 0.5:
        raise ConfigError(
            f"config.objective.metric: alpha {options.alpha} * lambda1 {options.lambda1} * {sub_centres} "
            f"sub-centres is {step:g}; from 0.5 on the sub-centres diverge (spec 3.7): take a smaller one."
        )
    pair = {"margin": margin, "lambda1": options.lambda1}
    loss = partial(subclass_loss, reduction=options.reduction, **pair)
    update = partial(update_subclass_centres, alpha=options.alpha, **pair)
    return _on_centres(loss, update, (len(statistics["counts"]), sub_centres, width))


def _subclass_margin(options, statistics, width: int):
    return _subclass(options, statistics, width, margin=options.margin)


def _va_centre(options, statistics, width: int):
    means = np.array(statistics["class_mean_va"], np.float32) if options.va_mean == "train" else None
    loss = partial(
        va_centre_local_loss,
        num_classes=len(statistics["counts"]),
        use=options.va_use,
        class_mean_va=means,
        reduction=options.reduction,
    )

    def value(outputs, truth, _):
        va = jnp.stack([truth["valence"], truth["arousal"]], axis=-1)
        return loss(outputs["embedding"], truth["label"], va, truth["mask"])

    return value, None


def _contrastive(options, statistics, width: int):
    terms = {"positive": options.pairs != "negative", "negative": options.pairs != "positive"}
    return _on_features(partial(contrastive_loss, margin=options.margin, **terms)), None


METRIC_TERMS = {
    "centre": _centre,
    "centre_local": _centre_local,
    "island": _island,
    "island_euclidean": _euclidean_island,
    "subclass": _subclass,
    "subclass_margin": _subclass_margin,
    "va_centre": _va_centre,
    "contrastive": _contrastive,
}
