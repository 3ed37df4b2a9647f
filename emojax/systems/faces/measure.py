"""Metrics and columns of predictions of face systems (emotion_gcn spec 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np

from emojax.graphs.va_plane import sector_labels
from emojax.labels import Labels
from emojax.metrics.expression import expression_metrics
from emojax.metrics.valence_arousal import valence_arousal_metrics
from emojax.systems.faces.heads import num_regions


class FaceMeasure:
    """See `emojax.systems.measure.Measure`."""

    reads = ("probabilities", "valence_arousal", "region_probabilities", "mask_overlap")
    links: ClassVar = dict.fromkeys(
        ("probabilities", "valence_arousal", "region_probabilities", "svm_scores"), "identity"
    )

    def __init__(self, config, labels: Labels):
        self._config, self._labels = config, labels

    def complete(self, outputs: Mapping[str, np.ndarray], predict_split: Callable[[str], Mapping]) -> dict:
        """The outputs as they are: nothing is chosen on another split."""
        return dict(outputs)

    def metrics(self, outputs: Mapping[str, np.ndarray]) -> dict:
        """Exact metrics of a whole split, those of what the network predicts."""
        result = {}
        if "probabilities" in outputs:
            result |= expression_metrics(outputs["probabilities"], outputs["label"], self._labels.classes)
        if "valence_arousal" in outputs:
            result |= self._valence_arousal_metrics(outputs)
        if "region_probabilities" in outputs:
            sectors = sector_labels(outputs["valence"], outputs["arousal"], num_regions(self._config))
            result["region_accuracy"] = float(
                np.mean(outputs["region_probabilities"].argmax(axis=1) == sectors)
            )
        if "mask_overlap" in outputs:
            both, either = outputs["mask_overlap"].sum(axis=0, dtype=np.float64)
            result["mask_iou"] = float(both / max(either, 1))
        if "svm_scores" in outputs:
            by_svm = expression_metrics(outputs["svm_scores"], outputs["label"], self._labels.classes)
            result |= {f"svm_{name}": value for name, value in by_svm.items()}
        return result

    def _valence_arousal_metrics(self, outputs: Mapping[str, np.ndarray]) -> dict[str, float]:
        truth = np.stack([outputs["valence"], outputs["arousal"]], axis=-1)
        by_dimension = valence_arousal_metrics(outputs["valence_arousal"], truth, self._labels.dimensions)
        named = {f"{n}_{d}": value for d, values in by_dimension.items() for n, value in values.items()}
        # On values rescaled to [0, 1], as context_emotion spec 6 reports it.
        named["aae"] = float(np.mean(np.abs(outputs["valence_arousal"] - truth))) / 2
        return named | {"ccc_mean": float(np.mean([values["ccc"] for values in by_dimension.values()]))}

    def columns(self, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Columns of ``predictions.csv``: truth, predicted class, probabilities, values."""
        names = np.array(self._labels.classes)
        columns = {"true_class": names[outputs["label"]]} if "label" in outputs else {}
        if "probabilities" in outputs:
            columns["predicted_class"] = names[outputs["probabilities"].argmax(axis=1)]
            columns |= {f"p_{c}": outputs["probabilities"][:, i] for i, c in enumerate(names)}
        if "svm_scores" in outputs:
            columns["svm_class"] = names[outputs["svm_scores"].argmax(axis=1)]
        for i, dimension in enumerate(self._labels.dimensions):
            if dimension in outputs:
                columns[f"true_{dimension}"] = outputs[dimension]
            if "valence_arousal" in outputs:
                columns[f"predicted_{dimension}"] = outputs["valence_arousal"][:, i]
        return columns
