"""What a system of expressions in videos reads, and the inputs of its network (image_sequences spec 1.7-1.10)."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from emojax.data.augment import normalize
from emojax.data.inputs import Inputs
from emojax.data.recipe import Recipe
from emojax.data.select import Pictures, Uniform, Windows
from emojax.labels import OULU_LABELS, SASE_EMOTIONS, SASE_LABELS, Labels

STREAMS = ("face", "frontal", "frontal_soft")
COLUMNS = ("label", "video_number", "subject_number")
# Task -> labels of the data, labels that are distinguished.
TASKS = {
    "sase6": (SASE_LABELS, Labels(SASE_EMOTIONS)),
    "sase12": (SASE_LABELS, SASE_LABELS),
    "oulu6": (OULU_LABELS, OULU_LABELS),
}
_VGGFACE_BGR = (93.5940, 104.7624, 129.1863)


def streams_of(config) -> tuple[str, ...]:
    """``"face,frontal"`` -> ``("face", "frontal")``."""
    return tuple(name.strip() for name in config.model.streams.split(",") if name.strip())


def inputs_of(config) -> Inputs:
    """What of the data a system takes."""
    options = config.model
    columns = COLUMNS + (("geometry",) if options.geometry else ())
    if options.net == "cnn":
        return Inputs(streams_of(config), columns, Pictures())
    if options.sequence_mode == "uniform":
        return Inputs(streams_of(config), columns, Uniform(options.frames))
    windows = Windows(options.frames, options.stride, rest="drop", short="repeat")
    return Inputs(streams_of(config), columns, windows)


def class_of(batch: Mapping[str, jax.Array], task: str) -> jax.Array:
    """The true class of each example ``[B]``; all frames of a clip have one."""
    label = batch["label"]
    label = label if label.ndim == 1 else label[:, 0]
    return label % len(SASE_EMOTIONS) if task == "sase6" else label


class NetworkInputs:
    """From a batch to what the network takes, on the device.

    Attributes:
        geometry: mean, standard deviation ``[136]`` and components ``[G, 136]`` of the training split; None where the
            system does not read the geometry.
    """

    def __init__(self, config, recipe: Recipe, dtype):
        self._config, self._dtype, self.geometry = config, dtype, None
        if config.model.net == "c3d":
            names = (f"{streams_of(config)[0]}_{part}" for part in ("mean", "std"))
            self._colour = [np.array(recipe.statistics[name], np.float32) for name in names]
        if config.model.geometry:
            wanted = ("geometry_mean", "geometry_std", "geometry_components")
            mean, std, components = (np.array(recipe.statistics[name], np.float32) for name in wanted)
            count = config.model.geometry_components
            self.geometry = (mean, std, components[:count] if count else np.eye(len(mean), dtype=np.float32))

    def __call__(self, batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        """Stream -> normalised images, or ``clip`` of a C3D; ``geometry``."""
        options = self._config.model
        if options.net == "c3d":
            return {"clip": self._clip(batch[streams_of(self._config)[0]])}
        inputs = {name: self._image(batch[name]) for name in streams_of(self._config)}
        if self.geometry is not None:
            mean, std, components = self.geometry
            inputs["geometry"] = (batch["geometry"] - mean) / std @ components.T
        return inputs

    def _image(self, pixels: jax.Array) -> jax.Array:
        if self._config.model.backbone == "vggface":
            return (pixels[..., ::-1].astype(jnp.float32) - jnp.array(_VGGFACE_BGR)).astype(self._dtype)
        return normalize(pixels.astype(jnp.float32) / 255).astype(self._dtype)

    def _clip(self, pixels: jax.Array) -> jax.Array:
        """``[B, T, H, W, 3]`` uint8 -> normalised at the side of C3D's input."""
        side = self._config.model.clip_size
        values = pixels.astype(jnp.float32) / 255
        if values.shape[2] != side:
            values = jax.image.resize(values, (*values.shape[:2], side, side, 3), "bilinear")
        mean, std = self._colour
        return ((values - mean) / std).astype(self._dtype)
