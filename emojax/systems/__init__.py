"""What is trained: one module a family. `build` makes the system that a config describes."""

from __future__ import annotations

import importlib
import pkgutil

from emojax.data.dataset import Dataset
from emojax.errors import ConfigError
from emojax.systems.base import System
from emojax.systems.stand_in import stand_in_dataset

__all__ = ["build", "families", "stand_in_dataset"]


def families() -> list[str]:
    """Names of the families: the modules of this package that define ``build``."""
    names = [m.name for m in pkgutil.iter_modules(__path__) if m.name != "__main__"]
    return sorted(n for n in names if hasattr(importlib.import_module(f"{__name__}.{n}"), "build"))


def build(config, dataset: Dataset) -> System:
    """Builds the system of `config` for a data set, after checking that they go together.

    Raises:
        ConfigError: unknown family or an impossible combination of fields.
        DataError: the data lacks what the system needs.
    """
    if config.family not in families():
        raise ConfigError(f"config.family is {config.family!r}; there are {', '.join(families())}.")
    return importlib.import_module(f"{__name__}.{config.family}").build(config, dataset)
