"""Emotion of a tracked person in a clip: the video systems of the context thesis."""

from emojax.systems.bodies.stand_in import stand_in_columns
from emojax.systems.bodies.system import build, stand_in

__all__ = ["build", "stand_in", "stand_in_columns"]
