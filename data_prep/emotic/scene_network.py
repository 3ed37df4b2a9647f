"""Places365's Wide-ResNet-18, frozen, compiled for `data_prep.emotic.scenes`."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from data_prep.emotic.side import NUM_ATTRIBUTES, NUM_SCENES
from emojax.data.augment import normalize
from emojax.models.backbones import create_backbone
from emojax.pretrained.initialise import initialise

_ARCH = "wide_resnet18_places"


def load_network(weights: str, size: int) -> Callable[[np.ndarray], jax.Array]:
    """Compiled network: RGB images uint8 `[B, size, size, 3]` to 365 scene and 102 attribute probabilities."""
    net = create_backbone(_ARCH, num_classes=NUM_SCENES, num_attributes=NUM_ATTRIBUTES)
    example = jnp.zeros((1, size, size, 3))
    fresh = jax.jit(lambda: net.init(jax.random.key(0), example, train=False))()
    variables, _ = initialise(fresh, weights, part="")

    def score(variables, images):
        said = net.apply(variables, normalize(images.astype(jnp.float32) / 255), train=False)
        return jnp.concatenate([jax.nn.softmax(said["logits"]), jax.nn.softmax(said["attribute_logits"])], -1)

    compiled = jax.jit(score)
    return lambda images: compiled(variables, images)
