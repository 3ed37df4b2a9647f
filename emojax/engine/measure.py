"""Measurements of a run: the fed step, the input alone, and a batch of random values (the bare step: `bare.py`)."""

from __future__ import annotations

import tempfile
import time

import numpy as np

from emojax.data.loader import as_numbers
from emojax.engine.loop import train
from emojax.engine.run import Run


def random_batch(run: Run) -> dict[str, np.ndarray]:
    """A batch of random pixels and labels with the shapes of the data; the last rows are padding if need be.

    Columns that no record holds (joints, labels of clips) are taken from the data at random.
    """
    config, rng = run.config, np.random.default_rng(0)
    rows = -(-config.batch_size // run.mesh.size) * run.mesh.size
    inputs = run.system.inputs
    time = () if inputs.select.time is None else (inputs.select.time,)
    batch = {n: _random_values(run, n, (rows, *time), rng) for n in (*inputs.features, *inputs.columns)}
    mask = (np.arange(rows) < config.batch_size).astype(np.float32)
    numbers = np.arange(rows, dtype=np.int32)
    if time:
        batch["frame_mask"] = np.repeat(mask[:, None], *time, axis=1)
        batch["record"] = np.zeros((rows, *time), np.int32)
    return {**batch, "mask": mask, "index": numbers, "position": numbers}


def _random_values(run: Run, name: str, lead: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    feature = run.dataset.features.get(name)
    if feature is None:
        columns = run.dataset.columns("train")
        of_sequence = name in columns.sequences
        values = as_numbers(columns.sequences if of_sequence else columns, name)
        return values[rng.integers(0, len(values), lead[:1] if of_sequence else lead)]
    shape = (*lead, *feature.shape)
    if feature.kind == "image":
        return rng.integers(0, 256, shape, dtype=np.uint8)
    if feature.kind == "int":
        return rng.integers(0, len(run.system.labels.classes), shape, dtype=np.int32)
    return rng.uniform(-1, 1, shape).astype(np.float32)


def measure_fed_step(config, system, dataset, steps: int, mesh=None) -> dict:
    """Times the steps of the real training loop, fed by the loader, in a throw-away work directory.

    Returns:
        `fed_step_seconds` (mean) and `data_wait_share` of the run.
    """
    config = config.copy_and_resolve_references()
    config.run.stop_after_steps = steps
    config.run.checkpoint_every_steps = 0
    config.run.log_every = max(1, steps // 4)
    with tempfile.TemporaryDirectory(prefix="emojax-benchmark-") as workdir:
        result = train(config, system, dataset, workdir, mesh=mesh, progress=False)
    return {"fed_step_seconds": result.seconds_per_step, "data_wait_share": result.data_wait_share}


def measure_input(run: Run, batches: int) -> dict:
    """Reads, verifies and decodes batches of the training split on the host, as fast as it goes."""
    loader = iter(run.batches("train", train=True))
    try:
        next(loader)
        start = time.perf_counter()
        images = sum(int(next(loader)["mask"].sum()) for _ in range(batches))
        seconds = time.perf_counter() - start
    finally:
        loader.close()
    used = [run.dataset.features[name] for name in run.system.inputs.features]
    encodings = sorted({feature.encoding for feature in used if feature.kind == "image"})
    return {"input_images_per_second": images / seconds, "input_encoding": ", ".join(encodings)}
