"""Emotion of one person in a scene: 26 labels and valence, arousal, dominance from up to seven streams.

Source: context_emotion spec sections 2.1-2.4, 3-6 (thesis 000, chapter 4).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from emojax.data.inputs import Inputs
from emojax.data.recipe import Recipe
from emojax.engine.mesh import gather_rows
from emojax.engine.precision import compute_dtype
from emojax.engine.step import sample_keys
from emojax.models.constants import CONSTANTS, init_with_constants
from emojax.models.freeze import later_batch_norms
from emojax.models.streams import STREAMS
from emojax.systems.base import Batch, SupervisedSystem, Variables
from emojax.systems.measure import Report
from emojax.systems.people.checks import IMAGE_STREAMS, check, monitor_of, named, predicted_dimensions
from emojax.systems.people.inputs import StreamInputs
from emojax.systems.people.measure import PeopleMeasure
from emojax.systems.people.network import WORDS, build_net, encoders, net_constants
from emojax.systems.people.objective import dimension_values, loss_dimensions, objective
from emojax.systems.people.stand_in import stand_in
from emojax.systems.scenes import FROZEN, RANDOM_SCENES, SCENE_NETWORK
from emojax.systems.weights import load_streams

__all__ = ["PeopleSystem", "build", "stand_in"]

_HEADS = "heads"  # all that is no stream: fusion, label head, dimension head, embedding


def build(config, recipe: Recipe) -> PeopleSystem:
    """Checks config against data and builds the system.

    Raises:
        ConfigError: a field has an unknown value or does not go with another.
        DataError: the data has other classes, or lacks what a stream needs.
    """
    check(config, recipe)
    return PeopleSystem(config, recipe)


class PeopleSystem(SupervisedSystem):
    """Streams of a person with their losses; see `System`.

    Attributes:
        streams: names of the streams in the order of fusion.
        stream_inputs: makes the streams' inputs.
        net: the network.
    """

    def __init__(self, config, recipe: Recipe):
        super().__init__(config, recipe)
        self.labels = recipe.labels
        self.protocol = "one view of each person, values in [0, 1]"
        self.statistics = recipe.statistics
        self.measure = PeopleMeasure(config, recipe.labels, recipe.statistics["counts"])
        self.dtype = compute_dtype(config.precision)
        self.streams = named(config.model.streams)
        self.stream_inputs = StreamInputs(config, self.streams, self.dtype)
        self._truth = ("categories", "vad") if recipe.labels.dimensions else ("categories",)
        self.inputs = Inputs(self.stream_inputs.features, self._truth)
        self._make_net_constants = functools.partial(net_constants, config, recipe)
        self.net = build_net(config, self.labels, self.dtype)
        self._shapes = {name: recipe.feature(name).shape for name in self.inputs.features}
        if config.model.partial_bn:
            self.frozen_norms = self._later_batch_norms()
        predicts_dimensions = predicted_dimensions(config, recipe)
        self.monitor = monitor_of(config, recipe)
        self.headline = ("map", "aae", "jaccard") if predicts_dimensions else ("map", "jaccard")
        if self.stream_inputs.scene_net is not None and not config.init_from.get(SCENE_NETWORK):
            self.notes.append(RANDOM_SCENES)

    def _later_batch_norms(self) -> frozenset[tuple[str, ...]]:
        example = self.stream_inputs.example(self.config.image_size, self._shapes)
        made = encoders(self.config, self.dtype).items()
        networks = {name: make(name) for name, make in made if name in (*IMAGE_STREAMS, "depth")}
        return frozenset().union(
            *(later_batch_norms(name, network, example[name]) for name, network in networks.items())
        )

    @functools.cached_property
    def constants(self) -> dict:
        constants, notes = self._make_net_constants()
        self.notes += notes
        return {**constants, **self.stream_inputs.constants(self.statistics)}

    def init(self, key: jax.Array, constants: Mapping | None = None) -> Variables:
        constants = self.constants if constants is None else constants
        net_key, scene_key = jax.random.split(key)
        size = self.config.image_size
        example = self.stream_inputs.example(size, self._shapes)
        variables = init_with_constants(self.net, constants, net_key, example, train=False)
        if self.stream_inputs.scene_net is not None:
            # Not a parameter: no gradient, no weight decay, no update of statistics.
            images = jnp.zeros((1, size, size, 3))
            scene = self.stream_inputs.scene_net.init(scene_key, images, train=False)
            variables[FROZEN] = {SCENE_NETWORK: dict(scene)}
        return variables

    def initial_variables(self, key: jax.Array) -> Variables:
        variables, self.initialised_from = load_streams(super().initial_variables(key), self.config.init_from)
        return variables

    def loss(self, params, model_state, batch: Batch, key: jax.Array):
        network = {k: v for k, v in model_state.items() if k != FROZEN}
        keys = sample_keys(key, batch["position"])
        inputs = self.stream_inputs(batch, model_state, keys)
        with self.frozen_parts_kept():
            outputs, new_state = self.net.apply(
                {"params": params, **network},
                inputs,
                train=True,
                mask=batch["mask"],
                keys=keys,
                mutable=[k for k in network if k != CONSTANTS],
            )
        small = {k: v for k, v in outputs.items() if k not in ("maps", "attention_maps")}
        if "dimensions" in small:
            small["dimensions"] = loss_dimensions(self.config, small["dimensions"])
        truth = {k: batch[k] for k in (*self._truth, "mask")}
        words = model_state.get(CONSTANTS, {}).get(WORDS)
        value, logs = objective(self.config, *gather_rows((small, truth)), self.statistics["counts"], words)
        return value, ({**model_state, **new_state}, logs)

    def predict(self, variables: Variables, batch: Batch) -> dict[str, jax.Array]:
        """``logits [b, C]``, and ``dimensions [b, K]`` in [0, 1] where the network has them."""
        outputs = self.apply(variables, self.stream_inputs(batch, variables))
        result = {"logits": outputs["logits"]}
        if "dimensions" in outputs:
            result["dimensions"] = dimension_values(self.config, outputs["dimensions"])
        return result

    def apply(self, variables: Variables, inputs: Mapping[str, jax.Array]) -> dict:
        """All outputs of the network with stored statistics; see `models.fusion.PeopleNet`."""
        return self.net.apply({k: v for k, v in variables.items() if k != FROZEN}, inputs, train=False)

    @property
    def report(self) -> Report:
        from emojax.systems.people.report import PeopleReport  # matplotlib: a second that only a report pays

        return PeopleReport(self)

    def part_of(self, path: tuple[str, ...]) -> str:
        """A stream, its attention branch included, or `heads`."""
        stream = path[0].removesuffix("_attention")
        return stream if stream in STREAMS else _HEADS
