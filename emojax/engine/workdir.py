"""The files of a work directory, and whether two configs describe the same run."""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Mapping
from typing import Any, TypedDict

from ml_collections import ConfigDict

from emojax.errors import CheckpointError, ConfigError
from emojax.files import read_json, write_json

CONFIG_FILE = "config.json"
# They change neither the parameters of a step nor the order of the data.
_FREE_FIELDS = ("run.", "data_dir", "early_stopping.")
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
    """Raises ConfigError when the folder holds a run of another config (names the fields); writes nothing."""
    file = workdir / CONFIG_FILE
    if file.exists() and (different := differences(_read(file), as_json(config))):
        raise ConfigError(
            f"{workdir} holds a run of another config; it differs in {', '.join(different[:5])}. "
            f"Give this run its own --workdir, or repeat the command that started the other."
        )


def write_config(workdir: pathlib.Path, config: ConfigDict) -> None:
    """Writes ``config.json`` where there is none."""
    if not (workdir / CONFIG_FILE).exists():
        write_json(workdir / CONFIG_FILE, as_json(config))


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
    return [
        f"{k} ({theirs.get(k)!r} there, {mine.get(k)!r} now)"
        for k in sorted(theirs.keys() | mine.keys())
        if not _equal(theirs.get(k), mine.get(k)) and not k.startswith(_FREE_FIELDS)
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
