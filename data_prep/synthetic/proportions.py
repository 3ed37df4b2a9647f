"""How often each class is drawn: the proportions of a real data set, with a floor for the rare."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def imbalanced_counts(known: Iterable[int], total: int, rarest_share: float) -> list[int]:
    """`total` shared out in the proportions of `known`, none below `rarest_share` (roughly) or 1.

    The commonest class takes the rounding.
    """
    share = np.array(list(known), np.float64)
    share = np.maximum(share / share.sum(), rarest_share)
    counts = np.maximum(np.rint(share / share.sum() * total).astype(int), 1)
    while counts.sum() > total:
        counts[np.argmax(counts)] -= 1
    counts[np.argmax(counts)] += total - counts.sum()
    return [int(count) for count in counts]
