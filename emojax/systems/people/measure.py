"""Metrics and columns of predictions of people systems (context_emotion spec 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from emojax.labels import Labels
from emojax.metrics.multilabel import average_absolute_error, break_even_thresholds, multilabel_metrics
from emojax.systems.people.objective import category_scores, split_losses


class PeopleMeasure:
    """See `emojax.systems.measure.Measure`.

    Args:
        config: of the family `people`.
        labels: names of categories and dimensions.
        counts: ``[C]`` training samples that carry each label.
    """

    reads = ("logits", "dimensions")

    def __init__(self, config, labels: Labels, counts: Sequence[int]):
        # The baseline's L2 loss makes scores, not logits.
        link = "identity" if config.objective.categories == "weighted_l2" else "sigmoid"
        self.links = {"logits": link, "dimensions": "identity"}
        self._config, self._labels, self._counts = config, labels, counts

    def complete(self, outputs, predict_split: Callable[[str], Mapping[str, np.ndarray]]) -> dict:
        """Adds ``thresholds [C]`` chosen on the validation split, for the Jaccard index of any split."""
        validation = predict_split("validation")
        scores = category_scores(self._config, validation["logits"])
        return {**outputs, "thresholds": break_even_thresholds(scores, validation["categories"])}

    def metrics(self, outputs: Mapping[str, np.ndarray]) -> dict:
        """Those of `metrics.multilabel`, ``map_over_aae`` (spec 5), losses of labels and dimensions."""
        scores = category_scores(self._config, outputs["logits"])
        result = self._losses(outputs)
        result |= multilabel_metrics(
            scores, outputs["categories"], self._labels.classes, outputs.get("thresholds")
        )
        if "dimensions" in outputs:
            result |= average_absolute_error(outputs["dimensions"], outputs["vad"], self._labels.dimensions)
            result["map_over_aae"] = result["map"] / max(result["aae"], 1e-6)
        return result

    def _losses(self, outputs: Mapping[str, np.ndarray]) -> dict[str, float]:
        truth = {k: outputs[k] for k in ("categories", "vad") if k in outputs}
        predicted = {"logits": outputs["logits"]}
        if "dimensions" in outputs:
            predicted["dimensions"] = self._config.objective.dimension_scale * outputs["dimensions"]
        return split_losses(self._config, predicted, truth, self._counts)

    def columns(self, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Columns of ``predictions.csv``: truth and score of each category, truth and value of each dimension."""
        scores = category_scores(self._config, outputs["logits"])
        columns = {}
        for i, name in enumerate(self._labels.classes):
            columns[f"true_{name}"] = outputs["categories"][:, i].astype(int)
            columns[f"score_{name}"] = scores[:, i]
        for i, name in enumerate(self._labels.dimensions):
            columns[f"true_{name}"] = outputs["vad"][:, i]
            if "dimensions" in outputs:
                columns[f"predicted_{name}"] = outputs["dimensions"][:, i]
        return columns
