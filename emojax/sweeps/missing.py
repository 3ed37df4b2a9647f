"""The commands that make the data sets which rows need."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from ml_collections import ConfigDict

from emojax.sweeps.plan import Task


def commands(tasks: Sequence[Task], *, demo: bool) -> list[str]:
    """What to type for the data folders of some rows, each command once.

    Args:
        tasks: rows without data.
        demo: draw people instead of using the licensed data.
    """
    by_folder: dict[str, list[Task]] = {}
    for task in tasks:
        by_folder.setdefault(task.config.data_dir, []).append(task)
    return list(dict.fromkeys(line for of_one in by_folder.values() for line in _one_folder(of_one, demo)))


def _one_folder(tasks: Sequence[Task], demo: bool) -> list[str]:
    out, dataset = pathlib.Path(tasks[0].config.data_dir), tasks[0].row.dataset
    configs = [task.config for task in tasks]
    if demo:
        name = {"AffectNet": "affectnet", "Aff-Wild2": "affwild2", "EMOTIC": "emotic"}[dataset]
        raw = out.parent / f"raw_{name}"
        draw = [f"python -m data_prep.synthetic {name} --out {raw}"]
        return [*draw, f"{_PREPARE[dataset](configs, str(raw), demo)} --out {out} --encoding raw"]
    raw = f"/path/to/{dataset}"
    return [f"{_PREPARE[dataset](configs, raw, demo)} --out {out}"]


def _affectnet(configs: Sequence[ConfigDict], raw: str, demo: bool) -> str:
    config = configs[0]
    options = [f"--size {config.image_size}"]
    if config.align not in ("", "rotate_crop"):
        options.append(f"--align {config.align}")
    if config.num_classes != 7:
        options.append(f"--classes {config.num_classes}")
    if demo:
        options.append(f"--ages {raw}/ages.csv")
    elif any(config.sampler == "age" for config in configs):
        options.append("--ages AGES.csv")
    return " ".join(["python -m data_prep.affectnet", f"--raw {raw}", *options])


def _aff_wild2(configs: Sequence[ConfigDict], raw: str, demo: bool) -> str:
    folders = f"--videos {raw}/cropped_aligned --annotations {raw}/annotations"
    return f"python -m data_prep.affwild2 {folders} --size {configs[0].image_size}"


def _emotic(configs: Sequence[ConfigDict], raw: str, demo: bool) -> str:
    return f"python -m data_prep.emotic --raw {raw} --size {configs[0].image_size}"


_PREPARE = {"AffectNet": _affectnet, "Aff-Wild2": _aff_wild2, "EMOTIC": _emotic}
