"""Valence and arousal, or one of seven categories, or both, of a face in every frame of a video.

CNN-M, VGG, ResNet and CNN-RNN of thesis 002 (affwild_gan spec 2.1-2.4), and the frozen CNN with an LSTM of thesis 003
(affwild_cnn_rnn spec 2).
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from emojax.data.recipe import Recipe
from emojax.engine.mesh import gather_rows
from emojax.engine.precision import compute_dtype
from emojax.engine.step import sample_keys
from emojax.models.constants import CONSTANTS
from emojax.objectives.class_weights import inverse_frequency_weights
from emojax.pretrained.initialise import initialise
from emojax.systems.base import Batch, SupervisedSystem, System, Variables
from emojax.systems.face_videos.checks import check
from emojax.systems.face_videos.constant import CONSTANT, ConstantAnswer
from emojax.systems.face_videos.inputs import (
    NATIVE,
    VALUES,
    WEIGHT_CODINGS,
    frames_of,
    inputs_of,
    native_coding,
    network_input,
)
from emojax.systems.face_videos.measure import FrameMeasure
from emojax.systems.face_videos.network import build_net
from emojax.systems.face_videos.objective import batch_accuracy, objective
from emojax.systems.face_videos.stand_in import stand_in
from emojax.systems.measure import Report

__all__ = ["FaceVideoSystem", "build", "stand_in"]


def build(config, recipe: Recipe) -> System:
    """Checks config against the recipe of the data and builds the system.

    Raises:
        ConfigError: a field has an unknown value or does not go with another.
        DataError: the data has other classes, or lacks what the network needs.
    """
    check(config, recipe)
    if config.model.trunk == CONSTANT:
        return ConstantAnswer(config, recipe, _headline(config.model.outputs))
    return FaceVideoSystem(config, recipe)


class FaceVideoSystem(SupervisedSystem):
    """One network on frames or windows of frames; see `System`."""

    def __init__(self, config, recipe: Recipe):
        super().__init__(config, recipe)
        options = config.model
        self.labels = recipe.labels
        self.class_weights = None
        if config.objective.class_weights == "inverse" and options.outputs != "va":
            self.class_weights = inverse_frequency_weights(recipe.statistics["counts"])
        self.measure = FrameMeasure(recipe.labels, config.objective, self.class_weights)
        self.dtype = compute_dtype(config.precision)
        self.inputs = inputs_of(config)
        self.monitor = config.monitor
        self.headline = _headline(options.outputs)
        windows = f"windows of {options.window} frames" if options.window > 1 else "single frames"
        self.protocol = f"{windows}, each frame of the split once"
        self.net = build_net(config, self.labels, self.dtype)
        if config.pretraining != "none" and not config.init_from:
            self.notes.append(
                f"the trunk starts random, the published numbers from {config.pretraining} weights"
            )

    @functools.cached_property
    def constants(self) -> dict:
        if self.config.model.cached or self.config.model.input_coding != NATIVE:
            return {}
        return {NATIVE: native_coding(self.config.init_from)}

    def init(self, key: jax.Array, constants: Mapping | None = None) -> Variables:
        size = self.config.image_size
        shape = (self.config.model.cached,) if self.config.model.cached else (size, size, 3)
        variables = dict(self.net.init(key, jnp.zeros((1, 1, *shape)), train=False))
        constants = self.constants if constants is None else constants
        return {**variables, CONSTANTS: constants} if constants else variables

    def initial_variables(self, key: jax.Array) -> Variables:
        variables = super().initial_variables(key)
        if self.config.init_from and not self.config.model.cached:
            variables, self.initialised_from = initialise(
                variables,
                self.config.init_from,
                part="trunk",
                reads=WEIGHT_CODINGS[self.config.model.input_coding],
            )
        return variables

    def loss(self, params, model_state, batch: Batch, key: jax.Array):
        frame_mask = frames_of(batch)
        by_batch = self.config.model.bn_mode == "batch"
        with contextlib.nullcontext() if by_batch else self.frozen_parts_kept():
            outputs, new_state = self.net.apply(
                {"params": params, **model_state},
                network_input(batch, self.config, self.dtype, model_state),
                train=True,
                frame_mask=frame_mask,
                keys=sample_keys(key, batch["position"]),
                mutable=list(model_state),
            )
        if by_batch:
            new_state = _with_statistics_of_trunk(new_state, model_state)
        truth = {name: batch[name].reshape(frame_mask.shape) for name in (*VALUES, "label") if name in batch}
        gathered = gather_rows((self._answers(outputs), truth, frame_mask))
        value, logs = objective(*gathered, self.config.objective, self.class_weights)
        logs |= batch_accuracy(*gathered)
        return value, ({**model_state, **new_state}, logs)

    def predict(self, variables: Variables, batch: Batch) -> dict[str, jax.Array]:
        """``logits [b, T, C]``, ``dimensions [b, T, 2]``, ``states [b, T, D]``, as far as there are; of single frames
        without T.
        """
        x = network_input(batch, self.config, self.dtype, variables)
        outputs = self.net.apply(variables, x, train=False, frame_mask=frames_of(batch))
        return outputs if self.config.model.window > 1 else {name: y[:, 0] for name, y in outputs.items()}

    def trunk_features(self, variables: Variables, batch: Batch) -> jax.Array:
        """What the trunk gives of single frames ``[b, D]``, the values that a cached run reads."""
        x = network_input(batch, self.config, self.dtype, variables)
        return self.net.apply(variables, x, train=False, method="features")[:, 0]

    def _answers(self, outputs: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        return {name: outputs[name] for name in FrameMeasure.reads if name in outputs}

    @property
    def report(self) -> Report:
        from emojax.systems.face_videos.report import (
            FrameReport,
        )  # matplotlib: a second that only a report pays

        return FrameReport(self)

    @property
    def analysis(self) -> type:
        from emojax.systems.face_videos.analysis import FrameAnalysis  # matplotlib and scikit-learn, as above

        return FrameAnalysis

    def part_of(self, path: tuple[str, ...]) -> str:
        """``trunk``, ``fc``, ``rnn`` or ``heads``."""
        return next((part for part in ("trunk", "fc", "rnn") if path[0].startswith(part)), "heads")


def _with_statistics_of_trunk(new_state: Mapping, model_state: Mapping) -> dict:
    """`new_state` with the stored statistics of a frozen trunk: evaluations go on reading those."""
    kept = {
        name: {**of, "trunk": model_state[name]["trunk"]} for name, of in new_state.items() if "trunk" in of
    }
    return {**new_state, **kept}


def _headline(outputs: str) -> tuple[str, ...]:
    va, category = ("ccc_valence", "ccc_arousal"), ("accuracy", "mean_class_accuracy")
    return {"va": va, "category": category, "both": (*category, *va)}[outputs]
