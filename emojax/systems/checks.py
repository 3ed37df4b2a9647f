"""Checks of a config that several families share; each failure names the field."""

from __future__ import annotations

from collections.abc import Iterable

from emojax.data.dataset import Dataset
from emojax.errors import ConfigError


def require_choice(config, field: str, choices: Iterable[str]) -> None:
    """Raises ConfigError when a dotted field is none of `choices`."""
    value = config
    for part in field.split("."):
        value = value[part]
    if value not in choices:
        raise ConfigError(f"config.{field} is {value!r}; choose {', '.join(map(repr, choices))}.")


def require_positive(config, fields: Iterable[str]) -> None:
    """Raises ConfigError when a dotted number field is not above zero."""
    for field in fields:
        value = config
        for part in field.split("."):
            value = value[part]
        if value <= 0:
            raise ConfigError(f"config.{field} is {value}; it must be above zero.")


def require_image_size(config, dataset: Dataset) -> None:
    """Raises ConfigError when the data was prepared at another size than the network takes."""
    height, width, _ = dataset.features["image"].shape
    if (height, width) != (config.image_size, config.image_size):
        raise ConfigError(
            f"config.image_size is {config.image_size}, but {dataset.path} was prepared at {height} px. Prepare it "
            f"with --size {config.image_size}, or set --config.image_size={height}."
        )
