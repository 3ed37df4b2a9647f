"""From a batch of faces to the inputs of a network, on the device (affwild_gan spec 1.6, affwild_cnn_rnn A8)."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from emojax.data.augment import normalize
from emojax.data.inputs import Inputs
from emojax.data.select import Pictures, Windows
from emojax.models.constants import CONSTANTS
from emojax.pretrained.architecture import CAFFE, HALVED, IMAGENET, SYMMETRIC, VGGFACE_BGR
from emojax.pretrained.initialise import load_backbone

VALUES = ("valence", "arousal")
OUTPUTS = ("va", "category", "both")
NATIVE = "native"  # the input coding that the file of weights names
TRUNK_COLUMN = "trunk"  # features that `python -m emojax.cache` computed

_CAFFE = (103.939, 116.779, 123.68)  # means of blue, green and red, of Keras's VGG
_VGG_FACE = (93.594, 104.7624, 129.1863)


def _caffe(means):
    return lambda x: x[..., ::-1] - jnp.array(means, jnp.float32)


# uint8 RGB as float32 -> what a trunk reads
CODINGS = {
    "unit": lambda x: x / 127.5 - 1,
    "half": lambda x: (x - 128) / 128,
    "caffe": _caffe(_CAFFE),
    "vggface": _caffe(_VGG_FACE),
    "imagenet": lambda x: normalize(x / 255),
}


# The same as files of weights say it; None: whatever the file says.
WEIGHT_CODINGS = {
    NATIVE: None,
    "unit": SYMMETRIC,
    "half": HALVED,
    "caffe": CAFFE,
    "vggface": VGGFACE_BGR,
    "imagenet": IMAGENET,
}


def inputs_of(config) -> Inputs:
    """What of the data a system takes."""
    options = config.model
    images = () if options.cached else ("image",)
    columns = [*VALUES, "sequence"]
    if options.outputs != "va":
        columns.append("label")
    if options.cached:
        columns.append(TRUNK_COLUMN)
    select = Windows(options.window, max_step=options.max_step or None) if options.window > 1 else Pictures()
    return Inputs(images, tuple(columns), select)


def native_coding(init_from: str) -> dict[str, np.ndarray]:
    """What the weights of a file expect of pixels 0 to 255: ``(pixels * scale - mean) / std``, perhaps in BGR order.

    Raises:
        CheckpointError: no such file, or none that `python -m emojax.pretrained import` wrote.
    """
    coding = load_backbone(init_from)[1]["input"]
    numbers = {name: np.asarray(coding[name], np.float32) for name in ("scale", "mean", "std")}
    return {"reverse": np.asarray(coding["order"] == "BGR"), **numbers}


def coded(pixels: jax.Array, config, variables: Mapping) -> jax.Array:
    """Pixels ``[..., 3]``, RGB from 0 to 255, as the trunk reads them; float32."""
    pixels = pixels.astype(jnp.float32)
    if config.model.input_coding != NATIVE:
        return CODINGS[config.model.input_coding](pixels)
    coding = variables[CONSTANTS][NATIVE]
    pixels = jnp.where(coding["reverse"], pixels[..., ::-1], pixels)
    return (pixels * coding["scale"] - coding["mean"]) / coding["std"]


def network_input(batch: Mapping[str, jax.Array], config, dtype, variables: Mapping) -> jax.Array:
    """Coded images ``[B, T, H, W, 3]``, or stored features ``[B, T, D]``; T is 1 of single frames."""
    if config.model.cached:
        x = batch[TRUNK_COLUMN].astype(jnp.float32)
    else:
        x = coded(batch["image"], config, variables).astype(dtype)
    return x if config.model.window > 1 else x[:, None]


def frames_of(batch: Mapping[str, jax.Array]) -> jax.Array:
    """``[B, T]``: 1 for a real frame."""
    return batch["frame_mask"] if "frame_mask" in batch else batch["mask"][:, None]
