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
STAGE_COLUMN = "frames"
_VGGFACE_BGR = (93.5940, 104.7624, 129.1863)
_SPORTS1M_BGR = (90.0, 98.0, 102.0)
CLIP_CODINGS = ("data", "sports1m")


def streams_of(config) -> tuple[str, ...]:
    """``"face,frontal"`` -> ``("face", "frontal")``."""
    return tuple(name.strip() for name in config.model.streams.split(",") if name.strip())


def reads_stages(config) -> bool:
    """Whether a system reads a stage of a trained CNN that it does not train."""
    return config.model.net == "recurrent" and config.model.rnn_input == "features"


def stored_columns(config) -> tuple[str, ...]:
    """The columns of features that `emojax.cache` writes for a system: one of all streams, or one a stream."""
    return (STAGE_COLUMN,) if reads_stages(config) else tuple(f"trunk_{name}" for name in streams_of(config))


def inputs_of(config) -> Inputs:
    """What of the data a system takes."""
    options = config.model
    columns = COLUMNS + (("geometry",) if options.geometry else ())
    pictures = () if options.cached else streams_of(config)
    columns += stored_columns(config) if options.cached else ()
    if options.net == "cnn":
        return Inputs(pictures, columns, Pictures())
    if options.sequence_mode == "uniform":
        return Inputs(pictures, columns, Uniform(options.frames))
    clips = Windows(options.frames, options.stride, rest="drop", short="repeat", dilation=options.dilation)
    return Inputs(pictures, columns, clips)


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
        """Stream -> normalised images or stored features, or ``frames`` of a stored stage; ``clip``; ``geometry``."""
        options = self._config.model
        if options.net == "c3d":
            return {"clip": self._clip(batch[streams_of(self._config)[0]])}
        if options.cached:
            names = (STAGE_COLUMN,) if reads_stages(self._config) else streams_of(self._config)
            inputs = {n: batch[c].astype(jnp.float32) for n, c in zip(names, stored_columns(self._config))}
        else:
            inputs = {name: self._image(batch[name]) for name in streams_of(self._config)}
        if self.geometry is not None:
            mean, std, components = self.geometry
            gain = self._config.model.geometry_gain
            inputs["geometry"] = gain * ((batch["geometry"] - mean) / std @ components.T)
        return inputs

    def _image(self, pixels: jax.Array) -> jax.Array:
        if self._config.model.backbone == "vggface":
            return (pixels[..., ::-1].astype(jnp.float32) - jnp.array(_VGGFACE_BGR)).astype(self._dtype)
        return normalize(pixels.astype(jnp.float32) / 255).astype(self._dtype)

    def _clip(self, pixels: jax.Array) -> jax.Array:
        """``[B, T, H, W, 3]`` uint8 -> normalised at the side of C3D's input."""
        side = self._config.model.clip_size
        values = pixels.astype(jnp.float32)
        if values.shape[2] != side:
            values = jax.image.resize(values, (*values.shape[:2], side, side, 3), "bilinear")
        if self._config.model.clip_coding == "sports1m":
            return (values[..., ::-1] - jnp.array(_SPORTS1M_BGR)).astype(self._dtype)
        values, (mean, std) = values / 255, self._colour
        return ((values - mean) / std).astype(self._dtype)
