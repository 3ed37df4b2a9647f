"""Checks of a config that several families share; each failure names the field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from emojax.data.recipe import Recipe
from emojax.engine.monitor import DIRECTIONS
from emojax.errors import ConfigError


def value_of(config, field: str):
    """Value of a dotted field; raises ConfigError where a run of another version of emojax has none."""
    for part in field.split("."):
        if part not in config:
            raise ConfigError(
                f"config.{field} is missing: the run was made by another version of emojax. Train it again."
            )
        config = config[part]
    return config


def require_choice(config, field: str, choices: Iterable) -> None:
    """Raises ConfigError when a dotted field is none of `choices`."""
    value = value_of(config, field)
    if value not in choices:
        raise ConfigError(f"config.{field} is {value!r}; choose {', '.join(map(repr, choices))}.")


def require_monitor(config, metric: str, directions: Mapping[str, str]) -> None:
    """Raises ConfigError when a system does not measure what decides on the best checkpoint, or takes it wrongly.

    Args:
        config: of the system.
        metric: what decides.
        directions: metrics that may decide -> ``larger`` or ``smaller``, whichever is better.
    """
    if metric not in directions:
        raise ConfigError(
            f"config.monitor is {metric!r}, which this system does not measure; choose {', '.join(directions)}."
        )
    require_choice(config, "monitor_direction", DIRECTIONS)
    if config.monitor_direction != directions[metric]:
        raise ConfigError(
            f"config.monitor_direction is {config.monitor_direction!r}, but a {directions[metric]} {metric} is better: "
            f"set --config.monitor_direction={directions[metric]}."
        )


def require_image_size(config, recipe: Recipe, feature: str = "image") -> None:
    """Raises ConfigError when the data was prepared at another size than the network takes."""
    height, width = recipe.feature(feature).shape[:2]
    if (height, width) != (config.image_size, config.image_size):
        raise ConfigError(
            f"config.image_size is {config.image_size}, but {recipe.origin} was prepared at {height} px. "
            f"Prepare it with --size {config.image_size}, or set --config.image_size={height}."
        )
