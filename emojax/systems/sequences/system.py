"""Expression of a face in a video, from its frames or from clips of five (image_sequences spec 2-5).

A CNN on single frames, a C3D or recurrent layers on clips; source: thesis 004, chapters 4 and 7.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from emojax.data.recipe import Recipe
from emojax.engine.mesh import gather_rows
from emojax.engine.precision import compute_dtype
from emojax.engine.step import sample_keys
from emojax.errors import DataError
from emojax.labels import Labels
from emojax.models.constants import CONSTANTS, init_with_constants
from emojax.objectives.cross_entropy import cross_entropy
from emojax.systems.base import Batch, SupervisedSystem, Variables
from emojax.systems.measure import Report
from emojax.systems.sequences.augment import light
from emojax.systems.sequences.checks import check
from emojax.systems.sequences.initial import fit_components, start_from
from emojax.systems.sequences.inputs import (
    TASKS,
    NetworkInputs,
    class_of,
    inputs_of,
    stored_columns,
    streams_of,
)
from emojax.systems.sequences.measure import SequenceMeasure
from emojax.systems.sequences.network import build_net
from emojax.systems.sequences.stand_in import stand_in
from emojax.vision.face_views import ViewOptions

__all__ = ["SequenceSystem", "build", "stand_in"]

_AUGMENTATION = 1  # its random numbers are not those of dropout


def build(config, recipe: Recipe) -> SequenceSystem:
    """Checks config against the recipe of the data and builds the system.

    Raises:
        ConfigError: a field has an unknown value or does not go with another.
        DataError: the data has other classes, or lacks what the network needs.
    """
    check(config, recipe)
    return SequenceSystem(config, recipe)


class SequenceSystem(SupervisedSystem):
    """One network with cross-entropy; see `System`."""

    def __init__(self, config, recipe: Recipe):
        super().__init__(config, recipe)
        self.labels = TASKS[config.task][1]
        self.measure = SequenceMeasure(config.task, self.labels)
        self.dtype = compute_dtype(config.precision)
        self.inputs = inputs_of(config)
        self.monitor = config.monitor
        self.headline = ("accuracy", "video_accuracy", "mean_class_accuracy", "macro_f1")
        unit = "frames" if config.model.net == "cnn" else f"clips of {config.model.frames} frames"
        self.protocol = f"{unit}; videos by majority vote"
        self.network_inputs = NetworkInputs(config, recipe, self.dtype)
        self.net = build_net(config, len(self.labels.classes), self.dtype)

    @property
    def constants(self) -> dict:
        """Zeros in place of the PCA, which `initial_variables` fits."""
        options = self.config.model
        if options.net != "recurrent" or options.rnn_input != "features":
            return {}
        width = options.cached or options.fc_units
        components = jnp.zeros((options.pca, width))
        return {"pca_mean": jnp.zeros(width), "pca_components": components, "pca_spectrum": jnp.zeros(width)}

    def init(self, key: jax.Array, constants: Mapping | None = None) -> Variables:
        constants = self.constants if constants is None else constants
        return init_with_constants(self.net, constants, key, self._example(), train=False)

    def _example(self) -> dict[str, jax.Array]:
        """Inputs of one example, zeros, for making parameters."""
        options, size = self.config.model, self.config.image_size
        time = () if options.net == "cnn" else (options.frames,)
        batch = {name: jnp.zeros((1, *time, size, size, 3), jnp.uint8) for name in streams_of(self.config)}
        if options.cached:
            batch = {name: jnp.zeros((1, *time, options.cached)) for name in stored_columns(self.config)}
        return self.network_inputs({**batch, "geometry": jnp.zeros((1, 136))})

    def starting_variables(self, key: jax.Array) -> Variables:
        """As `start_from`: without principal components."""
        variables, self.initialised_from = start_from(self.config, super().initial_variables(key))
        return variables

    def initial_variables(self, key: jax.Array) -> Variables:
        """As `start_from`; principal components are fitted on the training frames of `config.data_dir`."""
        variables = self.starting_variables(key)
        if self.constants:
            from emojax.systems import load_data  # which imports this module

            variables, note = fit_components(self, variables, load_data(self.config))
            self.notes.append(note)
        return variables

    def loss(self, params, model_state, batch: Batch, key: jax.Array):
        keys = sample_keys(key, batch["position"])
        if self.config.augment == "light":
            own = sample_keys(jax.random.fold_in(key, _AUGMENTATION), batch["position"])
            batch = light(own, batch, self.inputs.features)
        mutable = [name for name in model_state if name != CONSTANTS]
        with self.frozen_parts_kept():
            outputs, new_state = self.net.apply(
                {"params": params, **model_state},
                self.network_inputs(batch),
                train=True,
                mask=batch["mask"],
                keys=keys,
                mutable=mutable,
            )
        logits, label, mask = gather_rows(
            (outputs["logits"], class_of(batch, self.config.task), batch["mask"])
        )
        value = cross_entropy(logits, label, mask)
        return value, ({**model_state, **new_state}, {"loss": value})

    def predict(self, variables: Variables, batch: Batch) -> dict[str, jax.Array]:
        """``probabilities [b, C]``."""
        outputs = self.net.apply(variables, self.network_inputs(batch), train=False)
        return {"probabilities": jax.nn.softmax(outputs["logits"].astype(jnp.float32))}

    def truth(self, batch: Batch) -> dict[str, jax.Array]:
        """``class``, ``video_number`` and ``subject_number`` ``[b]``."""
        numbers = {name: batch[name] for name in ("video_number", "subject_number") if name in batch}
        return {**numbers, "class": class_of(batch, self.config.task)} if "label" in batch else numbers

    def require_data(self, recipe: Recipe) -> None:
        """As `System.require_data`; also for pictures or geometry that were made in another way."""
        super().require_data(recipe)
        mine, theirs = (dataclasses.asdict(ViewOptions.of_build(r.build)) for r in (self.recipe, recipe))
        other = [
            f"--{name} {theirs[name] or 'off'}, not {mine[name] or 'off'}"
            for name in mine
            if mine[name] != theirs[name]
        ]
        if other:
            raise DataError(
                f"{recipe.origin} was not prepared as the training data were: {'; '.join(other)}. Prepare it with the "
                "options of the training data."
            )

    @property
    def data_labels(self) -> Labels:
        return TASKS[self.config.task][0]

    @property
    def show_videos(self) -> Callable:
        from emojax.systems.sequences.videos import named_videos  # matplotlib: training does not need it

        return named_videos

    @property
    def report(self) -> Report:
        from emojax.systems.sequences.report import SequenceReport  # here: matplotlib takes a second

        return SequenceReport(self)

    def part_of(self, path: tuple[str, ...]) -> str:
        """``first`` (conv1 and conv2), ``trunk``, ``head`` (fc6, fc7), ``recurrent`` or ``classifier``.

        ``frames`` and ``c3d`` for the modules that hold several of these: their parts are frozen, not they.
        """
        if len(path) == 1:
            return path[0]
        if path[0] == "dense":
            return "classifier"
        if path[0] in ("recurrent", "classifier"):
            return path[0]
        if path[1] == "head" or path[1].startswith("norm_"):
            return "head"
        layer = path[1] if path[0] == "c3d" else path[2] if len(path) > 2 else ""
        return "first" if layer.startswith(("conv1", "conv2")) else "trunk"
