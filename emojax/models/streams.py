"""Streams of a person in a scene: names, order, and how one is encoded (context_emotion spec 2.1)."""

from __future__ import annotations

import flax.linen as nn
import jax

from emojax.models.attention_branch import AttentionBranch
from emojax.models.conv import global_average_pool

# Canonical order of fusion. `people` (all agents' boxes) belongs to EmotiCon alone.
STREAMS = ("body", "context", "face", "pose", "scenes", "attributes", "depth", "people")
NUM_SCENES, NUM_ATTRIBUTES = 365, 102  # Places365 categories, SUN attributes


def in_order(streams) -> tuple[str, ...]:
    """The streams in the canonical order."""
    return tuple(s for s in STREAMS if s in streams)


def encode(
    encoder: nn.Module,
    x: jax.Array,
    *,
    train: bool,
    mask: jax.Array | None,
    branch: AttentionBranch | None = None,
) -> dict[str, jax.Array]:
    """One feature vector a sample, and what it was pooled from; call it inside a compact method.

    Args:
        encoder: a backbone (its ``features`` are a map) or a network on vectors (``features [B, D]``).
        x: the stream's input.
        train: use and record batch statistics.
        mask: ``[B]``, 0 for padding rows.
        branch: attention branch of a ResNet: the last stage then sees ``(1 + M) g`` (thesis eq. 4.5).

    Returns:
        ``features [B, D]`` float32; ``map [B, h, w, D]`` of a backbone; with a branch its ``attention_logits
        [B, K]`` and ``attention_map [B, h, w, 1]``.
    """
    result = {}
    options = {}
    if branch is not None:

        def attend(g: jax.Array) -> jax.Array:
            said = branch(g, train=train, mask=mask)
            result.update({f"attention_{k}": v for k, v in said.items()})
            return (1 + said["map"]) * g

        options["before_last_stage"] = attend
    features = encoder(x, train=train, mask=mask, **options)["features"]
    if features.ndim == 4:
        result["map"] = features
        features = global_average_pool(features)
    return {**result, "features": features}
