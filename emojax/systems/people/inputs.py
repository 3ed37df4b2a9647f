"""From a batch of records to the inputs of the streams, on the device (context_emotion spec 1.3)."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from emojax.data.augment import AugmentSpec, augment, normalize
from emojax.models.constants import CONSTANTS
from emojax.models.pose_nets import POSE_SIZE
from emojax.models.streams import in_order
from emojax.systems.scenes import (
    FROZEN,
    SCENE_NETWORK,
    SCENE_SIZES,
    SCENE_STREAMS,
    scene_network,
    scene_scores,
)

# Statistics of grey pixels in [0, 1] where the data has none of its own, or no depth maps at all.
_DEPTH_MEAN, _DEPTH_STD = 0.5, 0.25
_FEATURES = {
    "body": ("body",),
    "context": ("context",),
    "face": ("face",),
    "pose": ("pose",),
    "scenes": ("scene_scores",),
    "attributes": ("attribute_scores",),
    "depth": ("depth",),
    "people": ("people_boxes",),
}
IMAGE_STREAMS = ("body", "context", "face")
# Of the images of people; "code" is what a public recipe of the two-stream baseline does.
AUGMENTATIONS = {
    "none": None,
    "code": AugmentSpec(flip=0.5, brightness=0.4, contrast=0.4, saturation=0.4),
}
VECTOR_SIZES = {"pose": POSE_SIZE, **SCENE_SIZES}
DEPTH = "depth_normalization"  # constants: mean and standard deviation of grey pixels in [0, 1]


def mask_boxes(images: jax.Array, boxes: jax.Array) -> jax.Array:
    """Paints a box black in every image: the agent in the context (thesis 000, eq. 4.4).

    Args:
        images: ``[B, H, W, C]``, any dtype.
        boxes: ``[B, 4]`` left, top, right, bottom in pixels; covers columns ``left <= x < right`` and rows
            ``top <= y < bottom``. Parts outside the image do no harm.

    Returns:
        Images of the same dtype.
    """
    left, top, right, bottom = (boxes[:, i, None] for i in range(4))
    y, x = (jnp.arange(n, dtype=boxes.dtype)[None] for n in images.shape[1:3])
    rows, columns = (y >= top) & (y < bottom), (x >= left) & (x < right)
    inside = rows[:, :, None] & columns[:, None, :]
    return jnp.where(inside[..., None], jnp.zeros((), images.dtype), images)


class StreamInputs:
    """Makes the inputs of the streams that a config names.

    Attributes:
        features: record features that a batch must hold; nothing that no stream uses.
        mask_context: whether the agent is hidden in the context.
        scene_net: the frozen scene network, where scene scores do not come from the records.

    Args:
        config: of the family `people`.
        dtype: of images.
    """

    def __init__(self, config, streams, dtype):
        self.streams, self._dtype = in_order(streams), dtype
        self.mask_context = config.model.mask_context
        self._body_size, self._augmentation = config.model.body_size, AUGMENTATIONS[config.augment]
        self.scene_net = None
        used = list(self.streams)
        if config.model.scene_source == "network" and set(used) & set(SCENE_STREAMS):
            self.scene_net = scene_network(dtype)
            used = [s for s in used if s not in SCENE_STREAMS] + ["context"]
        names = [f for s in in_order(used) for f in _FEATURES[s]]
        if "context" in used and self.mask_context:
            names.append("body_box")
        self.features = tuple(dict.fromkeys(names))

    def constants(self, statistics: Mapping) -> dict:
        """Constants of a fresh run: mean and standard deviation of depth, where there is that stream."""
        if "depth" not in self.streams:
            return {}
        values = statistics.get("depth_mean") or _DEPTH_MEAN, statistics.get("depth_std") or _DEPTH_STD
        return {DEPTH: dict(zip(("mean", "std"), np.float32(values)))}

    def __call__(
        self, batch: Mapping[str, jax.Array], variables: Mapping, keys: jax.Array | None = None
    ) -> dict[str, jax.Array]:
        """Stream -> images ``[B, H, W, 3]`` normalised, or vectors ``[B, D]`` float32.

        Args:
            batch: records, images as uint8.
            variables: of the system; frozen networks and constants are used.
            keys: ``[B]``, of training, for the augmentation; None changes no image.
        """
        inputs = {}
        for name in self.streams:
            if name in ("body", "context", "face"):
                images = self._masked(batch) if name == "context" else batch[name]
                inputs[name] = self.image(images, name, keys)
            elif name == "depth":
                inputs[name] = _depth_image(batch["depth"], variables[CONSTANTS][DEPTH]).astype(self._dtype)
            elif name not in SCENE_STREAMS or self.scene_net is None:
                inputs[name] = batch[_FEATURES[name][0]]
        if self.scene_net is not None:
            scores = self._scene_scores(inputs.get("context"), batch, variables[FROZEN][SCENE_NETWORK])
            inputs |= {name: scores[name] for name in self.streams if name in scores}
        return inputs

    def _masked(self, batch: Mapping[str, jax.Array]) -> jax.Array:
        """The context, the agent hidden before augmentation and normalisation if the config says so."""
        images = batch["context"]
        return mask_boxes(images, batch["body_box"]) if self.mask_context else images

    def example(self, image_size: int, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, jax.Array]:
        """Inputs of two people, all zeros, for making parameters; `shapes` are those of the records."""
        inputs = {}
        for name in self.streams:
            if name in VECTOR_SIZES:
                shape = (VECTOR_SIZES[name],)
            else:
                side = self._body_size or image_size if name == "body" else image_size
                shape = shapes["people_boxes"] if name == "people" else (side, side, 3)
            inputs[name] = jnp.zeros((2, *shape), jnp.float32)
        return inputs

    def image(self, images: jax.Array, name: str = "context", keys: jax.Array | None = None) -> jax.Array:
        """uint8 ``[B, H, W, 3]`` to what the backbone of a stream takes; every stream is augmented for itself."""
        if keys is None or self._augmentation is None:
            pixels = images.astype(jnp.float32) / 255
        else:
            own = jax.vmap(jax.random.fold_in, (0, None))(keys, IMAGE_STREAMS.index(name))
            pixels = augment(own, images, self._augmentation)
        if name == "body" and self._body_size:
            shape = (pixels.shape[0], self._body_size, self._body_size, 3)
            pixels = jax.image.resize(pixels, shape, "linear")
        return normalize(pixels).astype(self._dtype)

    def _scene_scores(self, context, batch, variables) -> dict[str, jax.Array]:
        """Probabilities of Places365 scenes and SUN attributes; nothing is learned through them."""
        images = self.image(self._masked(batch)) if context is None else context
        return scene_scores(self.scene_net, images, variables)


def _depth_image(depth: jax.Array, constants: Mapping[str, jax.Array]) -> jax.Array:
    """uint8 ``[B, H, W]`` -> float32 ``[B, H, W, 3]``, normalised."""
    grey = (depth.astype(jnp.float32) / 255 - constants["mean"]) / constants["std"]
    return jnp.broadcast_to(grey[..., None], (*depth.shape, 3))
