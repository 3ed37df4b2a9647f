"""The loss of BoLD's systems (context_emotion spec 3, eq. 5.17)."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from emojax.labels import BOLD_POSITIVE_FROM
from emojax.objectives.dimensions import mean_squared_error
from emojax.objectives.embedding import embedding_loss
from emojax.objectives.multilabel import binary_cross_entropy


def objective(
    outputs: Mapping[str, jax.Array], truth: Mapping[str, jax.Array], vectors: np.ndarray | None = None
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Sum of the terms, all with weight 1, and the terms by name.

    Squared error of the probabilities against the crowd's confidences, cross-entropy against confidences made 0 or 1 at
    0.5, squared error of the values, and where there is an embedding its distance from the words of the labels.

    Args:
        outputs: ``logits [B, C]``, ``dimensions [B, K]`` in (0, 1), perhaps ``embedding [B, d]``.
        truth: ``categories [B, C]`` confidences, ``vad [B, K]`` in [0, 1], ``mask [B]``.
        vectors: ``[C, d]`` word vectors of the labels.
    """
    mask = truth["mask"]
    positive = (truth["categories"] >= BOLD_POSITIVE_FROM).astype(jnp.float32)
    terms = {
        "confidences": mean_squared_error(jax.nn.sigmoid(outputs["logits"]), truth["categories"], mask),
        "categories": binary_cross_entropy(outputs["logits"], positive, mask),
        "dimensions": mean_squared_error(outputs["dimensions"], truth["vad"], mask),
    }
    if "embedding" in outputs:
        terms["embedding"] = embedding_loss(outputs["embedding"], positive, vectors, mask)
    return sum(terms.values(), jnp.zeros(())), {f"loss_{name}": value for name, value in terms.items()}
