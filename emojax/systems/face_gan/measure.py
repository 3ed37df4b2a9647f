"""Metrics of the Regression GAN (affwild_gan spec 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from emojax.systems.face_videos.inputs import VALUES
from emojax.systems.face_videos.measure import dimension_metrics, truth_of, video_metrics


class GanMeasure:
    """See `emojax.systems.measure.Measure`."""

    reads = ("dimensions", "fake_logit", "drawn_fake_logit", "thumbnail", "drawn_thumbnail")
    links: ClassVar = {"dimensions": "identity"}

    def complete(self, outputs, predict_split: Callable[[str], Mapping[str, np.ndarray]]) -> dict:
        """The outputs as they are: nothing is fitted on another split."""
        return dict(outputs)

    def metrics(self, outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Of valence and arousal as the other Aff-Wild systems; ``loss`` is the testing error ``1 - CCC``.

        ``judged_real_*``: share of real and of drawn pictures that the discriminator takes for real, ``p_real_*`` the
        mean probability, ``discriminator_accuracy`` the conventional accuracy (G5). ``diversity``: how much drawn faces
        differ from one another, as a share of how much real ones do; near 0 the generator has collapsed.
        """
        found = dimension_metrics(outputs["dimensions"], truth_of(outputs))
        found |= video_metrics(outputs["dimensions"], truth_of(outputs), outputs["sequence"])
        judged = {}
        for name, logits in (("real", outputs["fake_logit"]), ("fake", outputs["drawn_fake_logit"])):
            judged[f"judged_real_{name}"] = float((logits < 0).mean())
            judged[f"p_real_{name}"] = float(np.mean(1 / (1 + np.exp(logits.astype(np.float64)))))
        accuracy = (judged["judged_real_real"] + 1 - judged["judged_real_fake"]) / 2
        spread = {name: spread_of(outputs[name]) for name in ("thumbnail", "drawn_thumbnail")}
        diversity = spread["drawn_thumbnail"] / max(spread["thumbnail"], 1e-12)
        return {
            "loss": 1 - found["ccc_mean"],
            **found,
            **judged,
            "discriminator_accuracy": accuracy,
            "diversity": diversity,
        }

    def columns(self, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Columns of ``predictions.csv``: truth and prediction of each dimension, probability of being real."""
        columns = {}
        for i, name in enumerate(VALUES):
            columns[f"true_{name}"] = outputs[name]
            columns[f"predicted_{name}"] = outputs["dimensions"][:, i]
        return {**columns, "probability_real": 1 / (1 + np.exp(outputs["fake_logit"].astype(np.float64)))}


def spread_of(pictures: np.ndarray) -> float:
    """Standard deviation over the pictures ``[N, P]``, the mean over pixels."""
    return float(np.mean(np.std(pictures.astype(np.float64), axis=0)))
