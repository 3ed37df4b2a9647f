"""The statistics in `dataset.json` against those made anew from the records."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from data_prep.emotic.statistics import depth_statistics, side_input_counts
from emojax.data.dataset import FILE_NAME, Dataset
from emojax.errors import DataError
from emojax.graphs.statistics import face_statistics, people_statistics, sequence_statistics

_RELATIVE = 1e-6


def statistics_problems(dataset: Dataset, depth: np.ndarray) -> Iterator[str]:
    """Problems: what of `statistics` does not follow from the columns, which the records were compared with.

    Args:
        dataset: the data set.
        depth: [n, 2], see `shard.ShardReport`, of the training split.
    """
    try:
        found = _recomputed(dataset, depth)
    except DataError as error:
        yield f"statistics: {error}"
        return
    for name, value in found.items():
        if name not in dataset.statistics:
            yield f"{FILE_NAME}: the statistics lack {name!r}, which the records give"
        elif difference := _difference(dataset.statistics[name], value, name):
            yield f"{FILE_NAME}: statistics: {difference}"


def _recomputed(dataset: Dataset, depth: np.ndarray) -> dict[str, Any]:
    if "train" not in dataset.splits:
        return {}
    columns = dataset.columns("train")
    if "categories" in columns:
        side_inputs = {split: side_input_counts(dataset.columns(split)) for split in dataset.splits}
        return (
            people_statistics(columns, dataset.labels)
            | depth_statistics(*depth.T)
            | {"side_inputs": side_inputs}
        )
    if "geometry" in columns:
        return sequence_statistics(columns, dataset.labels)
    if "label" in columns or "valence" in columns:
        return face_statistics(columns, dataset.labels)
    return {}


def _difference(said: Any, found: Any, where: str) -> str:
    """Where two JSON values differ first, or nothing."""
    if isinstance(found, Mapping):
        if not isinstance(said, Mapping) or said.keys() != found.keys():
            return f"{where} has other fields than the records give: {sorted(found)}"
        parts = ((said[key], found[key], f"{where}.{key}") for key in found)
    elif isinstance(found, list):
        if not isinstance(said, list) or len(said) != len(found):
            return f"{where} does not have the {len(found)} entries that the records give"
        parts = ((a, b, f"{where}[{i}]") for i, (a, b) in enumerate(zip(said, found)))
    else:
        return "" if _equal(said, found) else f"{where} is {said}, the records give {found}"
    return next((text for part in parts if (text := _difference(*part))), "")


def _equal(said: Any, found: Any) -> bool:
    numbers = [isinstance(x, int | float) and not isinstance(x, bool) for x in (said, found)]
    if not all(numbers):
        return said == found
    return math.isclose(said, found, rel_tol=_RELATIVE, abs_tol=_RELATIVE)
