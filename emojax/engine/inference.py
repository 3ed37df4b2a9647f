"""Predictions of a whole split, every record exactly once and in record order."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Mapping, Sequence

import jax
import numpy as np

from emojax import progress
from emojax.data.dataset import Dataset
from emojax.data.loader import Batches, Order
from emojax.engine.mesh import data_mesh, no_silent_copies, replicated
from emojax.engine.precision import exactness
from emojax.engine.prefetch import DevicePrefetcher
from emojax.engine.step import make_predict_step

_ROWS = ("index", "mask", "record", "frame_mask")
_IN_FLIGHT = 2  # batches computed ahead of the copy to the host


class Predictor:
    """Lets a system predict splits of a data set; only those splits have to be there.

    Args:
        system: what predicts.
        dataset: the prepared data.
        mesh: devices; all by default.
    """

    def __init__(self, system, dataset: Dataset, mesh=None):
        self._system, self._dataset = system, dataset
        self._mesh = data_mesh() if mesh is None else mesh
        self._step = functools.cache(self._compiled)

    def place(self, variables: Mapping) -> Mapping:
        """Variables on every device of the mesh."""
        return jax.device_put(variables, replicated(self._mesh))

    def predict(
        self, variables, split: str, *, reads: Sequence[str] | None = None, title: str | None = None
    ) -> dict[str, np.ndarray]:
        """Predictions and truth of a split.

        Args:
            variables: of the system, here or on the devices.
            split: name of the split.
            reads: outputs that are wanted, of those the system has; what else it predicts is neither computed nor
                copied. None for all.
            title: name of a progress bar; none without it.

        Returns:
            Arrays ``[N, ...]`` by name, sorted by example number; padding is left out.
        """
        batches = make_batches(self._system, self._dataset, split, self._mesh, train=False)
        step = self._step(None if reads is None else tuple(reads))
        return predict_split(step, self.place(variables), batches, self._mesh, title=title)

    def _compiled(self, reads: tuple[str, ...] | None):
        predict = with_truth(self._system, reads)
        return make_predict_step(predict, self._mesh, **exactness(self._system.config))


def make_batches(
    system,
    dataset: Dataset,
    split: str,
    mesh,
    *,
    train: bool,
    start: int | Mapping = 0,
    weights: np.ndarray | None = None,
) -> Batches:
    """A loader of what a system takes: shuffled over all epochs for training, one ordered pass otherwise.

    Args:
        system: its inputs and its config are used.
        dataset: the prepared data.
        split: name of the split.
        mesh: devices that a batch is split over.
        train: training or evaluation.
        start: see `Batches`.
        weights: of the training examples; None for a plain shuffle.
    """
    config = system.config
    order = Order(
        batch_size=config.batch_size if train else config.eval_batch_size,
        train=train,
        seed=config.seed,
        num_epochs=_epochs(config) if train else 1,
        pad_to_multiple=mesh.size // jax.process_count(),
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )
    options = {"weights": weights, "start": start, "threads": config.run.threads or None}
    return Batches(dataset, split, system.inputs, order, **options)


def _epochs(config) -> int | None:
    """Epochs that the loader holds ready; None, no end, where the run counts its steps."""
    return None if config.get("num_steps", 0) else config.num_epochs


def with_truth(system, reads: Sequence[str] | None = None):
    """Predicts, and adds what of the batch travels with the predictions: `System.truth`, numbers and masks of rows.

    Args:
        system: what predicts.
        reads: outputs that are wanted, of those the system has; None for all.
    """

    def predict_with_truth(variables, batch):
        rows = {k: batch[k] for k in _ROWS if k in batch}
        predicted = system.predict(variables, batch)
        wanted = {k: v for k, v in predicted.items() if reads is None or k in reads}
        return {**rows, **system.truth(batch), **wanted}

    return predict_with_truth


def predict_split(
    predict_step, variables, batches, mesh, *, title: str | None = None
) -> dict[str, np.ndarray]:
    """Runs a compiled prediction step over one pass of a loader.

    Args:
        predict_step: compiled ``(variables, batch) -> outputs`` of a predict function wrapped by `with_truth`.
        variables: replicated on the mesh.
        batches: a loader over one epoch, not shuffled.
        mesh: the devices.
        title: name of a progress bar; none without it.

    Returns:
        Arrays ``[N, ...]`` by name, sorted by record number; padding is left out.
    """
    prefetcher = DevicePrefetcher(batches, mesh)
    bar = progress.bar(
        total=batches.steps_per_epoch, desc=title, unit="batch", leave=False, disable=title is None
    )
    in_flight: deque = deque()
    fetched = []
    try:
        for item in prefetcher:
            with no_silent_copies():
                in_flight.append(predict_step(variables, item.arrays))
            if len(in_flight) > _IN_FLIGHT:
                fetched.append(jax.device_get(in_flight.popleft()))
            bar.update()
        fetched.extend(jax.device_get(list(in_flight)))
    finally:
        bar.close()
        prefetcher.close()
    outputs = {k: np.concatenate([f[k] for f in fetched]) for k in fetched[0]}
    order = np.flatnonzero(outputs["mask"] > 0)
    order = order[np.argsort(outputs["index"][order], kind="stable")]
    return {k: v[order] for k, v in outputs.items()}
