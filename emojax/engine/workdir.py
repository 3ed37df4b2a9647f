"""The files of a work directory, and whether two configs describe the same run."""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypedDict

from ml_collections import ConfigDict

from emojax.data.recipe import Recipe, RecipeJson
from emojax.engine.cadence import length, number_and_unit
from emojax.engine.model_folder import RECIPE_FILE, is_model
from emojax.errors import CheckpointError, ConfigError
from emojax.files import read_json, write_json

_OLD_FILE = "config.json"  # of runs whose checkpoints hold no recipe
_SCHEMA = 1
_FREE_FIELDS = ("run.", "data_dir")  # they change neither the parameters of a step nor the order of the data
_OVER_ALL_EPOCHS = ("cosine",)  # schedules whose learning rate of a step depends on the number of epochs
_LENGTH_FIELDS = ("early_stopping.", "num_epochs", "num_steps")  # they say when a run ends
_MEND = "Restore it from a backup; where the run has no checkpoint worth keeping, delete the folder and train again."


class _Config(TypedDict):
    """The fields that every system has."""

    name: str
    family: str
    data_dir: str
    image_size: int
    batch_size: int
    eval_batch_size: int
    num_epochs: int
    seed: int
    model: dict[str, Any]
    optimizer: dict[str, Any]
    run: dict[str, Any]


class _File(TypedDict):
    """The file ``recipe.json``."""

    schema: Literal[1]
    config: _Config
    recipe: RecipeJson


def require_run(workdir: pathlib.Path) -> None:
    """Raises CheckpointError when the folder holds no run, or one of an older emojax."""
    if not has_run(workdir):
        raise CheckpointError(
            f"{workdir} holds no run (there is no {RECIPE_FILE}). Train one: "
            f"python -m emojax.train --config CONFIG --workdir {workdir}, where CONFIG is for instance "
            "configs/affectnet_gcn.py:demo or configs/emotic.py:demo (all: python -m emojax.systems)."
        )


def has_run(workdir: pathlib.Path) -> bool:
    """Whether the folder holds a run; raises CheckpointError when it is one of an older emojax."""
    there = (workdir / RECIPE_FILE).is_file()
    if not there and (workdir / _OLD_FILE).is_file():
        raise outdated(workdir)
    return there


def fixed_length(config) -> bool:
    """Whether a finished run of this config cannot be trained on: its learning rates depend on its length."""
    return config.optimizer.schedule in _OVER_ALL_EPOCHS


def require_own_config(workdir: pathlib.Path, config: ConfigDict) -> None:
    """Raises ConfigError when the folder holds a run of another config (names the fields); writes nothing.

    More epochs, or another rule of early stopping, are the same run made longer, unless the learning rate of a step
    depends on the length of the run.
    """
    if not has_run(workdir):
        return
    if is_model(workdir):
        raise ConfigError(
            f"{workdir} holds an exported model, which cannot be trained on. Give the run its own --workdir; to begin "
            f"with the weights of the model, set --config.init_from={workdir}."
        )
    theirs, mine = _read(workdir), as_json(config)
    if different := [d for d in differences(theirs, mine) if not d.startswith(_LENGTH_FIELDS)]:
        raise ConfigError(
            f"{workdir} holds a run of another config; it differs in {', '.join(different[:5])}. "
            f"Give this run its own --workdir, or repeat the command that started the other."
        )
    before, now = length(theirs), length(mine)
    if now != before and fixed_length(config):
        raise ConfigError(
            f"{workdir} holds a run of {before} whose learning rate follows the schedule "
            f"{config.optimizer.schedule!r} over all of them: {now} are another run from the first step. Train "
            f"them in a --workdir of their own; to begin with the weights of this run, set --config.init_from to it."
        )
    (number, unit), (old_number, old_unit) = number_and_unit(mine), number_and_unit(theirs)
    if unit == old_unit and number < old_number:
        raise ConfigError(
            f"{workdir} holds a run of {before}; it can get more, not fewer ({now}). To stop it earlier, set "
            "--config.run.stop_after_steps."
        )


def write_recipe(workdir: pathlib.Path, config: ConfigDict, recipe: Recipe) -> None:
    """Writes ``recipe.json``, config and recipe of the run, where there is none, or where the run was made longer."""
    if not has_run(workdir) or differences(_read(workdir), as_json(config)):
        content = {"schema": _SCHEMA, "config": as_json(config), "recipe": recipe.to_json()}
        write_json(workdir / RECIPE_FILE, content)


def as_json(config: ConfigDict) -> dict[str, Any]:
    """The JSON value of a config."""
    return json.loads(config.to_json_best_effort())


def outdated(workdir: pathlib.Path) -> CheckpointError:
    """The error of a run of an emojax whose checkpoints did not hold the whole model."""
    return CheckpointError(
        f"{workdir} holds a run of an older emojax: its checkpoints lack the recipe of their model. Train it again in "
        "another --workdir, or use the emojax that trained it."
    )


class ResultPaths(NamedTuple):
    """The files of an evaluation."""

    metrics: pathlib.Path
    predictions: pathlib.Path
    outputs: pathlib.Path
    page: pathlib.Path


def result_paths(workdir: pathlib.Path, split: str) -> ResultPaths:
    """Where the metrics, the predictions, the outputs and the page of a split are written."""
    suffix = "" if split == "validation" else f"_{split}"
    return ResultPaths(
        workdir / f"metrics{suffix}.json",
        workdir / f"predictions{suffix}.csv",
        workdir / f"outputs_{split}.npz",
        workdir / f"report{suffix}" / "index.html",
    )


def differences(theirs: Mapping, mine: Mapping) -> list[str]:
    """Fields in which the config of a run, read from its JSON, is not this one, with both values.

    Fields that change neither the parameters nor the order of the data are left out.
    """
    theirs, mine = _flat(theirs), _flat(mine)
    # Under the schedule `plateau` the learning rate follows the evaluations.
    binding = ("run.eval_every_",) if mine.get("optimizer.schedule") == "plateau" else ()
    return [
        f"{k} ({theirs.get(k)!r} there, {mine.get(k)!r} now)"
        for k in sorted(theirs.keys() | mine.keys())
        if not _equal(theirs.get(k), mine.get(k))
        and (k.startswith(binding) or not k.startswith(_FREE_FIELDS))
    ]


def _read(workdir: pathlib.Path) -> dict[str, Any]:
    return read_json(workdir / RECIPE_FILE, _File, error=CheckpointError, mend=_MEND)["config"]


def _equal(a: Any, b: Any) -> bool:
    nan = all(isinstance(value, float) and math.isnan(value) for value in (a, b))
    return nan or a == b


def _flat(tree: Mapping, prefix: str = "") -> dict:
    flat = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
