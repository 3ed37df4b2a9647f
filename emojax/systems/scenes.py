"""The frozen network that scores scenes and attributes of a context image (context_emotion spec 2.2, G18, G19)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax

from emojax.models.backbones import create_backbone
from emojax.models.streams import NUM_ATTRIBUTES, NUM_SCENES

SCENE_STREAMS = ("scenes", "attributes")
SCENE_SIZES = {"scenes": NUM_SCENES, "attributes": NUM_ATTRIBUTES}
SCENE_NETWORK = "scene_network"  # its name under `FROZEN` and in `config.init_from`
FROZEN = "frozen"  # collection of networks that are never trained
RANDOM_SCENES = "the frozen scene network has random weights: its scores mean nothing"


def scene_network(dtype: Any) -> nn.Module:
    """Wide ResNet-18 of Places365 with SUN attributes."""
    return create_backbone(
        "wide_resnet18_places", dtype=dtype, num_classes=NUM_SCENES, num_attributes=NUM_ATTRIBUTES
    )


def scene_scores(network: nn.Module, images: jax.Array, variables: Mapping) -> dict[str, jax.Array]:
    """Probabilities ``scenes [B, 365]`` and ``attributes [B, 102]``; nothing is learned through them.

    Args:
        network: of `scene_network`; runs with stored statistics always.
        images: ``[B, H, W, 3]``, normalised.
        variables: of the network.
    """
    said = network.apply(jax.lax.stop_gradient(variables), images, train=False)
    logits = {"scenes": said["logits"], "attributes": said["attribute_logits"]}
    return {name: jax.lax.stop_gradient(jax.nn.softmax(x)) for name, x in logits.items()}
