"""The runs that fill a table: one a row and seed, each with its config and its folders."""

from __future__ import annotations

import dataclasses
import json
import pathlib

from ml_collections import ConfigDict

from emojax import cli
from emojax.engine.workdir import RECIPE_FILE, differences, result_paths
from emojax.errors import ConfigError
from emojax.sweeps.tables import Row, ThesisTable

DEMO_SHARE = 0.4  # of the small size's epochs: learns, and a table of 14 rows takes minutes on two cores


@dataclasses.dataclass(frozen=True)
class Options:
    """What a user may change of a table's runs.

    Attributes:
        out: folder of everything.
        data: folder of the prepared data sets.
        seeds: runs a row, with the seeds 0, 1, ...
        rows: names of rows; all when empty.
        max_steps: steps after which each training stops; 0: the whole schedule.
        demo: the small size of every row, on drawn data.
        overrides: ``FIELD=VALUE`` of the config; ``{backbone}`` in a value is the row's backbone or trunk.
    """

    out: pathlib.Path
    data: pathlib.Path = pathlib.Path("data")
    seeds: int = 1
    rows: tuple[str, ...] = ()
    max_steps: int = 0
    demo: bool = False
    overrides: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Task:
    """A row with one seed.

    Attributes:
        row: of the table.
        seed: of weights, data order and augmentation.
        split: that is evaluated.
        config: of the evaluation.
        network: config of the training; rows with the same network share its work directory.
        workdir: of the training.
        results: folder of the evaluation's results.
        members: of an ensemble, whose outputs are combined; it trains nothing itself.
    """

    row: Row
    seed: int
    split: str
    config: ConfigDict
    network: ConfigDict
    workdir: pathlib.Path
    results: pathlib.Path
    members: tuple[Task, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.config.name} seed {self.seed}"

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from every other task."""
        return self.name, self.split

    def read_result(self) -> dict | None:
        """What the evaluation found, if it is finished and has this config."""
        file, *_ = result_paths(self.results, self.split)
        result = _read_json(file)
        if result is None or differences(result.get("config", {}), _as_json(self.config)):
            return None
        return result

    def is_finished(self) -> bool:
        """Whether there is a result of a training that went as far as this one shall."""
        result = self.read_result()
        if self.members:
            return result is not None and all(
                member.is_finished() and member.read_result()["date"] <= result["date"]
                for member in self.members
            )
        if result is None or result["trained"]["steps"] < self.wanted_steps(result["trained"]["of"]):
            return False
        data = _read_json(pathlib.Path(self.config.data_dir) / "dataset.json")
        # Without the data the result stands; with other data than it was made of it does not.
        return data is None or _content_hash(data, self.split) == result["split"]["content_hash"]

    def wanted_steps(self, total: int) -> int:
        """Steps of the training, of `total` in the schedule."""
        return min(self.config.run.stop_after_steps or total, total)


def plan(table: ThesisTable, options: Options) -> list[Task]:
    """The runs that are asked for, row by row.

    Raises:
        ConfigError: an unknown row or field, a value of the wrong type, or a folder that holds the run of
            another config.
    """
    names = {row.name for row in table.select(options.rows)}
    tasks = [task for task in every_task(table, options) if task.row.name in names]
    for task in tasks:
        _require_own_folder(task, options.out)
    return tasks


def every_task(table: ThesisTable, options: Options) -> list[Task]:
    """The runs of all rows, asked for or not: what the table shows."""
    return [
        _task(row, seed, table.printed.split, options) for row in table.rows for seed in range(options.seeds)
    ]


def _task(row: Row, seed: int, split: str, options: Options) -> Task:
    if row.members:
        return _ensemble_task(row, seed, split, options)
    config = _prepared(row.config(demo=options.demo), seed, options)
    network = _prepared(row.network.config(demo=options.demo), seed, options)
    folders = (_run_folder(options, name, seed) for name in (network.name, config.name))
    return Task(row, seed, split, config, network, *folders)


def _ensemble_task(row: Row, seed: int, split: str, options: Options) -> Task:
    """The members keep their folders, shared with the rows of other tables that train them."""
    members = tuple(_task(member, seed, split, options) for member in row.members)
    config = row.config(demo=options.demo)
    with config.unlocked():
        config.seed = seed
        config.data_dir = members[0].config.data_dir
        config.image_size = members[0].config.image_size
    folder = options.out / "runs" / config.name / f"seed{seed}"
    return Task(row, seed, split, config, config, folder, folder, members)


def _prepared(config: ConfigDict, seed: int, options: Options) -> ConfigDict:
    config.seed = seed
    config.data_dir = str(options.data / pathlib.Path(config.data_dir).name)
    config.run.stop_after_steps = options.max_steps
    if options.demo:
        config.num_epochs = round(DEMO_SHARE * config.num_epochs)
    if config.get("needs"):  # reads what another row has trained
        config.init_from.cnn = str(_run_folder(options, config.needs, seed))
    for text in options.overrides:
        _override(config, text)
    return config


def _run_folder(options: Options, name: str, seed: int) -> pathlib.Path:
    return options.out / "runs" / name / f"seed{seed}"


def _override(config: ConfigDict, text: str) -> None:
    text = text.replace("{backbone}", config.model.get("backbone") or config.model.get("trunk") or "")
    if text.startswith("init_from=") and config.get("pretraining") == "none":
        return  # the thesis trains this row from scratch
    cli.change(config, text)


def _require_own_folder(task: Task, out: pathlib.Path) -> None:
    there = _read_json(task.workdir / RECIPE_FILE)
    different = differences(there["config"], _as_json(task.network)) if there else []
    if different:
        raise ConfigError(
            f"{task.workdir} holds a run of another config; it differs in {', '.join(different[:5])}. "
            f"Give these runs another --out than {out}, or repeat the command that started the others."
        )


def _as_json(config: ConfigDict) -> dict:
    return json.loads(config.to_json_best_effort())


def _content_hash(dataset: dict, split: str) -> str | None:
    return dataset.get("splits", {}).get(split, {}).get("content_hash")


def _read_json(file: pathlib.Path) -> dict | None:
    """None where there is no file or no whole one."""
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return None
