"""Expressions in image sequences: the systems of the SASE-FE and OULU-CASIA thesis."""

from emojax.systems.sequences.stand_in import stand_in_columns
from emojax.systems.sequences.system import build, stand_in

__all__ = ["build", "stand_in", "stand_in_columns"]
