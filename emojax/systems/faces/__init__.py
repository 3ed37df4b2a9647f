"""Expression and valence / arousal of one face: the systems of the Emotion-GCN thesis."""

from emojax.systems.faces.system import build, stand_in

__all__ = ["build", "stand_in"]
