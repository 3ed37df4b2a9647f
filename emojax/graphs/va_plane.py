"""Divisions of the valence-arousal plane: sectors around the origin and square bins.

The functions take NumPy or JAX arrays and answer in kind, so data preparation, losses and figures share
one definition.
"""

from __future__ import annotations

import math

from emojax.errors import ConfigError

SECTOR_COUNTS = (2, 4, 8, 12)
HISTOGRAM_BINS = (5, 10)


def sector_labels(valence, arousal, num_sectors: int):
    """Region of each point of the plane (spec emotion_gcn 1.9; thesis l.1378-1386).

    Args:
        valence: ``[...]`` float, nominal range [-1, 1].
        arousal: ``[...]`` float, same shape.
        num_sectors: 4, 8 or 12 equal angles counted anticlockwise from the positive valence axis, or 2 for
            "Half": 1 where valence >= 0, else 0. The origin is in sector 0 of 4, 8 or 12.

    Returns:
        ``[...]`` int32 in [0, num_sectors).

    Raises:
        ConfigError: another number of sectors.
    """
    if num_sectors not in SECTOR_COUNTS:
        raise ConfigError(f"The plane is divided into one of {SECTOR_COUNTS} regions, not {num_sectors}.")
    xp = valence.__array_namespace__()
    if num_sectors == 2:
        return (valence >= 0).astype(xp.int32)
    # Turn each point into the first quadrant and compare there: exact on axes and diagonals, where an
    # angle from atan2 falls on either side depending on the library.
    quadrants = [
        (valence > 0) & (arousal >= 0),
        (valence <= 0) & (arousal > 0),
        (valence < 0) & (arousal <= 0),
        (valence >= 0) & (arousal < 0),
    ]
    turned = [(valence, arousal), (arousal, -valence), (-valence, -arousal), (-arousal, valence)]
    per_quadrant = num_sectors // 4
    sector = xp.zeros(valence.shape, xp.int32)
    for q, (inside, (x, y)) in enumerate(zip(quadrants, turned)):
        within = sum((y >= x * math.tan(k * 2 * math.pi / num_sectors)) for k in range(1, per_quadrant))
        sector = xp.where(inside, q * per_quadrant + within, sector)
    return sector.astype(xp.int32)


def plane_bins(valence, arousal, bins: int):
    """Square bin of each point, ``bins`` per axis over [-1, 1] (spec emotion_gcn 1.9; thesis l.1051).

    Returns:
        (row, column) = (valence bin, arousal bin), each ``[...]`` int32 in [0, bins). Points outside
        [-1, 1] fall into the outermost bins.
    """
    xp = valence.__array_namespace__()

    def bin_of(x):
        return xp.clip(xp.floor((x + 1) / 2 * bins).astype(xp.int32), 0, bins - 1)

    return bin_of(valence), bin_of(arousal)
