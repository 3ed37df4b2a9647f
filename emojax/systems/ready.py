"""Finished networks of others that name the expression of a face: to predict and evaluate with, not to train.

`python -m emojax.pretrained expression` makes a model folder of their weights.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from emojax.data.inputs import Inputs
from emojax.data.recipe import Recipe
from emojax.engine.program import Program
from emojax.errors import ConfigError
from emojax.models.expression_nets import NETS
from emojax.systems.base import Batch, System, Variables
from emojax.systems.checks import require_choice
from emojax.systems.faces.measure import FaceMeasure


def build(config, recipe: Recipe) -> ReadySystem:
    """Builds the system; raises ConfigError for an unknown network."""
    require_choice(config, "model.net", NETS)
    return ReadySystem(config, recipe)


class ReadySystem(System):
    """One imported network; see `System`."""

    monitor, headline, protocol = "accuracy", ("accuracy",), "one crop of each face"

    def __init__(self, config, recipe: Recipe):
        super().__init__(config, recipe)
        self.labels = recipe.labels
        self.measure = FaceMeasure(config, recipe.labels)
        self.inputs = Inputs(("image",), ("label",))
        self.net = NETS[config.model.net]()

    def init(self, key: jax.Array, constants: Mapping | None = None) -> Variables:
        size = self.net.image_size
        return dict(self.net.init(key, jnp.zeros((1, size, size, 3), jnp.uint8)))

    def program(self, steps_per_epoch: int) -> Program:
        raise ConfigError("An imported expression network is finished: it is not trained here.")

    def predict(self, variables: Variables, batch: Batch) -> dict[str, jax.Array]:
        """``probabilities [b, C]``."""
        return {"probabilities": jax.nn.softmax(self.net.apply(variables, batch["image"]))}

    @property
    def report(self):
        """The report of face systems, as far as there is something to draw."""
        from emojax.systems.faces.report import FaceReport  # matplotlib: a second that only a report pays

        return FaceReport(self)

    def label_vectors(self, variables: Variables) -> None:
        """None: the report draws none."""
        return None
