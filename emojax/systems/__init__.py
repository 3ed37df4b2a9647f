"""What is trained: one module a family. `build` makes the system that a config describes."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import types
from typing import TYPE_CHECKING

from emojax import datasets
from emojax.data.dataset import Dataset, load_dataset, without_records
from emojax.data.folds import read_fold
from emojax.data.recipe import Recipe
from emojax.engine.fields import RANGES
from emojax.errors import ConfigError
from emojax.ranges import require_ranges

if TYPE_CHECKING:
    from emojax.systems.base import System  # JAX: a list of the systems does not wait for it

__all__ = ["build", "families", "load_data", "stand_in", "stand_in_dataset"]


def families() -> list[str]:
    """Names of the families: the modules of this package that define ``build``."""
    names = [m.name for m in pkgutil.iter_modules(__path__) if m.name != "__main__"]
    return sorted(n for n in names if hasattr(importlib.import_module(f"{__name__}.{n}"), "build"))


def build(config, recipe: Recipe | None) -> System:
    """Builds the system of `config`, after checking that it goes with the recipe of the training data.

    Neither the data nor a file of word vectors is read: see `System.constants`.

    Raises:
        ConfigError: unknown family, a value out of its range, or an impossible combination of fields.
        DataError: the data lacks what the system needs.
    """
    family = _family(config)
    require_ranges(config, RANGES)
    return family.build(config, recipe)


def load_data(config, folder: str | None = None, *, moved: str = "") -> Dataset:
    """Opens the prepared data of a config, or another folder of such data, and the fold that it names.

    `moved` is that of `load_dataset`.

    Raises:
        ConfigError: unknown family, or one without data; no such fold.
        DataError: as `load_dataset`; where there is no data, with the commands that make what the config trains on.
    """
    if "data_dir" not in config:
        raise ConfigError(
            f"{config.name!r} has no data to train on or to evaluate; see python -m emojax.systems.{config.family}."
        )
    card = datasets.card(config.get("preparation", "affectnet"))
    dataset = load_dataset(folder or config.data_dir, card=card, config=config, moved=moved)
    return read_fold(dataset, config.get("fold", ""), config.get("fold_by", "subject"))


def stand_in(config) -> Recipe | None:
    """A recipe of the right shapes where there is no data: the family's ``stand_in(config)``; None without one.

    Raises:
        ConfigError: unknown family.
    """
    make = getattr(_family(config), "stand_in", None)
    return make(config) if make else None


def stand_in_dataset(config) -> Dataset:
    """`stand_in(config)` as a data set without records, with the columns that the family's systems read.

    Those come from the family's ``stand_in_columns(config)``, where it has one.
    """
    columns = getattr(_family(config), "stand_in_columns", None)
    return without_records(stand_in(config), columns and columns(config))


def _family(config):
    modules = [m.name for m in pkgutil.iter_modules(__path__)]
    family = importlib.import_module(f"{__name__}.{config.family}") if config.family in modules else None
    if not hasattr(family, "build"):
        raise ConfigError(f"config.family is {config.family!r}; there are {', '.join(families())}.")
    return family


class _Systems(types.ModuleType):
    """This package, which is called like a function, too: ``emojax.systems()``."""

    def __call__(self) -> list[dict]:
        """Every system that can be trained, one dictionary each; see `emojax.catalogue.catalogue`."""
        from emojax.catalogue import catalogue

        return catalogue()


sys.modules[__name__].__class__ = _Systems
