"""Metrics and columns of predictions of expressions in videos (image_sequences spec 1.1, 5.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np

from emojax.labels import SASE_EMOTIONS, Labels
from emojax.metrics.expression import expression_metrics
from emojax.metrics.videos import video_metrics


class SequenceMeasure:
    """See `emojax.systems.measure.Measure`."""

    reads = ("probabilities",)
    links: ClassVar = {"probabilities": "identity"}

    def __init__(self, task: str, labels: Labels):
        self._task, self._labels = task, labels

    def complete(self, outputs: Mapping[str, np.ndarray], predict_split: Callable[[str], Mapping]) -> dict:
        """The outputs as they are: nothing is fitted on another split."""
        return dict(outputs)

    def metrics(self, outputs: Mapping[str, np.ndarray]) -> dict:
        """Those of `expression_metrics` (units are frames or clips) and `video_metrics`.

        Of 12 classes also ``emotion_accuracy`` and ``deceptive_accuracy``, from the summed probabilities.
        """
        probabilities, labels = np.asarray(outputs["probabilities"]), np.asarray(outputs["class"])
        result = expression_metrics(probabilities, labels, self._labels.classes)
        result |= video_metrics(probabilities, labels, outputs["video_number"], outputs["subject_number"])
        if self._task == "sase12":
            both = probabilities.reshape(-1, 2, len(SASE_EMOTIONS))
            deceptive, emotion = np.divmod(labels, len(SASE_EMOTIONS))
            result["emotion_accuracy"] = float(np.mean(both.sum(axis=1).argmax(axis=1) == emotion))
            result["deceptive_accuracy"] = float(np.mean(both.sum(axis=2).argmax(axis=1) == deceptive))
        return result

    def columns(self, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Columns of ``predictions.csv``: video, subject, true and predicted class, probabilities."""
        names = np.array(self._labels.classes)
        columns = {
            "video": outputs["video_number"],
            "subject": outputs["subject_number"],
            "true_class": names[outputs["class"]],
            "predicted_class": names[outputs["probabilities"].argmax(axis=1)],
        }
        return columns | {f"p_{c}": outputs["probabilities"][:, i] for i, c in enumerate(names)}
