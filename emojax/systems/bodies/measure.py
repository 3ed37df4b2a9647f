"""Metrics and columns of predictions of BoLD systems (context_emotion spec 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from emojax.engine.outputs import Outputs
from emojax.errors import DataError
from emojax.labels import BOLD_POSITIVE_FROM, Labels
from emojax.metrics.bold import emotion_recognition_score
from emojax.metrics.multilabel import break_even_thresholds, jaccard_index
from emojax.systems.bodies.inputs import TRUTH
from emojax.systems.bodies.objective import objective
from emojax.systems.bodies.submission import submission_table, submission_text


def probabilities(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Of the categories ``[N, C]`` float64."""
    return 1 / (1 + np.exp(-np.asarray(outputs["logits"], np.float64)))


def present(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Categories that the crowd sees in each person ``[N, C]`` bool."""
    return np.asarray(outputs["categories"]) >= BOLD_POSITIVE_FROM


def predicted_sets(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Categories whose probability reaches its threshold ``[N, C]`` bool; without thresholds, those of these people."""
    scores, thresholds = probabilities(outputs), outputs.get("thresholds")
    return scores >= (break_even_thresholds(scores, present(outputs)) if thresholds is None else thresholds)


def jaccard_indices(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The Jaccard index of each person ``[N]``; see `predicted_sets`."""
    return jaccard_index(predicted_sets(outputs), present(outputs))


class BodyMeasure:
    """See `emojax.systems.measure.Measure`."""

    reads = ("logits", "dimensions")
    links: ClassVar = {"logits": "sigmoid", "dimensions": "identity"}

    def __init__(self, labels: Labels):
        self.labels = labels

    def complete(self, outputs, predict_split: Callable[[str], Mapping[str, np.ndarray]]) -> dict:
        """Adds ``thresholds [C]`` of probabilities, chosen on the validation split, for the Jaccard index of any split
        (spec 6); a split whose labels are not public has no use for them."""
        if np.isnan(outputs["vad"]).all():
            return dict(outputs)
        validation = predict_split("validation")
        chosen = break_even_thresholds(probabilities(validation), present(validation))
        return {**outputs, "thresholds": chosen}

    def metrics(self, outputs: Mapping[str, np.ndarray]) -> dict:
        """Those of `emotion_recognition_score`, ``jaccard`` (mean over people) and ``loss`` with its terms.

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
        jaccard = float(jaccard_indices(outputs).mean())
        terms = {name: float(value) for name, value in parts.items()}
        return {"loss": float(total), **terms, **score, "jaccard": jaccard}

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
        scores, columns = probabilities(outputs), {}
        for i, name in enumerate(self.labels.classes):
            columns[f"true_{name}"] = outputs["categories"][:, i]
            columns[f"score_{name}"] = scores[:, i]
        for i, name in enumerate(self.labels.dimensions):
            columns[f"true_{name}"] = outputs["vad"][:, i]
            columns[f"predicted_{name}"] = outputs["dimensions"][:, i]
        return columns
