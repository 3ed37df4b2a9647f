"""A seeded campaign: whatever is wrong with a file or a config, a command ends in one line, or in what it always gave.

`EMOJAX_FAULTS=1000 python -m pytest tests/faults/test_campaign.py` tries a thousand cases of each kind. Raw and
prepared data have theirs in tests/data_prep/test_damage.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import random
import re
import resource
import shutil
import time

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from emojax import systems
from emojax.data.dataset import load_dataset
from emojax.engine.checksums import checksums
from emojax.engine.mesh import data_mesh
from emojax.engine.run import Run
from emojax.engine.workdir import as_json
from emojax.errors import EmojaxError
from emojax.pretrained.__main__ import main as import_main
from emojax.pretrained.convert import export_weights
from emojax.pretrained.native import load_weights
from tests.data_prep.damage import copy_linked, damage, seconds
from tests.faults.runs import is_one_line, rows_without_times, run
from tests.pretrained.files import torch_zip
from tests.pretrained.test_convert import random_weights
from tests.pretrained.test_readers import writers
from tests.toy import make_config

_CASES = int(os.environ.get("EMOJAX_FAULTS", "10"))
_CHEAP = ("config", "description of the data")  # three times as many cases
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


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    """Runs whose config, recipe and number of steps are equal share their compiled steps: they have the same."""
    compiled, init = {}, Run.__init__

    def shared(self, config, system, dataset, mesh=None):
        init(self, config, system, dataset, mesh)
        settings = {k: v for k, v in as_json(config).items() if k != "data_dir"}
        key = json.dumps([settings, system.recipe.to_json(), self.total_steps], sort_keys=True)
        steps = self.train_step, self.predictor._step
        self.train_step, self.predictor._step = compiled.setdefault(key, steps)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "__init__", shared)
        yield


@pytest.fixture(scope="module")
def half_done(tiny_network, dataset, tmp_path_factory):
    """A folder with data and a run that was stopped after the second of 3 epochs of 5 steps."""
    folder = tmp_path_factory.mktemp("half")
    copy_linked(dataset.path, folder / "data")
    run(load_dataset(folder / "data"), folder, run__stop_after_steps=10)
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
    for seed in range(3 * _CASES if kind in _CHEAP else _CASES):
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
        assert time.monotonic() - start < seconds(_SECONDS), (seed, damaged)
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


def starts(dataset, **changes) -> None:
    """Goes as far as the first step of a run, short of compiling it."""
    config = make_config(dataset, augment="none", **changes)
    run = Run(config, systems.build(config, dataset.recipe), dataset, data_mesh(jax.devices()[:1]))
    batches = run.batches("train", train=True)
    with contextlib.closing(batches):
        jax.eval_shape(run.train_step, run.abstract_state(), next(batches))


def test_a_config_value_that_makes_no_sense_is_one_line(dataset):
    refused = 0
    for seed in range(4 * _CASES):
        generator = random.Random(f"value {seed}")
        field, value = generator.choice(_FIELDS), generator.choice(_VALUES)
        try:
            starts(dataset, **{field.replace(".", "__"): value})
        except EmojaxError as error:
            assert is_one_line(error), (field, value, str(error))
            refused += 1
        except (TypeError, ValueError) as error:  # of the config itself: the field has another type
            assert field.rsplit(".", 1)[-1] in str(error), (field, value, error)
    assert refused > _CASES / 2


def _weights(tmp_path, kind: str) -> pathlib.Path:
    """A file of weights: two tensors in any format, or a whole network."""
    path = tmp_path / "whole"
    if kind in writers():
        writers()[kind](path)
    else:
        state = export_weights(random_weights("resnet_tiny"))
        torch_zip(path, state) if kind == "network for torch" else save_file(state, path)
    return path


@pytest.mark.parametrize("kind", [*writers(), "network for torch", "network as safetensors"])
def test_a_damaged_file_of_weights_is_imported_as_numbers_or_refused_in_one_line(tmp_path, kind, capsys):
    whole, damaged, ours = _weights(tmp_path, kind), tmp_path / "damaged", tmp_path / "ours.safetensors"
    command = [
        "import",
        "--arch",
        "resnet_tiny",
        "--num_classes",
        "5",
        str(damaged),
        "--out",
        str(ours),
        "--quiet",
    ]
    refused, resident = 0, _resident()
    for seed in range(3 * _CASES):
        shutil.copyfile(whole, damaged)
        damage(damaged, random.Random(f"weights {kind} {seed}"))
        start = time.monotonic()
        status = import_main(command)
        told = capsys.readouterr().err
        if status == 0:
            assert all(np.isfinite(v).all() for v in load_weights(ours).variables.values()), seed
            ours.unlink()
        else:
            assert status == 2 and told.startswith("error: ") and told.count("\n") == 1, (seed, told)
            refused += "does not fit" not in told
        assert time.monotonic() - start < seconds(_SECONDS) and not ours.exists(), seed
        shutil.rmtree(damaged) if damaged.is_dir() else damaged.unlink(missing_ok=True)
    assert refused
    assert _peak() - resident < _KILOBYTES
