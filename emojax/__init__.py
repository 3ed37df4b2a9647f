"""emojax: visual emotion recognition in JAX, from raw data to evaluated checkpoints."""

__version__ = "0.1.0"
