"""Recalls and total accuracies of a table, as a thesis prints them or as `scripts/reproduce` found them."""

from __future__ import annotations

import csv
import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from configs.affwild_lstm_tables import RECALLS
from configs.tables import METRICS
from emojax.errors import ConfigError, DataError
from emojax.labels import AFFWILD_CLASSES
from emojax.sweeps.tables import find_table


@dataclasses.dataclass(frozen=True)
class Recalls:
    """Rows of one split.

    Attributes:
        split: that was evaluated.
        systems: N names.
        recalls: ``[N, C]`` in [0, 1].
        totals: ``[N]`` accuracies in [0, 1].
        classes: C names.
    """

    split: str
    systems: tuple[str, ...]
    recalls: np.ndarray
    totals: np.ndarray
    classes: tuple[str, ...] = AFFWILD_CLASSES


def read_recalls(tables: Sequence[str]) -> Recalls:
    """The rows of several tables of one split together.

    Args:
        tables: names like ``affwild_lstm/5.1``, or files ``table.csv`` of `scripts/reproduce`; of these the rows of the
            first split count.

    Raises:
        ConfigError: no such table, one without recalls, or tables of different splits.
        DataError: a file that cannot be read, or has no recalls.
    """
    found = [_from_file(name) if name.endswith(".csv") else _printed(name) for name in tables]
    splits = {split for split, _ in found}
    if len(splits) > 1:
        raise ConfigError(
            f"These tables are of different splits ({', '.join(sorted(splits))}), which have different shares: give "
            "tables of one split."
        )
    rows = {name: values for _, of_table in found for name, values in of_table.items()}
    numbers = np.array(list(rows.values())) / 100
    return Recalls(splits.pop(), tuple(rows), numbers[:, :-1], numbers[:, -1])


def _printed(name: str) -> tuple[str, dict[str, list[float]]]:
    table = find_table(name)
    wanted = (*RECALLS, "accuracy")
    if not all(metric in row.published for row in table.rows for metric in wanted):
        raise ConfigError(
            f"Table {table.name} prints no recall of each category: give affwild_lstm/5.1, or so."
        )
    return table.printed.split, {row.name: [row.published[m] for m in wanted] for row in table.rows}


def _from_file(path: str) -> tuple[str, dict[str, list[float]]]:
    try:
        lines = list(csv.DictReader(pathlib.Path(path).read_text().splitlines()))
    except (OSError, ValueError) as error:
        raise DataError(f"Cannot read {path}: {error}.") from error
    titles = [METRICS[metric].title for metric in (*RECALLS, "accuracy")]
    try:
        split = lines[0]["split"]
        means = {
            (row["system"], row["metric"]): float(row["mean"])
            for row in lines
            if row["split"] == split and row["mean"]
        }
        systems = dict.fromkeys(system for system, _ in means)
        rows = {system: [means[system, title] for title in titles] for system in systems}
    except (IndexError, KeyError, ValueError) as error:
        raise DataError(
            f"{path} is no table of recalls and accuracies: {error!s} is missing or no number."
        ) from error
    if not rows:
        raise DataError(f"{path} has no row that was run.")
    return split, rows
