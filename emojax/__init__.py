"""emojax: visual emotion recognition in JAX, from raw data to evaluated checkpoints."""

from emojax import interrupt

__version__ = "0.1.0"

interrupt.begin_imports()
