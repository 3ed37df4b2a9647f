"""Every system that the config files list."""

from __future__ import annotations

import importlib
import pathlib

TRAIN = "python -m emojax.train --config {spec} --workdir runs/{name}"


def catalogue(folder: str | pathlib.Path = "configs") -> list[dict]:
    """One row a variant of every config file in `folder` that lists ``VARIANTS``.

    Returns:
        Dictionaries with ``name``, ``spec`` (what --config takes), ``family`` (the thesis), ``dataset``,
        ``note``, ``table``, ``published`` (metric -> value), ``cells`` (variants of a sweep),
        ``command``, ``config``, and ``module`` (the config file).
    """
    rows = []
    for path in sorted(pathlib.Path(folder).glob("*.py")):
        module = importlib.import_module(f"{path.parent.name}.{path.stem}")
        for name, variant in getattr(module, "VARIANTS", {}).items():
            spec = f"{path}:{name}"
            rows.append(
                {
                    "name": name,
                    "spec": spec,
                    "family": getattr(module, "FAMILY", path.stem),
                    "dataset": module.DATASET,
                    "note": variant.note,
                    "table": variant.table,
                    "published": dict(variant.published),
                    "cells": variant.cells,
                    "command": getattr(module, "COMMAND", TRAIN).format(spec=spec, name=name),
                    "config": module.get_config(name),
                    "module": module,
                }
            )
    return rows
