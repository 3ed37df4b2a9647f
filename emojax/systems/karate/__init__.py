"""Zachary's karate club in a graph network that is never trained (thesis 001, fig. 6.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emojax.errors import ConfigError

if TYPE_CHECKING:
    from emojax.data.recipe import Recipe
    from emojax.systems.karate.system import KarateSystem  # JAX: the command's --help does not wait for it

__all__ = ["build"]


def build(config, recipe: Recipe | None = None) -> KarateSystem:
    """The system; it needs no data set."""
    if len(config.widths) < 1 or config.widths[-1] != 2:
        raise ConfigError(f"config.widths is {config.widths}; the last layer is the plane of the figure: 2.")
    from emojax.systems.karate.system import KarateSystem

    return KarateSystem(config)
