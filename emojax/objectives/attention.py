"""Loss of the attention branches (context_emotion spec 2.4 and 3)."""

from __future__ import annotations

from collections.abc import Iterable

import jax

from emojax.objectives.multilabel import binary_cross_entropy


def attention_loss(branches: Iterable[jax.Array], labels: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean over the branches of the binary cross-entropy of their own label logits.

    With lambda in front, one branch weighs lambda and each of two branches lambda / 2 (thesis 000, l.7187).

    Args:
        branches: ``[B, C]`` logits, one array a branch.
        labels: ``[B, C]`` of zeros and ones.
        mask: ``[B]``, 1 for a real sample, 0 for padding.
    """
    losses = [binary_cross_entropy(logits, labels, mask) for logits in branches]
    return sum(losses) / len(losses)
