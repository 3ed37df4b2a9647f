"""The loss of a people system: which terms there are and how they are weighed (context_emotion spec 3)."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from emojax.objectives.attention import attention_loss
from emojax.objectives.dimensions import margin_squared_error, mean_squared_error, smooth_l1_loss
from emojax.objectives.embedding import embedding_loss
from emojax.objectives.emoticon import multiplicative_loss
from emojax.objectives.multilabel import binary_cross_entropy, weighted_squared_error

CATEGORY_LOSSES = {"bce": binary_cross_entropy, "weighted_l2": weighted_squared_error}
DIMENSION_LOSSES = ("smooth_l1", "mse", "margin_l2")


def category_scores(config, logits: np.ndarray) -> np.ndarray:
    """``[N, C]`` scores from logits: probabilities, or the logits themselves under the baseline's L2 loss."""
    if config.objective.categories == "weighted_l2":
        return np.asarray(logits, np.float64)
    return 1 / (1 + np.exp(-np.asarray(logits, np.float64)))


def objective(
    config, outputs: Mapping, truth: Mapping[str, jax.Array], vectors: np.ndarray | None = None
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Total loss of a global batch and its unweighted parts.

    Args:
        config: of the family `people`.
        outputs: of the network, global arrays; ``dimensions`` are `objective.dimension_scale` times [0, 1].
        truth: ``categories [B, C]``, ``vad [B, K]`` in [0, 1], ``mask [B]``.
        vectors: ``[C, d]`` word vectors of the labels, where the net has an embedding.

    Returns:
        float32 scalar, and scalars by name.
    """
    options, mask, labels = config.objective, truth["mask"], truth["categories"]
    terms = {"categories": CATEGORY_LOSSES[options.categories](outputs["logits"], labels, mask)}
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


def _dimension_loss(options):
    if options.dimensions == "margin_l2":
        return functools.partial(margin_squared_error, margin=options.margin)
    return {"smooth_l1": smooth_l1_loss, "mse": mean_squared_error}[options.dimensions]
