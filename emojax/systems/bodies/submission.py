"""The file that BoLD's evaluation server takes (context_emotion spec 6).

One row a person of ``test_meta.csv``, in its order, without a header: valence, arousal, dominance, then the 26
categories in BoLD's order, six decimals. That is what the author's public code writes. What the server does with them
is not published: whether it wants values from 0 to 1 or from 1 to 10, and probabilities or logits. Ours are values
from 0 to 1 (as the networks are trained) and probabilities; average precision and ROC-AUC are the same for logits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emojax.errors import DataError

ANNOTATION = "annotation"  # column: number of the person in the annotation file, from 0


def submission_table(
    outputs: Mapping[str, np.ndarray], ids: Mapping[str, np.ndarray], num_annotated: int
) -> tuple[np.ndarray, int]:
    """The rows of the file.

    Args:
        outputs: ``logits [N, 26]`` and ``dimensions [N, 3]`` in (0, 1).
        ids: ``annotation [N]``, the row of each person.
        num_annotated: M, people of the annotation file.

    Returns:
        ``[M, 29]``, and how many of them could not be prepared: their rows are the mean of the others.

    Raises:
        DataError: the data do not say which row a person is, or one person comes twice.
    """
    if ANNOTATION not in ids:
        raise DataError(
            "These data do not store the rows of the annotation file: prepare them again with python -m data_prep.bold."
        )
    rows = np.asarray(ids[ANNOTATION])
    if len(np.unique(rows)) < len(rows) or rows.min() < 0 or rows.max() >= num_annotated:
        raise DataError(f"The column {ANNOTATION} is damaged: {len(rows)} people, {num_annotated} rows.")
    scores = 1 / (1 + np.exp(-np.asarray(outputs["logits"], np.float64)))
    predicted = np.concatenate([np.asarray(outputs["dimensions"], np.float64), scores], axis=1)
    table = np.tile(predicted.mean(axis=0), (num_annotated, 1))
    table[rows] = predicted
    return table, num_annotated - len(rows)


def submission_text(table: np.ndarray) -> str:
    """The file's content."""
    return "".join(",".join(f"{value:.6f}" for value in row) + "\n" for row in table)
