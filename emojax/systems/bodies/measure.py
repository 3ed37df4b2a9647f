"""Metrics and columns of predictions of BoLD systems (context_emotion spec 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from emojax.engine.outputs import Outputs
from emojax.errors import DataError
from emojax.labels import Labels
from emojax.metrics.bold import emotion_recognition_score
from emojax.systems.bodies.inputs import TRUTH
from emojax.systems.bodies.objective import objective
from emojax.systems.bodies.submission import submission_table, submission_text


class BodyMeasure:
    """See `emojax.systems.measure.Measure`."""

    reads = ("logits", "dimensions")
    links: ClassVar = {"logits": "sigmoid", "dimensions": "identity"}

    def __init__(self, labels: Labels):
        self.labels = labels

    def complete(self, outputs, predict_split: Callable[[str], Mapping[str, np.ndarray]]) -> dict:
        """The outputs as they are: nothing is fitted on another split."""
        return dict(outputs)

    def metrics(self, outputs: Mapping[str, np.ndarray]) -> dict:
        """Those of `emotion_recognition_score`, and ``loss`` with its terms.

        Raises:
            DataError: the split has no labels.
        """
        if np.isnan(outputs["vad"]).all():
            raise DataError(
                "This split has no labels (those of BoLD's test split are not public), so nothing can be measured on "
                "it. Evaluate --split validation."
            )
        truth = {name: jnp.asarray(outputs[name]) for name in TRUTH} | {
            "mask": jnp.ones(len(outputs["index"]))
        }
        predicted = {name: jnp.asarray(outputs[name]) for name in ("logits", "dimensions")}
        total, parts = objective(predicted, truth)
        score = emotion_recognition_score(
            outputs["logits"],
            outputs["categories"],
            outputs["dimensions"],
            outputs["vad"],
            classes=self.labels.classes,
            dimensions=self.labels.dimensions,
        )
        return {"loss": float(total), **{name: float(value) for name, value in parts.items()}, **score}

    def submission(self, outputs: Outputs) -> tuple[str, list[str]]:
        """The file for BoLD's evaluation server, and what the user should know; see `submission`.

        Raises:
            DataError: the data do not tell the rows of the annotation.
        """
        split = outputs.meta["split"]
        annotated = outputs.recipe.build.get("annotated", {}).get(split, 0)
        table, missing = submission_table(outputs.arrays, outputs.ids, annotated)
        notes = [
            f"{missing} of {annotated} people could not be prepared: their rows are the mean of the others"
        ]
        return submission_text(table), notes if missing else []

    def columns(self, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Columns of ``predictions.csv``: truth and score of each category, truth and value of each dimension."""
        scores, columns = 1 / (1 + np.exp(-outputs["logits"].astype(np.float64))), {}
        for i, name in enumerate(self.labels.classes):
            columns[f"true_{name}"] = outputs["categories"][:, i]
            columns[f"score_{name}"] = scores[:, i]
        for i, name in enumerate(self.labels.dimensions):
            columns[f"true_{name}"] = outputs["vad"][:, i]
            columns[f"predicted_{name}"] = outputs["dimensions"][:, i]
        return columns
