"""From a batch of frames to the inputs of a network, on the device (context_emotion spec 1.4-1.6)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from emojax.data.augment import normalize
from emojax.data.inputs import Inputs
from emojax.data.recipe import Recipe
from emojax.data.select import FlowStack, Segments, Select, Whole
from emojax.systems.scenes import SCENE_STREAMS
from emojax.vision.laban import VISIBLE_FROM

TRUTH = ("categories", "vad")
# Frames that a snippet needs (spec 1.5); RGB has those of flow, so that both see the same places. The last frame, which
# has no flow to a next one, is not sampled; skeletons end one frame before (spec 1.6): the longest clip of BoLD has 299
# frames, 297 of skeletons.
_WINDOWS = {"rgb": 5, "flow": 5, "diff": 6}
_NO_FLOW, _NO_SKELETON = 1, 2
# Modality -> frames before and after the sampled one that a snippet takes, and its channels (spec 1.4).
_NEIGHBOURS = {"rgb": (0, 0), "flow": (2, 2), "diff": (2, 3)}
CHANNELS = {"rgb": 3, "flow": 10, "diff": 15}
_FLOW_MEAN, _FLOW_STD = 0.5, 0.226  # the latter is the mean standard deviation of ImageNet's channels
_DIFFERENCE_STD = 2 * _FLOW_STD

# Changes of `random_move` (spec 1.6): the first and the last frame draw one each, frames between are interpolated.
_ANGLES = np.deg2rad((-10.0, -5.0, 0.0, 5.0, 10.0))
_SCALES = np.array((0.9, 1.0, 1.1))
_SHIFTS = np.array((-0.2, -0.1, 0.0, 0.1, 0.2))


def inputs_of(config) -> Inputs:
    """What of the data a system takes."""
    options = config.model
    if options.net == "tsn":
        train = _snippets(options.segments, options.modality)
        fallback = options.get("validation_fallback", False)
        evaluation = _snippets(options.eval_segments, options.modality, fallback)
        return Inputs(tuple(features_of(config).values()), TRUTH, train, evaluation)
    if options.net == "stgcn":
        return Inputs((), ("joints", *TRUTH), Whole(options.frames, shift=True, spare=_NO_SKELETON))
    if options.laban == "frames":
        return Inputs((), ("laban", *TRUTH), Whole(options.frames, spare=_NO_SKELETON))
    return Inputs((), ("laban_descriptor", *TRUTH), Segments(1))


def _snippets(count: int, modality: str, fallback: bool = False) -> Select:
    segments = Segments(count, _WINDOWS[modality], validation_fallback=fallback, spare=_NO_FLOW)
    before, after = _NEIGHBOURS[modality]
    return FlowStack(segments, before, after) if before or after else segments


def streams_of(config) -> tuple[str, ...]:
    """``"body, context"`` -> ``("body", "context")``."""
    return tuple(name.strip() for name in config.model.streams.split(",") if name.strip())


def image_streams(config) -> tuple[str, ...]:
    """The streams that have a backbone: all but the scores of scenes and attributes."""
    return tuple(name for name in streams_of(config) if name not in SCENE_STREAMS)


def features_of(config) -> dict[str, str]:
    """Stream -> feature of the records that it reads."""
    prefix = "flow_" if config.model.modality == "flow" else ""
    return {name: f"{prefix}{name}" for name in image_streams(config)}


def sampled_place(config) -> int:
    """Where the sampled frame stands among the frames of a snippet."""
    return _NEIGHBOURS[config.model.modality][0]


def strip(joints: jax.Array, frames: jax.Array, count: int = 8) -> jax.Array:
    """Some frames of each sequence, evenly from first to last: ``[B, count, 18, 3]`` x, y in pixels and confidence;
    zeros for joints that `skeleton` hides."""
    last = jnp.sum(frames > 0, axis=1) - 1
    places = jnp.floor(jnp.linspace(0.0, 1.0, count) * last[:, None]).astype(jnp.int32)
    return jnp.take_along_axis(_kept(joints, frames), places[:, :, None, None], axis=1)


def snippets(batch: Mapping[str, jax.Array], config, dtype) -> dict[str, jax.Array]:
    """Stream -> normalised images ``[B, K, H, W, C]`` of the K snippets; C is 3, of flow 10, of differences 15."""
    make = {"rgb": _pictures, "flow": _flow_stacks, "diff": _differences}[config.model.modality]
    return {name: make(batch[feature]).astype(dtype) for name, feature in features_of(config).items()}


def by_snippet(batch: Mapping[str, jax.Array], config) -> dict[str, jax.Array]:
    """The stored frames of each snippet: feature -> ``[B, K, frames, ...]`` uint8; `snippets` takes those of one."""
    before, after = _NEIGHBOURS[config.model.modality]
    frames = before + 1 + after
    return {
        name: batch[name].reshape(batch[name].shape[0], -1, frames, *batch[name].shape[2:])
        for name in features_of(config).values()
    }


def _pictures(images: jax.Array) -> jax.Array:
    return normalize(images.astype(jnp.float32) / 255)


def _flow_stacks(planes: jax.Array) -> jax.Array:
    """``[B, K 5, 2 H, W]``, plane x above plane y -> ``[B, K, H, W, 10]``: x, y, x, y, ... in order of time."""
    before, after = _NEIGHBOURS["flow"]
    stack, (batch, time, rows, width) = before + 1 + after, planes.shape
    values = (planes.astype(jnp.float32) / 255 - _FLOW_MEAN) / _FLOW_STD
    values = values.reshape(batch, time // stack, stack * 2, rows // 2, width)
    return jnp.moveaxis(values, 2, -1)


def _differences(images: jax.Array) -> jax.Array:
    """``[B, K 6, H, W, 3]`` -> ``[B, K, H, W, 15]``, the channels of one difference side by side."""
    before, after = _NEIGHBOURS["diff"]
    frames = (images.astype(jnp.float32) / 255).reshape(
        images.shape[0], -1, before + 1 + after, *images.shape[2:]
    )
    differences = (frames[:, :, 1:] - frames[:, :, :-1]) / _DIFFERENCE_STD
    moved = jnp.moveaxis(differences, 2, 4)
    return moved.reshape(*moved.shape[:4], -1)


def skeleton(
    joints: jax.Array,
    frames: jax.Array,
    keys: jax.Array | None = None,
    *,
    about_centre: bool = False,
    centre: bool = False,
) -> jax.Array:
    """Skeleton sequences as ST-GCN takes them (spec 1.6).

    Args:
        joints: ``[B, T, 18, 3]`` x, y in pixels and confidence.
        frames: ``[B, T]``, 1 for a real frame.
        keys: one random key a row ``[B]``: turn, scale and shift the person, changing over time; padding and missing
            joints, too, about the top left corner (corrections 6). None: leave it where it is.
        about_centre: turn and scale about the middle instead; padding and missing joints stay zeros.
        centre: take 0.5 off the coordinates of visible joints.

    Returns:
        ``[B, T, 18, 3]``: coordinates as shares of the sequence's largest x and y, confidences; zeros for joints below
        a confidence of 0.1.
    """
    kept = _kept(joints, frames)
    largest = jnp.max(kept[..., :2], axis=(1, 2), keepdims=True)
    scaled = kept[..., :2] / jnp.where(largest > 0, largest, 1)
    result = jnp.concatenate([scaled, kept[..., 2:]], axis=-1)
    visible, middle = kept[..., 2:] > 0, jnp.array([0.5, 0.5, 0.0])
    if keys is not None and about_centre:
        result = jnp.where(visible, jax.vmap(_move)(result - middle, keys) + middle, 0)
    elif keys is not None:
        result = jax.vmap(_move)(result, keys)
    return jnp.where(visible, result - middle, result) if centre else result


def _kept(joints: jax.Array, frames: jax.Array) -> jax.Array:
    visible = (joints[..., 2:] >= VISIBLE_FROM) & (frames[..., None, None] > 0)
    return jnp.where(visible, joints, 0)


def _move(sequence: jax.Array, key: jax.Array) -> jax.Array:
    keys = jax.random.split(key, 4)
    choices = (_ANGLES, _SCALES, _SHIFTS, _SHIFTS)
    ends = [jax.random.choice(k, jnp.asarray(values, jnp.float32), (2,)) for k, values in zip(keys, choices)]
    share = jnp.linspace(0.0, 1.0, len(sequence))
    angle, scale, dx, dy = (first + (last - first) * share for first, last in ends)
    cos, sin = (scale * f(angle) for f in (jnp.cos, jnp.sin))
    x, y = sequence[..., 0], sequence[..., 1]
    moved = (
        cos[:, None] * x - sin[:, None] * y + dx[:, None],
        sin[:, None] * x + cos[:, None] * y + dy[:, None],
    )
    return jnp.concatenate([jnp.stack(moved, axis=-1), sequence[..., 2:]], axis=-1)


@dataclasses.dataclass(frozen=True)
class Standardised:
    """Laban features less the mean of the training split, over its standard deviation; 0 where missing.

    Attributes:
        mean: ``[D]``.
        std: ``[D]``.
    """

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, recipe: Recipe, name: str) -> Standardised:
        statistics = recipe.statistics
        return cls(*(np.array(statistics[f"{name}_{part}"], np.float32) for part in ("mean", "std")))

    def __call__(self, values: jax.Array) -> jax.Array:
        return jnp.nan_to_num((values - self.mean) / self.std)
