"""The records behind examples and their predictions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def example_records(batch: Mapping[str, np.ndarray]) -> np.ndarray:
    """One record of each example, int [B], -1 for padding: the picture, or the first record of several."""
    if "record" not in batch:
        return batch["index"]
    records = np.asarray(batch["record"])
    if records.ndim == 1:
        return records
    return np.take_along_axis(records, (records >= 0).argmax(axis=1)[:, None], axis=1)[:, 0]


def flatten_frames(outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Predictions and truth of each record that an evaluation covered, in record order.

    Args:
        outputs: arrays of E examples; among them `record` and `frame_mask` ``[E, T]``. Arrays that begin with [E, T]
            hold values of records, all others values of examples.

    Returns:
        Arrays ``[F, ...]``: values of records, and those of its example for each record. `index` is the number of the
        record, which comes once: of windows that overlap the first says it. `record` and `frame_mask` are left out.
        Outputs without `record`, such as those that this has made, stay as they are.
    """
    if "record" not in outputs:
        return dict(outputs)
    shape = np.shape(outputs["record"])
    real = np.flatnonzero(np.asarray(outputs["frame_mask"]).reshape(-1) > 0)
    records, first = np.unique(np.asarray(outputs["record"]).reshape(-1)[real], return_index=True)
    chosen = real[first]
    flat = {}
    for name, values in outputs.items():
        if name in ("record", "frame_mask") or np.shape(values)[:1] != shape[:1]:
            continue
        of_records = np.shape(values)[:2] == shape
        flat[name] = (
            values.reshape(-1, *values.shape[2:])[chosen] if of_records else values[chosen // shape[1]]
        )
    return {**flat, "index": records}
