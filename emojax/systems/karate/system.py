"""Zachary's karate club as a system (thesis 001, fig. 6.1.1)."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import ClassVar

import jax
import numpy as np

from emojax.data.inputs import Inputs
from emojax.engine.program import Program
from emojax.errors import ConfigError
from emojax.graphs.karate import NUM_MEMBERS, karate_club, symmetric_normalization
from emojax.labels import Labels
from emojax.models.constants import init_with_constants
from emojax.models.gcn import LabelGCN, graph_constants
from emojax.report.karate import karate_figure
from emojax.systems.base import Batch, System, Variables


class KarateSystem(System):
    """An untrained GCN over the club's friendships, with Kipf's normalisation; see `System`."""

    labels = Labels(("instructor", "officers"))
    inputs = Inputs()
    monitor = "nearest_mean_accuracy"
    headline = ("nearest_mean_accuracy",)

    def __init__(self, config):
        super().__init__(config, None)
        self.friendships, self.club = karate_club()
        self.measure, self.report = KarateMeasure(self.club, self.labels), KarateReport(self)
        self.net = LabelGCN(tuple(config.widths))

    @functools.cached_property
    def constants(self) -> dict:
        return graph_constants(symmetric_normalization(self.friendships), np.eye(NUM_MEMBERS))

    def init(self, key: jax.Array, constants: Mapping | None = None) -> Variables:
        return init_with_constants(self.net, self.constants if constants is None else constants, key)

    def program(self, steps_per_epoch: int) -> Program:
        raise ConfigError("The karate club is never trained: python -m emojax.systems.karate draws it.")

    def predict(self, variables: Variables, batch: Batch) -> dict[str, jax.Array]:
        """``embedding [34, 2]``; the batch is ignored."""
        return {"embedding": self.net.apply(variables)}


class KarateMeasure:
    """See `emojax.systems.measure.Measure`."""

    reads = ("embedding",)

    def __init__(self, club: np.ndarray, labels: Labels):
        self._club, self._labels = club, labels

    def complete(self, outputs, predict_split) -> dict[str, np.ndarray]:
        return dict(outputs)

    def metrics(self, outputs: Mapping[str, np.ndarray]) -> dict:
        """Share of the members who lie nearer to the mean of their own later club than to the other's."""
        points = np.asarray(outputs["embedding"])
        means = np.stack([points[self._club == side].mean(axis=0) for side in (0, 1)])
        nearest = np.linalg.norm(points[:, None] - means, axis=-1).argmin(axis=1)
        return {"nearest_mean_accuracy": float(np.mean(nearest == self._club))}

    def columns(self, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        x, y = np.asarray(outputs["embedding"]).T
        return {"club": np.array(self._labels.classes)[self._club], "x": x, "y": y}


@dataclasses.dataclass(frozen=True)
class KarateReport:
    """See `emojax.systems.measure.Report`."""

    system: KarateSystem
    columns: ClassVar = ()
    reads: ClassVar = ()

    def write(self, folder, variables, outputs, results, log, read_records) -> None:
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        points = np.asarray(outputs["embedding"])
        karate_figure(folder / "karate.png", points, self.system.friendships, self.system.club)
