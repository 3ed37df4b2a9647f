"""The trivial baselines: one answer for every frame (affwild_cnn_rnn spec 5, 8.3)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from emojax.data.inputs import Inputs
from emojax.data.recipe import Recipe
from emojax.systems.base import Batch, Examples, FittedSystem, Variables
from emojax.systems.face_videos.inputs import VALUES
from emojax.systems.face_videos.measure import FrameMeasure
from emojax.systems.face_videos.network import heads_of
from emojax.systems.measure import Report

CONSTANT = "constant"  # config.model.trunk


class ConstantAnswer(FittedSystem):
    """The commonest category and the mean values of the training split; see `System`.

    The logits are the logarithms of the categories' shares, each category counted once more than it occurs.
    """

    def __init__(self, config, recipe: Recipe, headline: tuple[str, ...]):
        super().__init__(config, recipe)
        self.labels = recipe.labels
        self.measure = FrameMeasure(recipe.labels, config.objective)
        self._heads = heads_of(config.model.outputs, recipe.labels)
        label = ("label",) if "logits" in self._heads else ()
        self.inputs = Inputs((), (*VALUES, "sequence", *label))
        self.monitor = config.monitor
        self.headline = headline
        self.protocol = "the same answer for each frame of the split"

    def fit(self, examples: Examples) -> Variables:
        train, answers = examples("train"), {}
        if "logits" in self._heads:
            counts = np.bincount(train["label"], minlength=self._heads["logits"]) + 1
            answers["logits"] = np.log(counts / counts.sum()).astype(np.float32)
        if "dimensions" in self._heads:
            answers["dimensions"] = np.array([np.mean(train[name]) for name in VALUES], np.float32)
        return {"params": answers}

    def predict(self, variables: Variables, batch: Batch) -> dict[str, jax.Array]:
        """``logits [b, C]`` and ``dimensions [b, 2]``, as far as there are."""
        rows = len(batch["mask"])
        return {
            name: jnp.broadcast_to(answer, (rows, *answer.shape))
            for name, answer in variables["params"].items()
        }

    @property
    def report(self) -> Report:
        from emojax.systems.face_videos.report import FrameReport  # matplotlib: only a report pays

        return FrameReport(self)
