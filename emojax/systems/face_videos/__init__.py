"""Valence, arousal and category of a face in every frame of a video: CNNs and CNN-RNNs."""

from emojax.systems.face_videos.stand_in import stand_in_columns
from emojax.systems.face_videos.system import build, stand_in

__all__ = ["build", "stand_in", "stand_in_columns"]
