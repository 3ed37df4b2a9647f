"""The files of a work directory, and whether two configs describe the same run."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping

from ml_collections import ConfigDict

from emojax.errors import CheckpointError

CONFIG_FILE = "config.json"
# They change neither the parameters of a step nor the order of the data.
_FREE_FIELDS = ("run.", "data_dir", "early_stopping.")


def read_config(workdir: pathlib.Path) -> ConfigDict:
    """The config of a run; raises CheckpointError when the folder holds none."""
    file = workdir / CONFIG_FILE
    if not file.is_file():
        raise CheckpointError(
            f"{workdir} holds no run (there is no {CONFIG_FILE}). Train one: "
            f"python -m emojax.train --config CONFIG --workdir {workdir}, where CONFIG is for instance "
            "configs/affectnet_gcn.py:demo or configs/emotic.py:demo (all: python -m emojax.systems)."
        )
    return ConfigDict(json.loads(file.read_text()))


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
        if theirs.get(k) != mine.get(k) and not k.startswith(_FREE_FIELDS)
    ]


def _flat(tree: Mapping, prefix: str = "") -> dict:
    flat = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
