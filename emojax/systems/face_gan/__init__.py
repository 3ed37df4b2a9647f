"""Regression GAN: a discriminator that estimates valence and arousal, and a generator of faces."""

from emojax.systems.face_gan.system import build, stand_in

__all__ = ["build", "stand_in"]
