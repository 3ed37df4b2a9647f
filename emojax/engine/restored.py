"""A trained model in memory: its variables, and what its checkpoint says of the run."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, TypedDict

from ml_collections import ConfigDict

from emojax.data.recipe import Recipe, RecipeJson


class _Data(TypedDict):
    name: str
    content_hash: str


class _Log(TypedDict):
    sums: dict[str, float]
    count: int


class _Monitor(TypedDict):
    metric: str
    direction: str
    value: float | None


class Meta(TypedDict):
    """What a checkpoint says of its run; see `emojax.engine.run.Run.meta`."""

    config: dict[str, Any]
    recipe: RecipeJson
    dataset: _Data
    initialised_from: dict[str, Any]
    notes: list[str]
    total_steps: int
    monitor: _Monitor
    loader: dict[str, Any]
    log: _Log
    early_stopping: dict[str, Any]
    checksums: dict[str, int]


@dataclasses.dataclass(frozen=True)
class Restored:
    """The variables of a checkpoint and all that is needed to build its system again.

    Attributes:
        step: of the checkpoint.
        last_step: that the run has reached.
        variables: NumPy arrays, ``{"params": ..., **other collections}``.
        meta: what the checkpoint says of its run.
        where: folder of the checkpoint.
    """

    step: int
    last_step: int
    variables: dict[str, Any]
    meta: Meta
    where: pathlib.Path

    @property
    def config(self) -> ConfigDict:
        """The resolved config of the run."""
        return ConfigDict(self.meta["config"])

    @property
    def recipe(self) -> Recipe:
        """What the system was built from."""
        return Recipe.from_json(self.meta["recipe"], origin=str(self.where))
