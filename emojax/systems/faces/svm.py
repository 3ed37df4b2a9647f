"""An SVM on the features of a trained face network (emotion_gcn spec 2.6)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from emojax.estimators.svm import fit_svm, svm_scores


@dataclasses.dataclass(frozen=True)
class FeatureSvm:
    """See `emojax.engine.fit.Estimator`: reads ``embedding [N, D]``, adds ``svm_scores [N, C]``.

    Attributes:
        num_classes: C.
        settings: `kernel`, `penalty`, `max_samples` (0: all) and `seed`.
    """

    num_classes: int
    settings: Mapping[str, Any]
    title = "SVM"
    reads = ("embedding",)

    def fit(self, train: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        options = {**self.settings, "max_samples": self.settings["max_samples"] or None}
        return fit_svm(train["embedding"], train["label"], num_classes=self.num_classes, **options)

    def apply(
        self, fitted: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        return {"svm_scores": svm_scores(fitted, outputs["embedding"])}
