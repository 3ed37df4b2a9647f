"""The files of a work directory, and whether two configs describe the same run."""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Mapping
from typing import Any, TypedDict

from ml_collections import ConfigDict

from emojax.engine.optim import depends_on_length
from emojax.errors import CheckpointError, ConfigError
from emojax.files import read_json, write_json

CONFIG_FILE = "config.json"
_FREE_FIELDS = ("run.", "data_dir")  # they change neither the parameters of a step nor the order of the data
_LENGTH_FIELDS = ("early_stopping.", "num_epochs")  # they say when a run ends
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


def read_config(workdir: pathlib.Path) -> ConfigDict:
    """The config of a run; raises CheckpointError when the folder holds none or a damaged one."""
    file = workdir / CONFIG_FILE
    if not file.is_file():
        raise CheckpointError(
            f"{workdir} holds no run (there is no {CONFIG_FILE}). Train one: "
            f"python -m emojax.train --config CONFIG --workdir {workdir}, where CONFIG is for instance "
            "configs/affectnet_gcn.py:demo or configs/emotic.py:demo (all: python -m emojax.systems)."
        )
    return ConfigDict(_read(file))


def require_own_config(workdir: pathlib.Path, config: ConfigDict) -> None:
    """Raises ConfigError when the folder holds a run of another config (names the fields); writes nothing.

    More epochs, or another rule of early stopping, are the same run made longer, unless the learning rate of a step
    depends on the number of epochs.
    """
    file = workdir / CONFIG_FILE
    if not file.exists():
        return
    theirs, mine = _read(file), as_json(config)
    if different := [d for d in differences(theirs, mine) if not d.startswith(_LENGTH_FIELDS)]:
        raise ConfigError(
            f"{workdir} holds a run of another config; it differs in {', '.join(different[:5])}. "
            f"Give this run its own --workdir, or repeat the command that started the other."
        )
    before, now = theirs["num_epochs"], mine["num_epochs"]
    if now != before and depends_on_length(config.optimizer):
        raise ConfigError(
            f"{workdir} holds a run of {before} epochs whose learning rate follows the schedule "
            f"{config.optimizer.schedule!r} over all of them: {now} epochs are another run from the first step. Train "
            f"them in a --workdir of their own; to begin with the weights of this run, set --config.init_from to it."
        )
    if now < before:
        raise ConfigError(
            f"{workdir} holds a run of {before} epochs; it can get more, not fewer ({now}). To stop it earlier, set "
            "--config.run.stop_after_steps."
        )


def write_config(workdir: pathlib.Path, config: ConfigDict) -> None:
    """Writes ``config.json`` where there is none, or where the run was made longer."""
    file = workdir / CONFIG_FILE
    if not file.exists() or differences(_read(file), as_json(config)):
        write_json(file, as_json(config))


def as_json(config: ConfigDict) -> dict[str, Any]:
    """The JSON value of a config."""
    return json.loads(config.to_json_best_effort())


def result_paths(workdir: pathlib.Path, split: str) -> tuple[pathlib.Path, pathlib.Path, pathlib.Path]:
    """Where the metrics, the predictions and the page of a split are written."""
    suffix = "" if split == "validation" else f"_{split}"
    return (
        workdir / f"metrics{suffix}.json",
        workdir / f"predictions{suffix}.csv",
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


def _read(file: pathlib.Path) -> dict[str, Any]:
    return read_json(file, _Config, error=CheckpointError, mend=_MEND)


def _equal(a: Any, b: Any) -> bool:
    nan = all(isinstance(value, float) and math.isnan(value) for value in (a, b))
    return nan or a == b


def _flat(tree: Mapping, prefix: str = "") -> dict:
    flat = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
