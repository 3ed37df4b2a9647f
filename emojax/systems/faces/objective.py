"""The objective of a face system as data: a list of weighted terms, each a pure function of the global batch.

Formulas: emotion_gcn spec 3. A term of metric learning may own centres, which are model state: no optimiser
sees them, and they move by their own rule from the same global batch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from emojax.graphs.va_plane import sector_labels
from emojax.objectives.ccc import ccc_loss
from emojax.objectives.class_weights import inverse_frequency_weights
from emojax.objectives.cross_entropy import cross_entropy
from emojax.objectives.dimensions import smooth_l1_loss
from emojax.objectives.face_mask import face_mask_loss
from emojax.objectives.focal import focal_loss
from emojax.objectives.regions import half_cross_entropy, half_squared_error
from emojax.objectives.regression import squared_error_loss
from emojax.objectives.soft_labels import logit_loss, soft_label_table, soft_labels, soft_loss
from emojax.systems.faces.metric_terms import METRIC_TERMS, Centres

Arrays = Mapping[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Term:
    """One summand of the objective.

    Attributes:
        name: shown in the logs as ``loss_<name>``.
        weight: its factor in the sum.
        value: ``(outputs, truth, centres) -> float32 scalar`` of the global batch.
    """

    name: str
    weight: float
    value: Callable[[Arrays, Arrays, jax.Array | None], jax.Array]


@dataclasses.dataclass(frozen=True)
class Objective:
    """The sum of terms, and the centres of the metric term, if it has any."""

    terms: Sequence[Term]
    centres: Centres | None = None

    def __call__(self, outputs: Arrays, truth: Arrays, centres: jax.Array | None):
        """Total loss and its parts.

        Args:
            outputs: of the network, rows ``[B, ...]`` of the global batch.
            truth: ``label``, ``valence``, ``arousal``, ``mask`` [B] and, for the mask task, ``face_mask``.
            centres: before the step; None for an objective without.

        Returns:
            float32 scalar, and ``{"loss_<term>": float32 scalar}``.
        """
        logs, total = {}, jnp.zeros(())
        for term in self.terms:
            value = logs[f"loss_{term.name}"] = term.value(outputs, truth, centres)
            total = total + term.weight * value
        return total, logs

    def moved_centres(self, outputs: Arrays, truth: Arrays, centres: jax.Array) -> jax.Array:
        """The centres after the step."""
        features = jax.lax.stop_gradient(outputs["embedding"])
        return self.centres.update(centres, features, truth["label"], truth["mask"])


def build_objective(config, statistics: Mapping, feature_size: int) -> Objective:
    """The terms that `config.objective` names.

    Args:
        config: resolved config, see `faces_checks.require_valid`.
        statistics: of the training labels, from `dataset.json`.
        feature_size: D of the pooled features, for the centres.

    Raises:
        ConfigError: centres that would diverge.
        DataError: a class without training samples.
    """
    options = config.objective
    terms = []
    if options.expression != "none":
        terms.append(Term("expression", 1.0, _expression(options, statistics["counts"])))
    if options.soft != "none":
        terms.append(Term(options.soft, options.soft_weight, SOFT_TERMS[options.soft](options, statistics)))
    if options.auxiliary != "none":
        value = AUXILIARY_TERMS[options.auxiliary](options, statistics)
        terms.append(Term(options.auxiliary, options.auxiliary_weight, value))
    if options.metric.name == "none":
        return Objective(terms)
    value, centres = METRIC_TERMS[options.metric.name](options.metric, statistics, feature_size)
    return Objective([*terms, Term(options.metric.name, options.metric.weight, value)], centres)


def _expression(options, counts: Sequence[int]):
    loss = CLASSIFICATION_LOSSES[options.expression](options, counts)
    return lambda outputs, truth, _: loss(outputs["logits"], truth["label"], truth["mask"])


def _weighted(options, counts):
    weights = inverse_frequency_weights(counts)
    return partial(cross_entropy, class_weights=weights, reduction=options.reduction)


def _focal(options, counts):
    alpha = inverse_frequency_weights(counts) if options.focal_alpha == "class_weights" else None
    return partial(focal_loss, gamma=options.focal_gamma, class_weights=alpha)


# name -> (options, counts [C]) -> loss(logits [B, C], labels [B], mask [B]); for expressions and for regions
CLASSIFICATION_LOSSES = {
    "weighted": _weighted,
    "unweighted": lambda options, counts: cross_entropy,
    "focal": _focal,
}


def _soft_targets(options, statistics):
    table = soft_label_table(np.array(statistics["va_histogram"][str(options.soft_bins)]))
    return lambda truth: soft_labels(table, truth["valence"], truth["arousal"])


def _soft(options, statistics):
    targets = _soft_targets(options, statistics)
    return lambda outputs, truth, _: soft_loss(outputs["logits"], targets(truth), truth["mask"])


def _logit(options, statistics):
    targets = _soft_targets(options, statistics)
    return lambda outputs, truth, _: logit_loss(
        outputs["logits"], targets(truth), truth["mask"], on=options.logit_on
    )


SOFT_TERMS = {"soft": _soft, "logit": _logit}


def _valence_arousal(truth: Arrays) -> jax.Array:
    return jnp.stack([truth["valence"], truth["arousal"]], axis=-1)


def _ccc(options, statistics):
    return lambda outputs, truth, _: ccc_loss(
        outputs["va"], _valence_arousal(truth), truth["mask"], bias_parity=options.ccc_bias_parity
    )


def _mse(options, statistics):
    return lambda outputs, truth, _: squared_error_loss(outputs["va"], _valence_arousal(truth), truth["mask"])


def _smooth_l1(options, statistics):
    # Of values rescaled to [0, 1], whose differences are half as large (context_emotion spec 1.2, 3).
    return lambda outputs, truth, _: smooth_l1_loss(
        outputs["va"] / 2, _valence_arousal(truth) / 2, truth["mask"]
    )


def _half(loss):
    def build(options, statistics):
        return lambda outputs, truth, _: loss(
            outputs["aux"], sector_labels(truth["valence"], truth["arousal"], 2), truth["mask"]
        )

    return build


def _regions(options, statistics):
    number = options.regions
    loss = CLASSIFICATION_LOSSES[options.region_loss](options, _region_counts(statistics, number))

    def value(outputs: Arrays, truth: Arrays, _):
        sectors = sector_labels(truth["valence"], truth["arousal"], number)
        return loss(outputs["aux"], sectors, truth["mask"])

    return value


def _region_counts(statistics: Mapping, number: int) -> np.ndarray:
    """Training samples of each region; an empty region counts as the rarest: it is never a target."""
    counts = np.array(statistics["sector_counts"][str(number)])
    return np.where(counts > 0, counts, counts[counts > 0].min())


def _face_mask(options, statistics):
    def value(outputs: Arrays, truth: Arrays, _):
        logits = outputs["mask_logits"]
        target = jax.image.resize(truth["face_mask"], logits.shape[:-1], "nearest")  # no change at 227 px
        return face_mask_loss(logits, target, truth["mask"])

    return value


AUXILIARY_TERMS = {
    "ccc": _ccc,
    "mse": _mse,
    "smooth_l1": _smooth_l1,
    "half_mse": _half(half_squared_error),
    "half_bce": _half(half_cross_entropy),
    "regions": _regions,
    "mask": _face_mask,
}
