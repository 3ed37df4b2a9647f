"""The commands that make a data set which a row needs."""

from __future__ import annotations

import pathlib

from ml_collections import ConfigDict


def commands(config: ConfigDict, dataset: str, *, demo: bool) -> list[str]:
    """What to type for the data folder of a row.

    Args:
        config: of the row.
        dataset: its data set, ``DATASET`` of the config file.
        demo: draw people instead of using the licensed data.
    """
    out = pathlib.Path(config.data_dir)
    if demo:
        name = {"AffectNet": "affectnet", "Aff-Wild2": "affwild2", "EMOTIC": "emotic"}[dataset]
        raw = out.parent / f"raw_{name}"
        draw = [f"python -m data_prep.synthetic {name} --out {raw}"]
        return [*draw, f"{_PREPARE[dataset](config, str(raw), demo)} --out {out} --encoding raw"]
    raw = f"/path/to/{dataset}"
    return [f"{_PREPARE[dataset](config, raw, demo)} --out {out}"]


def _affectnet(config: ConfigDict, raw: str, demo: bool) -> str:
    options = [f"--size {config.image_size}"]
    if config.align not in ("", "rotate_crop"):
        options.append(f"--align {config.align}")
    if config.num_classes != 7:
        options.append(f"--classes {config.num_classes}")
    if demo:
        options.append(f"--ages {raw}/ages.csv")
    elif config.sampler == "age":
        options.append("--ages AGES.csv")
    return " ".join(["python -m data_prep.affectnet", f"--raw {raw}", *options])


def _aff_wild2(config: ConfigDict, raw: str, demo: bool) -> str:
    folders = f"--videos {raw}/cropped_aligned --annotations {raw}/annotations"
    return f"python -m data_prep.affwild2 {folders} --size {config.image_size}"


def _emotic(config: ConfigDict, raw: str, demo: bool) -> str:
    return f"python -m data_prep.emotic --raw {raw} --size {config.image_size}"


_PREPARE = {"AffectNet": _affectnet, "Aff-Wild2": _aff_wild2, "EMOTIC": _emotic}
