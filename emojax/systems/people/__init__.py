"""Emotion of one person in a scene: the image systems of the context thesis."""

from emojax.systems.people.system import build, stand_in

__all__ = ["build", "stand_in"]
