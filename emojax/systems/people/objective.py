"""The loss of a people system: which terms there are and how they are weighed (context_emotion spec 3)."""

from __future__ import annotations

import collections
import functools
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from emojax.objectives.attention import attention_loss
from emojax.objectives.dimensions import margin_squared_error, mean_squared_error, smooth_l1_loss
from emojax.objectives.embedding import embedding_loss
from emojax.objectives.emoticon import multiplicative_loss
from emojax.objectives.multilabel import (
    batch_label_weights,
    binary_cross_entropy,
    rarity_weights,
    weighted_squared_error,
)

CATEGORY_LOSSES = ("bce", "weighted_l2")
DIMENSION_LOSSES = ("smooth_l1", "smooth_l1_sum", "mse", "margin_l2")
# Of weighted_l2: by the labels of the batch, by those of the training split, or all equal.
DIMENSION_OUTPUTS = ("scaled", "unit")
LABEL_WEIGHTS = ("counts", "shares", "static", "mean")


def category_scores(config, logits: np.ndarray) -> np.ndarray:
    """``[N, C]`` scores from logits: probabilities, or the logits themselves under the baseline's L2 loss."""
    if config.objective.categories == "weighted_l2":
        return np.asarray(logits, np.float64)
    return 1 / (1 + np.exp(-np.asarray(logits, np.float64)))


def objective(
    config,
    outputs: Mapping,
    truth: Mapping[str, jax.Array],
    counts: Sequence[int],
    vectors: jax.Array | None = None,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Total loss of a global batch and its unweighted parts.

    Args:
        config: of the family `people`.
        outputs: of the network, global arrays; ``dimensions`` as `loss_dimensions` gives them.
        truth: ``categories [B, C]``, ``vad [B, K]`` in [0, 1], ``mask [B]``.
        counts: ``[C]`` training samples that carry each label.
        vectors: ``[C, d]`` word vectors of the labels, where the net has an embedding.

    Returns:
        float32 scalar, and scalars by name.
    """
    options, mask, labels = config.objective, truth["mask"], truth["categories"]
    terms = {"categories": _category_loss(options, outputs["logits"], labels, mask, counts)}
    weights = {"categories": options.category_weight}
    if "dimensions" in outputs:
        loss, scale = _dimension_loss(options), options.dimension_scale
        terms["dimensions"] = loss(outputs["dimensions"], scale * truth["vad"], mask)
        weights["dimensions"] = options.dimension_weight
    if outputs.get("attention_logits"):
        terms["attention"] = attention_loss(outputs["attention_logits"].values(), labels, mask)
        weights["attention"] = options.attention_weight
    if "embedding" in outputs:
        terms["embedding"] = embedding_loss(outputs["embedding"], labels, vectors, mask)
        weights["embedding"] = options.embedding_weight
    if "modality_probabilities" in outputs:
        probabilities = outputs["modality_probabilities"]
        terms["multiplicative"] = multiplicative_loss(
            probabilities, labels, mask, beta=options.multiplicative_beta
        )
        weights["multiplicative"] = options.multiplicative_weight
    total = sum((weights[name] * value for name, value in terms.items()), jnp.zeros(()))
    return total, {f"loss_{name}": value for name, value in terms.items()}


def dimension_values(config, outputs):
    """What the network says of valence, arousal and dominance, on the scale of [0, 1]."""
    return (
        outputs / config.objective.dimension_scale
        if config.objective.dimension_outputs == "scaled"
        else outputs
    )


def loss_dimensions(config, outputs):
    """The same on the scale of the loss, `objective.dimension_scale` times [0, 1]."""
    return (
        outputs
        if config.objective.dimension_outputs == "scaled"
        else config.objective.dimension_scale * outputs
    )


def split_losses(
    config, outputs: Mapping[str, np.ndarray], truth: Mapping[str, np.ndarray], counts: Sequence[int]
) -> dict[str, float]:
    """``loss`` and its parts over a split: means over batches of training's size, on which labels' weights depend.

    Arguments as in `objective`, arrays of N samples without ``mask``.
    """
    number = len(truth["categories"])
    sums: collections.Counter[str] = collections.Counter()
    for start in range(0, number, config.batch_size):
        rows = slice(start, start + config.batch_size)
        predicted, true = (
            {k: jnp.asarray(v[rows]) for k, v in arrays.items()} for arrays in (outputs, truth)
        )
        size = len(true["categories"])
        total, parts = objective(config, predicted, true | {"mask": jnp.ones(size)}, counts)
        sums.update({k: size * float(v) for k, v in {"loss": total, **parts}.items()})
    return {name: value / number for name, value in sums.items()}


def _category_loss(options, logits, labels, mask, counts: Sequence[int]) -> jax.Array:
    if options.categories == "bce":
        return binary_cross_entropy(logits, labels, mask)
    if options.label_weights == "static":
        weights = rarity_weights(np.asarray(counts))
    elif options.label_weights == "mean":
        weights = jnp.full(len(counts), 1 / len(counts))
    else:
        weights = batch_label_weights(labels, mask, frequency=options.label_weights)
    return weighted_squared_error(logits, labels, mask, weights)


def _dimension_loss(options):
    if options.dimensions == "margin_l2":
        return functools.partial(margin_squared_error, margin=options.margin)
    if options.dimensions == "mse":
        return mean_squared_error
    reduction = "sum" if options.dimensions == "smooth_l1_sum" else "mean"
    return functools.partial(smooth_l1_loss, reduction=reduction)
