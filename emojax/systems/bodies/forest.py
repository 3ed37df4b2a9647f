"""Random forests on the Laban descriptor of a clip (context_emotion spec 2.7, 10: G16)."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from emojax.data.recipe import Recipe
from emojax.estimators.forest import fit_classifiers, fit_regressor, forest_outputs
from emojax.labels import BOLD_POSITIVE_FROM
from emojax.metrics.bold import emotion_recognition_score
from emojax.systems.base import Batch, Examples, FittedSystem, Variables
from emojax.systems.bodies.inputs import Standardised, inputs_of
from emojax.systems.bodies.measure import BodyMeasure
from emojax.systems.measure import Report

_SMALLEST = 1e-4  # a probability of 0 or 1 has no logit


class ForestMeasure(BodyMeasure):
    """Adds what hard labels would score: the thesis's row stands at chance, as those do (spec 10, G16)."""

    def metrics(self, outputs: Mapping[str, np.ndarray]) -> dict:
        """Those of `BodyMeasure`, and ``hard_ers``, ``hard_map``, ``hard_mra``: labels made 0 or 1 at 0.5."""
        metrics = super().metrics(outputs)
        hard = emotion_recognition_score(
            (np.asarray(outputs["logits"]) > 0).astype(np.float64),
            outputs["categories"],
            outputs["dimensions"],
            outputs["vad"],
            classes=self.labels.classes,
            dimensions=self.labels.dimensions,
        )
        return metrics | {f"hard_{name}": hard[name] for name in ("ers", "map", "mra")}


class BodyForest(FittedSystem):
    """A forest for each category and one for the values; the depth is the best of the config's on the validation split.

    See `System`.
    """

    def __init__(self, config, recipe: Recipe):
        super().__init__(config, recipe)
        self.labels = recipe.labels
        self.measure = ForestMeasure(recipe.labels)
        self.inputs = inputs_of(config)
        self.monitor = config.monitor
        self.headline = ("ers", "map", "mra", "mr2")
        self.protocol = f"descriptors of whole clips, {config.model.trees} trees a forest"
        self._descriptor = Standardised.of(recipe, "laban_descriptor")

    def fit(self, examples: Examples) -> Variables:
        options = self.config.model
        train, validation = (
            {k: np.asarray(v) for k, v in examples(s).items()} for s in ("train", "validation")
        )
        features, best = self._features(train), None
        for depth in options.tree_depths:
            shared = {
                "num_trees": options.trees,
                "max_depth": depth or None,
                "seed": self.config.seed,
                "jobs": -1,
            }
            params = {
                "categories": fit_classifiers(features, train["categories"] >= BOLD_POSITIVE_FROM, **shared),
                "dimensions": fit_regressor(features, train["vad"], **shared),
            }
            outputs = {name: np.asarray(value) for name, value in self._outputs(params, validation).items()}
            score = emotion_recognition_score(
                outputs["logits"],
                validation["categories"],
                outputs["dimensions"],
                validation["vad"],
                classes=self.labels.classes,
                dimensions=self.labels.dimensions,
            )["ers"]
            if best is None or score > best[0]:
                best = score, depth, params
        self.notes.append(
            f"depth of the trees: {best[1] or 'until the leaves are pure'}, the best on validation"
        )
        return {"params": best[2]}

    def predict(self, variables: Variables, batch: Batch) -> dict[str, jax.Array]:
        """``logits [b, C]`` and ``dimensions [b, K]``."""
        return self._outputs(variables["params"], batch)

    def _outputs(self, params: Mapping, batch: Batch) -> dict[str, jax.Array]:
        features = self._features(batch)
        probabilities = forest_outputs(params["categories"], features)[..., 0]
        clipped = jnp.clip(probabilities, _SMALLEST, 1 - _SMALLEST)
        dimensions = forest_outputs(params["dimensions"], features)[:, 0]
        return {"logits": jnp.log(clipped) - jnp.log1p(-clipped), "dimensions": dimensions}

    def _features(self, batch: Batch) -> jax.Array:
        return self._descriptor(jnp.asarray(batch["laban_descriptor"], jnp.float32))

    @property
    def report(self) -> Report:
        from emojax.systems.bodies.report import BodyReport  # matplotlib: a second that only a report pays

        return BodyReport(self)
