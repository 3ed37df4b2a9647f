"""Regression GAN: a discriminator that estimates valence and arousal, and a generator of faces."""

from emojax.systems.face_gan.system import build, stand_in
from emojax.systems.face_videos.stand_in import stand_in_columns

__all__ = ["build", "stand_in", "stand_in_columns"]
