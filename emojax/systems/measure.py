"""What measures a system, and what draws its report: two objects that a family names beside its system."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

Outputs = Mapping[str, np.ndarray]


class Measure(Protocol):
    """Metrics and columns of predictions.

    Attributes:
        reads: outputs of `System.predict` that `metrics` uses; a validation during training predicts no other.
        links: outputs that ensembles combine -> how each becomes a probability or a value: `identity`, `sigmoid` or
            `softmax`. What is not named is left out of an ensemble.
    """

    reads: tuple[str, ...]
    links: Mapping[str, str]

    def complete(self, outputs: Outputs, predict_split: Callable[[str], Outputs]) -> dict[str, np.ndarray]:
        """Adds to the predictions of an evaluation what is fitted on another split.

        For instance thresholds chosen on the validation split. What is complete is taken, too: outputs that were
        saved, pooled or combined are completed anew.

        Args:
            outputs: predictions and truth ``[N, ...]``.
            predict_split: gives the predictions of a split, in record order, not augmented.
        """

    def metrics(self, outputs: Outputs) -> dict[str, Any]:
        """Exact metrics of a whole split from predictions and truth ``[N, ...]``; JSON-able."""

    def columns(self, outputs: Outputs) -> dict[str, np.ndarray]:
        """Columns of ``predictions.csv`` in order, ``[N]`` each: truth, probabilities, values."""


class Report(Protocol):
    """Figures and page of an evaluation.

    Attributes:
        columns: columns of the data that only the report shows, where the data have them.
        reads: outputs of `System.predict` that only the report shows, where the system has them.
    """

    columns: tuple[str, ...]
    reads: tuple[str, ...]

    def write(
        self,
        folder: pathlib.Path,
        variables: Mapping[str, Any],
        outputs: Outputs,
        results: Mapping[str, Any],
        log: list[dict],
        read_records: Callable[[np.ndarray, list[str]], Mapping[str, np.ndarray]],
    ) -> None:
        """Writes figures and ``index.html``.

        Args:
            folder: where to.
            variables: what was evaluated.
            outputs: predictions and truth ``[N, ...]`` in record order, and the report's own `columns`.
            results: what ``metrics.json`` holds.
            log: rows of the run's log.
            read_records: (record numbers ``[n]``, names of features) -> arrays ``[n, ...]`` by name.
        """
