"""Metrics and columns of predictions of the Aff-Wild systems (affwild_gan spec 5.1, affwild_cnn_rnn spec 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from emojax.data.frames import flatten_frames
from emojax.labels import Labels
from emojax.metrics.expression import expression_metrics
from emojax.metrics.valence_arousal import concordance_correlation_coefficient, valence_arousal_metrics
from emojax.systems.face_videos.inputs import VALUES
from emojax.systems.face_videos.objective import objective


def by_record(outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Outputs of windows ``[E, T, ...]`` as those of their frames ``[N, ...]``; of frames as they are."""
    return flatten_frames(outputs) if np.ndim(outputs.get("record")) == 2 else dict(outputs)


class FrameMeasure:
    """See `emojax.systems.measure.Measure`. All metrics are those of all frames of the split together.

    Args:
        labels: of the data.
        options: `config.objective`.
        class_weights: of the loss.
    """

    reads = ("logits", "dimensions")
    links: ClassVar = {"logits": "softmax", "dimensions": "identity"}

    def __init__(self, labels: Labels, options, class_weights: np.ndarray | None = None):
        self._labels, self._options, self._weights = labels, options, class_weights

    def complete(self, outputs, predict_split: Callable[[str], Mapping[str, np.ndarray]]) -> dict:
        """Outputs by frame; nothing is fitted on another split."""
        return by_record(outputs)

    def metrics(self, outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """``loss`` and its terms; of valence and arousal ``ccc_*``, ``mse_*``, ``pcc_*``, ``sagr_*``, the mean CCC and
        the mean over videos of each video's CCC; of categories those of `expression_metrics`; the trivial baselines.

        Raises:
            DataError: a prediction is not finite.
        """
        frames = by_record(outputs)
        found = self._loss(frames)
        if "dimensions" in frames:
            found |= dimension_metrics(frames["dimensions"], truth_of(frames))
            found |= video_metrics(frames["dimensions"], truth_of(frames), frames["sequence"])
        if "logits" in frames:
            found |= category_metrics(frames["logits"], frames["label"], self._labels.classes)
        return found

    def _loss(self, frames: Mapping[str, np.ndarray]) -> dict[str, float]:
        count = len(frames["index"])
        names = [name for name in (*self.reads, *VALUES, "label") if name in frames]
        # As one window of all frames: the loss of the split, not a mean over batches.
        rows = {name: jnp.asarray(frames[name])[None] for name in names}
        total, parts = objective(rows, rows, jnp.ones((1, count)), self._options, self._weights)
        return {"loss": float(total), **{name: float(value) for name, value in parts.items()}}

    def columns(self, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Columns of ``predictions.csv``: truth and prediction of each dimension, truth and score of each category."""
        columns = {}
        for i, name in enumerate(VALUES if "dimensions" in outputs else ()):
            columns[f"true_{name}"] = outputs[name]
            columns[f"predicted_{name}"] = outputs["dimensions"][:, i]
        if "logits" in outputs:
            names = np.array(self._labels.classes)
            columns["true_category"] = names[outputs["label"]]
            columns["predicted_category"] = names[outputs["logits"].argmax(axis=1)]
            shares = np.exp(outputs["logits"] - outputs["logits"].max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            columns |= {f"probability_{name}": shares[:, i] for i, name in enumerate(names)}
        return columns


def truth_of(frames: Mapping[str, np.ndarray]) -> np.ndarray:
    """True valence and arousal ``[N, 2]``."""
    return np.stack([frames[name] for name in VALUES], axis=-1)


def dimension_metrics(predicted: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """``ccc``, ``pcc``, ``sagr`` and ``mse`` of valence and arousal, and ``ccc_mean``; ``[N, 2]`` each.

    ``constant_mse_*`` is the least that a constant answer reaches, the variance of the truth; its CCC is 0.
    """
    found = {f"constant_mse_{name}": float(truth[:, i].var()) for i, name in enumerate(VALUES)}
    for name, values in valence_arousal_metrics(predicted, truth, VALUES).items():
        found |= {f"{metric}_{name}": values[metric] for metric in ("ccc", "pcc", "sagr")}
        found[f"mse_{name}"] = values["rmse"] ** 2
    return {**found, "ccc_mean": (found["ccc_valence"] + found["ccc_arousal"]) / 2}


def video_metrics(predicted: np.ndarray, truth: np.ndarray, sequence: np.ndarray) -> dict[str, Any]:
    """``per_video`` number of the sequence -> CCC of both dimensions, and their means ``video_ccc_*``."""
    each = {}
    for number in np.unique(sequence):
        rows = sequence == number
        values = [concordance_correlation_coefficient(predicted[rows, i], truth[rows, i]) for i in range(2)]
        each[str(int(number))] = dict(zip(VALUES, values), frames=int(rows.sum()))
    means = {f"video_ccc_{name}": float(np.mean([video[name] for video in each.values()])) for name in VALUES}
    return {**means, "per_video": each}


def category_metrics(logits: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> dict[str, Any]:
    """Those of `expression_metrics`, the share of the commonest class, which a constant answer reaches, and
    ``weighted_*``: precision, recall and F1 of the classes, averaged by their frames (affwild_cnn_rnn spec 5).
    """
    found = expression_metrics(logits, labels, classes)
    found["majority_accuracy"] = float(np.bincount(labels).max() / len(labels))
    each = found["per_class"].values()
    for kind in ("precision", "recall", "f1"):
        found[f"weighted_{kind}"] = sum(row["count"] * row[kind] for row in each) / len(labels)
    return found
