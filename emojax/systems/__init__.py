"""What is trained: one module a family. `build` makes the system that a config describes."""

from __future__ import annotations

import importlib
import pkgutil

from emojax.data.dataset import Dataset
from emojax.errors import ConfigError
from emojax.systems.base import System


def families() -> list[str]:
    """Names of the families, i.e. the modules of this package that define ``build``."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith(("_", "base")))


def build(config, dataset: Dataset) -> System:
    """Builds the system of `config` for a data set, after checking that they go together.

    Raises:
        ConfigError: unknown family or an impossible combination of fields.
        DataError: the data lacks what the system needs.
    """
    if config.family not in families():
        raise ConfigError(f"config.family is {config.family!r}; there are {', '.join(families())}.")
    return importlib.import_module(f"emojax.systems.{config.family}").build(config, dataset)
