"""A seeded campaign: whatever is wrong with a run's files, its data or its config, training ends in one line or equal.

`EMOJAX_FAULTS=1000 python -m pytest tests/faults/test_campaign.py` tries a thousand cases of each kind.
"""

from __future__ import annotations

import os
import pathlib
import random
import re
import resource
import shutil
import time

import pytest

from emojax.data.dataset import load_dataset
from emojax.engine.checksums import checksums
from emojax.errors import EmojaxError
from tests.data_prep.damage import copy_linked, damage
from tests.faults.runs import is_one_line, rows_without_times, run

_CASES = int(os.environ.get("EMOJAX_FAULTS", "12"))
_SECONDS, _KILOBYTES = 20, 2 << 20
_STATUS = pathlib.Path("/proc/self/status")
_FILES = {
    "config": ["recipe.json"],
    "log": ["log.jsonl"],
    "metadata of a checkpoint": [
        "checkpoints/*/meta/*",
        "checkpoints/*/_CHECKPOINT_METADATA",
        "checkpoints/*/metrics/*",
    ],
    "state of a checkpoint": ["checkpoints/*/state/**/*"],
    "description of the data": ["data/dataset.json"],
    "records and columns": ["data/*.tfrecord-*", "data/columns-*"],
}


@pytest.fixture(scope="module")
def half_done(tiny_network, dataset, tmp_path_factory):
    """A folder with data and a run that was stopped after 7 of 15 steps."""
    folder = tmp_path_factory.mktemp("half")
    copy_linked(dataset.path, folder / "data")
    run(load_dataset(folder / "data"), folder, run__stop_after_steps=7)
    return folder


@pytest.fixture(scope="module")
def expected(half_done, tmp_path_factory):
    folder = copy_linked(half_done, tmp_path_factory.mktemp("expected") / "run")
    return checksums(resume(folder)), rows_without_times(folder)


def _resident() -> int:
    """Kilobytes that the process holds now; what it held before, in other tests, is forgotten."""
    if not _STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _STATUS.with_name("clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    """Most kilobytes that the process has held since `_resident`."""
    if not _STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(re.search(r"VmHWM:\s*(\d+) kB", _STATUS.read_text())[1])


def resume(folder):
    return run(load_dataset(folder / "data"), folder).state


@pytest.mark.parametrize("kind", _FILES)
def test_a_damaged_file_ends_training_in_one_line_or_changes_nothing(half_done, expected, tmp_path, kind):
    refused, resident = 0, _resident()
    for seed in range(_CASES):
        generator = random.Random(f"{kind} {seed}")
        folder = copy_linked(half_done, tmp_path / str(seed))
        files = sorted(p for p in folder.glob(generator.choice(_FILES[kind])) if p.is_file())
        damaged = generator.choice(files)
        damage(damaged, generator)
        start = time.monotonic()
        try:
            state = resume(folder)
        except EmojaxError as error:
            assert is_one_line(error), (seed, damaged, str(error))
            refused += 1
        else:
            assert checksums(state) == expected[0], (seed, damaged)
            if kind != "log":  # a changed digit of the log is read as it stands
                assert rows_without_times(folder) == expected[1], (seed, damaged)
        assert time.monotonic() - start < _SECONDS, (seed, damaged)
        shutil.rmtree(folder)
    assert refused or kind == "log"
    assert _peak() - resident < _KILOBYTES


_VALUES = (
    -1,
    0,
    1,
    2,
    7,
    10**9,
    10**20,
    -0.5,
    0.0,
    1e-30,
    1e30,
    float("nan"),
    float("inf"),
    "",
    "none",
    "../x",
    None,
    True,
)
_FIELDS = (
    *(
        "batch_size",
        "eval_batch_size",
        "num_epochs",
        "image_size",
        "num_classes",
        "seed",
        "precision",
        "augment",
    ),
    *("sampler", "monitor", "monitor_direction", "init_from", "align", "data_dir"),
    *("optimizer.name", "optimizer.learning_rate", "optimizer.momentum", "optimizer.weight_decay"),
    *("optimizer.schedule", "optimizer.decay_epochs", "optimizer.decay_factor", "optimizer.warmup_epochs"),
    *(
        "run.log_every",
        "run.checkpoint_every_steps",
        "run.eval_every_epochs",
        "run.threads",
        "early_stopping.patience",
    ),
)
_QUICK = {"num_epochs": 1, "run.stop_after_steps": 2}


def test_a_config_value_that_makes_no_sense_is_one_line_and_writes_nothing(dataset, tmp_path):
    refused = 0
    for seed in range(4 * _CASES):
        generator = random.Random(f"value {seed}")
        field, value = generator.choice(_FIELDS), generator.choice(_VALUES)
        workdir = tmp_path / str(seed)
        try:
            run(
                dataset,
                workdir,
                **{name.replace(".", "__"): v for name, v in ({**_QUICK, field: value}).items()},
            )
        except EmojaxError as error:
            assert is_one_line(error), (field, value, str(error))
            assert not (workdir / "recipe.json").exists() or "Step" in str(error), (field, value, str(error))
            refused += 1
        except (TypeError, ValueError) as error:  # of the config itself: the field has another type
            assert field.rsplit(".", 1)[-1] in str(error), (field, value, error)
    assert refused > _CASES / 2
