"""Rows that pretend to train: what a metrics file holds, without the hours before it."""

from __future__ import annotations

import json
import pathlib

from emojax.engine.workdir import result_paths
from emojax.sweeps.outcome import DONE
from emojax.sweeps.plan import Task


def write_data(folder: pathlib.Path, records: int = 100, content_hash: str = "abc") -> None:
    """As much of a `dataset.json` as a sweep reads."""
    folder.mkdir(parents=True, exist_ok=True)
    split = {"num_records": records, "content_hash": content_hash}
    (folder / "dataset.json").write_text(json.dumps({"splits": {"validation": split, "test": split}}))


def write_result(
    task: Task, *, steps: int = 728, total: int = 728, records: int = 6501, videos: int = 64, **metrics
) -> None:
    """What a finished evaluation leaves behind."""
    result = {
        "system": task.config.name,
        "trained": {"steps": steps, "of": total},
        "split": {"name": task.split, "content_hash": "abc"},
        "records": {"train": records - 1, task.split: 1},
        "sequences": {"train": videos - 1, task.split: 1},
        "config": json.loads(task.config.to_json_best_effort()),
        "notes": [],
        "metrics": dict.fromkeys(task.row.published, 0.5) | metrics,
    }
    task.results.mkdir(parents=True, exist_ok=True)
    result_paths(task.results, task.split)[0].write_text(json.dumps(result))


def finish(task: Task) -> tuple[str, str]:
    """A row that ends well."""
    write_result(task)
    return DONE, ""
