"""emojax: visual emotion recognition in JAX, from raw data to evaluated checkpoints.

    model = emojax.load("runs/demo/run")               # or a folder of emojax.export
    model.labels.classes                               # class names in the order of the outputs
    model.predict(images)["probabilities"]             # [N, C], of pictures that show one face each
    model.detect_and_predict("picture.jpg")            # finds the faces first
    emojax.systems()                                   # every system that can be trained, one dictionary each

Importing the package imports neither JAX nor any other library: each function does so when it is called.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from emojax import interrupt

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from emojax.prediction.model import Model

__all__ = ["load", "systems"]
__version__ = "0.1.0"

interrupt.begin_imports()


def load(run_or_model: str | os.PathLike, which: str = "best", *, detector: str | Callable = "auto") -> Model:
    """A trained system that predicts pictures; see `emojax.prediction.model.load`."""
    from emojax.prediction import model

    return model.load(run_or_model, which, detector=detector)


def __getattr__(name: str):
    """`emojax.systems`, imported when it is first asked for: a package that is called like a function."""
    if name != "systems":
        raise AttributeError(f"module 'emojax' has no attribute {name!r}")
    return importlib.import_module("emojax.systems")
