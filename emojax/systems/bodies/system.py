"""26 categories and valence, arousal, dominance of a tracked person in a clip (context_emotion spec 2.5-2.7, 3-6).

A TSN over streams of pictures, an ST-GCN over joints, or a network on Laban features; source: thesis 000, chapter 5.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from emojax.data.recipe import Recipe
from emojax.engine.mesh import gather_rows
from emojax.engine.precision import compute_dtype
from emojax.engine.step import sample_keys
from emojax.models.constants import CONSTANTS, init_with_constants
from emojax.models.time import fold_time, map_segments, unfold_time
from emojax.systems.base import Batch, SupervisedSystem, System, Variables
from emojax.systems.bodies.checks import PRETRAINING, check
from emojax.systems.bodies.forest import BodyForest
from emojax.systems.bodies.inputs import (
    CHANNELS,
    TRUTH,
    Standardised,
    by_snippet,
    image_streams,
    inputs_of,
    skeleton,
    snippets,
    streams_of,
    strip,
)
from emojax.systems.bodies.measure import BodyMeasure
from emojax.systems.bodies.network import build_net, later_norms, net_constants
from emojax.systems.bodies.objective import objective
from emojax.systems.bodies.stand_in import stand_in
from emojax.systems.bodies.weights import load_trunk
from emojax.systems.measure import Report
from emojax.systems.scenes import (
    FROZEN,
    RANDOM_SCENES,
    SCENE_NETWORK,
    SCENE_SIZES,
    SCENE_STREAMS,
    scene_network,
    scene_scores,
)
from emojax.systems.weights import load_streams

__all__ = ["BodySystem", "build", "stand_in"]


def build(config, recipe: Recipe) -> System:
    """Checks config against the recipe of the data and builds the system.

    Raises:
        ConfigError: a field has an unknown value or does not go with another.
        DataError: the data has other classes, or lacks what the network needs.
    """
    check(config, recipe)
    return BodyForest(config, recipe) if config.model.net == "laban_forest" else BodySystem(config, recipe)


class BodySystem(SupervisedSystem):
    """One network with the losses of BoLD; see `System`."""

    def __init__(self, config, recipe: Recipe):
        super().__init__(config, recipe)
        self.labels = recipe.labels
        self.measure = BodyMeasure(recipe.labels)
        self.dtype = compute_dtype(config.precision)
        self.inputs = inputs_of(config)
        self.monitor = config.monitor
        self.headline = ("ers", "map", "mra", "mr2")
        self.protocol = _protocol(config)
        options = config.model
        self._laban = None
        if options.net.startswith("laban"):
            self._laban = Standardised.of(
                recipe, "laban" if options.laban == "frames" else "laban_descriptor"
            )
        self.net = build_net(config, self.labels, self.dtype)
        self.scene_net = None
        wanted = PRETRAINING.get(config.pretraining)
        if wanted and not config.init_from[wanted]:
            self.notes.append(
                f"config.init_from.{wanted} names no file: without its pre-training ({config.pretraining}) this system "
                "is another"
            )
        if options.net == "tsn":
            self._prepare_streams()

    def _prepare_streams(self) -> None:
        config = self.config
        if config.model.partial_bn:
            self.frozen_norms = later_norms(config, self.dtype)
        if not any(config.init_from.values()):
            self.notes.append("the streams start random, the published numbers from ImageNet and Places365")
        if set(streams_of(config)) & set(SCENE_STREAMS):
            self.scene_net = scene_network(self.dtype)
            if not config.init_from.scene_network:
                self.notes.append(RANDOM_SCENES)

    @functools.cached_property
    def constants(self) -> dict:
        constants, notes = net_constants(self.config, self.net, self.labels)
        self.notes += notes
        return constants

    def init(self, key: jax.Array, constants: Mapping | None = None) -> Variables:
        constants = self.constants if constants is None else constants
        variables = init_with_constants(self.net, constants, key, self._example(), train=False)
        if self.scene_net is not None:
            # Not a parameter: no gradient, no weight decay, no update of statistics.
            size = self.config.image_size
            images, own = jnp.zeros((1, size, size, 3)), jax.random.fold_in(key, 1)
            variables[FROZEN] = {SCENE_NETWORK: dict(self.scene_net.init(own, images, train=False))}
        return variables

    def _example(self):
        """Inputs of one clip, zeros, for making parameters."""
        options, size = self.config.model, self.config.image_size
        if options.net == "tsn":
            picture = jnp.zeros((1, options.segments, size, size, CHANNELS[options.modality]))
            given = {
                name: jnp.zeros((1, options.segments, SCENE_SIZES[name]))
                for name in streams_of(self.config)
                if name in SCENE_SIZES
            }
            return dict.fromkeys(image_streams(self.config), picture) | given
        if options.net == "stgcn":
            return jnp.zeros((1, options.frames, 18, 3))
        return jnp.zeros((1, options.frames, 54)) if options.laban == "frames" else jnp.zeros((1, 216, 1))

    def initial_variables(self, key: jax.Array) -> Variables:
        files = dict(self.config.init_from)
        trunk = files.pop("trunk")
        variables, self.initialised_from = load_streams(super().initial_variables(key), files, "encoder")
        if trunk:
            variables, self.initialised_from["trunk"] = load_trunk(variables, trunk)
        return variables

    def _inputs(self, batch: Batch, keys: jax.Array | None) -> tuple[object, dict]:
        """What the network takes of a batch, and its options; `keys` in training."""
        options = self.config.model
        if options.net == "tsn":
            return snippets(batch, self.config, self.dtype), {}
        if options.net == "stgcn":
            moving = None
            if keys is not None and options.random_move:  # keys of their own: dropout draws from the others
                moving = jax.vmap(lambda key: jax.random.fold_in(key, 0))(keys)
            about_centre, centre = options.get("move_about_centre", False), options.get("centre", False)
            joints = skeleton(
                batch["joints"], batch["frame_mask"], moving, about_centre=about_centre, centre=centre
            )
            return joints, {"keys": keys}
        if options.laban == "frames":
            return self._laban(batch["laban"]), {"frame_mask": batch["frame_mask"]}
        return self._laban(batch["laban_descriptor"])[..., None], {}

    def _with_scores(self, images: Mapping[str, jax.Array], variables: Mapping) -> dict[str, jax.Array]:
        """Adds the scores ``[B, K, D]`` of the frozen scene network, where there is one, to ``[B, K, H, W, C]``."""
        if self.scene_net is None:
            return dict(images)
        context = images["context"]
        scores = scene_scores(self.scene_net, fold_time(context), variables[FROZEN][SCENE_NETWORK])
        wanted = {name: scores[name] for name in streams_of(self.config) if name in scores}
        return {**images, **unfold_time(wanted, context.shape[1])}

    def loss(self, params, model_state, batch: Batch, key: jax.Array):
        x, options = self._inputs(batch, sample_keys(key, batch["position"]))
        if self.config.model.net == "tsn":
            x = self._with_scores(x, model_state)
        network = {name: value for name, value in model_state.items() if name != FROZEN}
        mutable = [name for name in network if name != CONSTANTS]
        with self.frozen_parts_kept():
            outputs, new_state = self.net.apply(
                {"params": params, **network},
                x,
                train=True,
                mask=batch["mask"],
                mutable=mutable,
                **options,
            )
        truth = {name: batch[name] for name in (*TRUTH, "mask")}
        words = model_state.get(CONSTANTS, {}).get("head", {}).get("words")
        value, logs = objective(*gather_rows((outputs, truth)), words)
        return value, ({**model_state, **new_state}, logs)

    def predict(self, variables: Variables, batch: Batch) -> dict[str, jax.Array]:
        """``logits [b, C]``, ``dimensions [b, K]`` in (0, 1), of a TSN ``snippet_weights [b, segments]``, of an
        ST-GCN ``strip [b, 8, 18, 3]``, some of its frames."""
        if self.config.model.net != "tsn":
            x, options = self._inputs(batch, None)
            outputs = dict(self.net.apply(_network(variables), x, train=False, **options))
            if self.config.model.net == "stgcn":
                outputs["strip"] = strip(batch["joints"], batch["frame_mask"])
            return outputs
        # One snippet after the other from the stored bytes on, so that memory does not grow with their number.
        stored = by_snippet(batch, self.config)
        features = map_segments(lambda one: self._snippet_features(variables, one), stored)
        outputs = self.net.apply(_network(variables), features, method="conclude")
        return {name: outputs[name] for name in ("logits", "dimensions", "snippet_weights")}

    def _snippet_features(self, variables: Variables, stored: Mapping[str, jax.Array]) -> jax.Array:
        """Fused features ``[b, D]`` of one snippet of each video, feature -> stored frames ``[b, frames, ...]``."""
        alone = self._with_scores(snippets(stored, self.config, self.dtype), variables)
        return self.net.apply(_network(variables), alone, method="snippets")[:, 0]

    @property
    def report(self) -> Report:
        from emojax.systems.bodies.report import BodyReport  # matplotlib: a second that only a report pays

        return BodyReport(self)

    def part_of(self, path: tuple[str, ...]) -> str:
        """A stream of a TSN, or ``heads``, or ``trunk``."""
        if path[0] == "encoder" and len(path) > 1:
            return path[1]
        return "trunk" if path[0] == "trunk" else "heads"


def _network(variables: Mapping) -> dict:
    return {name: value for name, value in variables.items() if name != FROZEN}


def _protocol(config) -> str:
    options = config.model
    if options.net == "tsn":
        return f"{options.eval_segments} segments a clip, one view of each, consensus {options.consensus}"
    return f"whole clips of up to {options.frames} frames"
