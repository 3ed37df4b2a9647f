"""Predictions of a whole split, every record exactly once and in record order."""

from __future__ import annotations

from collections import deque

import jax
import numpy as np

from emojax import progress
from emojax.engine.prefetch import DevicePrefetcher

_ROWS = ("index", "mask", "record", "frame_mask")
_IN_FLIGHT = 2  # batches computed ahead of the copy to the host


def with_truth(system):
    """Predicts, and adds what of the batch travels with the predictions: `System.truth`, numbers and masks of rows."""

    def predict_with_truth(variables, batch):
        rows = {k: batch[k] for k in _ROWS if k in batch}
        return {**rows, **system.truth(batch), **system.predict(variables, batch)}

    return predict_with_truth


def predict_split(
    predict_step, variables, batches, mesh, *, title: str | None = None
) -> dict[str, np.ndarray]:
    """Runs a compiled prediction step over one pass of a loader.

    Args:
        predict_step: compiled ``(variables, batch) -> outputs`` of a predict function wrapped by `with_truth`.
        variables: replicated on the mesh.
        batches: a loader over one epoch, not shuffled.
        mesh: the devices.
        title: name of a progress bar; none without it.

    Returns:
        Arrays ``[N, ...]`` by name, sorted by record number; padding is left out.
    """
    prefetcher = DevicePrefetcher(batches, mesh)
    bar = progress.bar(
        total=batches.steps_per_epoch, desc=title, unit="batch", leave=False, disable=title is None
    )
    in_flight: deque = deque()
    fetched = []
    try:
        for item in prefetcher:
            in_flight.append(predict_step(variables, item.arrays))
            if len(in_flight) > _IN_FLIGHT:
                fetched.append(jax.device_get(in_flight.popleft()))
            bar.update()
        fetched.extend(jax.device_get(list(in_flight)))
    finally:
        bar.close()
        prefetcher.close()
    outputs = {k: np.concatenate([f[k] for f in fetched]) for k in fetched[0]}
    order = np.flatnonzero(outputs["mask"] > 0)
    order = order[np.argsort(outputs["index"][order], kind="stable")]
    return {k: v[order] for k, v in outputs.items()}
