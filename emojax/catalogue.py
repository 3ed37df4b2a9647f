"""Every system that the config files list."""

from __future__ import annotations

import importlib
import pathlib

TRAIN = "python -m emojax.train --config {spec} --workdir runs/{name}"


def config_folder() -> pathlib.Path:
    """Folder of the config files that come with emojax, wherever it is installed."""
    return pathlib.Path(importlib.import_module("configs").__file__).parent


def catalogue(folder: str | pathlib.Path | None = None) -> list[dict]:
    """One row a variant of every config file in `folder` that lists ``VARIANTS``.

    Args:
        folder: of config files that Python can import as ``NAME.FILE``; by default those that come with emojax, which
            --config takes as ``configs/FILE.py`` from every folder.

    Returns:
        Dictionaries with ``name``, ``spec`` (what --config takes), ``family`` (the thesis), ``dataset``,
        ``note``, ``table``, ``published`` (metric -> value), ``cells`` (variants of a sweep),
        ``command``, ``config``, and ``module`` (the config file).
    """
    rows = []
    shown = pathlib.Path("configs" if folder is None else folder)
    for path in sorted(pathlib.Path(folder or config_folder()).glob("*.py")):
        module = importlib.import_module(f"{path.parent.name}.{path.stem}")
        for name, variant in getattr(module, "VARIANTS", {}).items():
            spec = f"{shown / path.name}:{name}"
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
