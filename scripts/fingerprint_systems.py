"""What `fingerprint.py` touches of the toolkit: drawn data, systems, training steps, evaluation; a function each."""

from __future__ import annotations

import hashlib
import math
import os
import pathlib
import subprocess
import sys

import jax

from emojax import systems
from emojax.catalogue import catalogue
from emojax.data.dataset import load_dataset
from emojax.engine.fit import with_estimator
from emojax.engine.mesh import data_mesh, put_batch
from emojax.engine.run import Run

ROOT = pathlib.Path(__file__).resolve().parents[1]
STEPS, BATCH = 3, 16
_ONE_SIZE = ("demo", "karate_demo")
# Config files whose systems differ in head, objective, sampler and SVM alone: they take the tiny ResNet, which compiles
# in half the time of the tiny DenseNet.
_SMALL_BACKBONE = ("affectnet_metric", "affectnet_multitask", "affectnet_soft", "affectnet_svm")
_SIDE = "--size 64 --workers 1 --shards 1"
_FACES = "affectnet --train 64 --val 24 --size 80"
# name -> arguments of `data_prep.synthetic`, arguments of the preparation; {raw} is the folder of the drawn files
DATA = {
    "affectnet7": (_FACES, f"affectnet --raw {{raw}} --masks --ages {{raw}}/ages.csv {_SIDE}"),
    "affectnet8": (_FACES, f"affectnet --raw {{raw}} --classes 8 {_SIDE}"),
    "affectnet8_unaligned": (_FACES, f"affectnet --raw {{raw}} --classes 8 --align none {_SIDE}"),
    "affwild2": (
        "affwild2 --train 8 --val 8 --frames 16 --size 64",
        f"affwild2 --videos {{raw}}/cropped_aligned --annotations {{raw}}/annotations {_SIDE}",
    ),
    "emotic": ("emotic --train 40 --val 14 --test 4", f"emotic --raw {{raw}} {_SIDE}"),
}


def list_systems() -> dict[str, dict]:
    """Rows of the catalogue by ``file:name``, without cells of sweeps and systems on other data than `DATA`."""
    rows = {f"{_module_name(row)}:{row['name']}": row for row in catalogue(ROOT / "configs")}
    cells = {cell for row in rows.values() for cell in row["cells"]}
    return {
        system: row
        for system, row in rows.items()
        if row["name"] not in cells
        and row["config"].get("family") != "ensemble"  # trains nothing
        and data_name(row["config"]) in (None, *DATA)
    }


def _module_name(row: dict) -> str:
    return row["module"].__name__.rpartition(".")[2]


def small_config(row: dict):
    """The config of a system at @demo size, with the augmentation of its full size."""
    name = row["name"]
    config = row["module"].get_config(name if name in _ONE_SIZE else f"{name}@demo")
    if "data_dir" in config:
        config.update_from_flattened_dict({"batch_size": BATCH, "eval_batch_size": BATCH})
    if "augment" in config:
        config.augment = row["config"].augment
    if _module_name(row) in _SMALL_BACKBONE:
        config.model.backbone = "resnet_tiny"
    return config


def data_name(config) -> str | None:
    """Which of `DATA` a config takes; None for a system without data."""
    if "data_dir" not in config:
        return None
    if config.preparation != "affectnet":
        return config.preparation
    return f"affectnet{config.num_classes}" + ("_unaligned" if config.align == "none" else "")


def prepare_data(name: str, folder: pathlib.Path) -> pathlib.Path:
    """Draws a data set of `DATA` and prepares it, unless it is there; returns its folder."""
    draw, prepare = DATA[name]
    raw, out = folder / "raw" / hashlib.sha256(draw.encode()).hexdigest()[:8], folder / name
    if not (out / "dataset.json").exists():
        if not (raw / "done").exists():
            _run_module("data_prep.synthetic", *draw.split(), "--workers", "1", "--out", raw)
            (raw / "done").touch()
        door, *arguments = prepare.split()
        _run_module(f"data_prep.{door}", *(a.format(raw=raw) for a in arguments), "--out", out)
    return out


def _run_module(module: str, *arguments) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def build_run(config, data: pathlib.Path):
    """The system with its compiled steps and loaders, on one device."""
    dataset = systems.load_data(config, str(data))
    return Run(config, systems.build(config, dataset.recipe), dataset, data_mesh(jax.devices()[:1]))


def train_steps(run) -> tuple[object, list[float]]:
    """The state after `STEPS` training steps, and their losses."""
    state, losses = run.initial_state(), []
    batches = run.batches("train", train=True)
    for _ in range(STEPS):
        state, logs = run.train_step(state, put_batch(next(batches), run.mesh))
        losses.append(float(logs["loss"]))
    batches.close()
    return state, losses


def evaluate(run, state) -> dict:
    """Metrics of the validation split, with what is fitted on the training split."""

    def predict(split: str) -> dict:
        return run.predict(state.variables, split)

    system = run.system
    return system.measure.metrics(
        system.measure.complete(with_estimator(system, predict, "validation"), predict)
    )


def evaluate_untrained(config) -> dict:
    """Metrics of a system without data, as it starts."""
    system = systems.build(config, None)
    return system.measure.metrics(system.predict(system.init(jax.random.key(config.seed)), {}))


def take(row: dict, data_folder: pathlib.Path) -> dict:
    """The fingerprint of one system: ``losses`` and ``metrics``."""
    config = small_config(row)
    name = data_name(config)
    if name is None:
        return {"losses": [], "metrics": summary(evaluate_untrained(config))}
    run = build_run(config, prepare_data(name, data_folder))
    state, losses = train_steps(run)
    return {"losses": losses, "metrics": summary(evaluate(run, state))}


def summary(metrics: dict) -> dict[str, float]:
    """The numbers among the metrics; those of a nested dictionary (of each class) become one, a mean with weights.

    Lists (confusion matrices) are left out.
    """
    numbers = {name: float(value) for name, value in metrics.items() if isinstance(value, (int, float))}
    nested = {name: list(_leaves(value)) for name, value in metrics.items() if isinstance(value, dict)}
    return numbers | {name: weighted_mean(values) for name, values in nested.items() if values}


def weighted_mean(values: list[float]) -> float:
    """A mean that also changes when values change places."""
    return math.fsum((1 + i / len(values)) * value for i, value in enumerate(values)) / len(values)


def _leaves(values: dict):
    for value in values.values():
        if isinstance(value, dict):
            yield from _leaves(value)
        elif isinstance(value, (int, float)):
            yield float(value)


def data_hash(folder: pathlib.Path) -> str:
    """Hash of the content of all records of a prepared data set."""
    splits = load_dataset(folder).splits.values()
    return hashlib.sha256("".join(split.content_hash for split in splits).encode()).hexdigest()[:16]
