"""The commands that make the data sets which rows need."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from emojax import datasets
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
    card, out = datasets.card(tasks[0].row.dataset), pathlib.Path(tasks[0].config.data_dir)
    trained = [one for task in tasks for one in (task.members or (task,))]
    configs = [task.config for task in trained]
    raw = str(out.parent / f"raw_{card.name}") if demo else f"/path/to/{card.title}"
    prepare = card.prepare_command(out, raw, configs=configs, size=configs[0].image_size, synthetic=demo)
    return [card.draw_command(raw), prepare] if demo else [prepare]
