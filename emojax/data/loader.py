"""Batches in an order that depends on the seed alone, and that can be taken up again at any step.

The order of an epoch is one array of record numbers, a function of (seed, epoch): a fresh shuffle of all
records, or draws with replacement for a weighted sampler. The batch of any step follows from it, so a jump to
a step costs no reading. Grain runs that function ahead of the consumer in threads, in order, and keeps the
position. Process p of P takes the positions p, p + P, p + 2P, ... of each epoch: the global batch of a step
holds the same records for any P.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable, Mapping, Sequence

import grain
import numpy as np

from emojax.data.dataset import Dataset, Feature
from emojax.data.decode import BatchDecoder
from emojax.errors import CheckpointError, ConfigError, DataError


class Batches:
    """Iterator over the batches of a split.

    A batch is a dict of arrays: the named features, `index` int32 [B] (record number within the split, -1 for
    padding) and `mask` float32 [B] (1 for a record, 0 for padding). The last batch of an epoch is padded to
    the full size, so shapes never change and every record comes exactly once an epoch.

    Attributes:
        rows: B, the rows of this process's batches, padding included.
        num_records: records of an epoch, over all processes.
        steps_per_epoch: batches in an epoch, the same on every process.
        source: the records of the split.
    """

    def __init__(
        self,
        dataset: Dataset,
        split: str,
        features: Sequence[str],
        *,
        batch_size: int,
        shuffle: bool,
        seed: int = 0,
        num_epochs: int | None = None,
        start_step: int = 0,
        state: Mapping | None = None,
        threads: int | None = None,
        pad_to_multiple: int = 1,
        process_index: int = 0,
        process_count: int = 1,
        sampler: np.ndarray | None = None,
    ):
        """Opens a split.

        Args:
            dataset: a prepared data set.
            split: name of the split.
            features: names of the features in a batch.
            batch_size: records a step, over all processes.
            shuffle: a new order of all records in every epoch, else the order of the shards.
            seed: of the order, 0 or more.
            num_epochs: after which the iterator ends; None goes on for ever.
            start_step: the step to begin with.
            state: of `state()`, to go on from there; instead of `start_step`.
            threads: batches decoded at the same time; 0 decodes in the caller's thread when asked; None:
                see `default_threads`.
            pad_to_multiple: `rows` is rounded up to a multiple of this, e.g. the number of local devices.
            process_index: this process.
            process_count: number of processes; divides `batch_size`. All get equally many batches; where the
                last one has too few records for all, some get (only) padding.
            sampler: weights [num_records], not negative: each epoch is then num_records draws with
                replacement, each record in proportion to its weight, whatever `shuffle` says.

        Raises:
            ConfigError: sizes that do not go together, a feature of kind `bytes`, bad weights.
            DataError: no such split or feature; missing, damaged or incomplete shards.
            CheckpointError: `state` belongs to another order.
        """
        _require_sizes(batch_size, seed, process_index, process_count)
        self.source = dataset.source(split)
        self.num_records = len(self.source)
        if not self.num_records:
            raise DataError(f"Split {split!r} of {dataset.path} holds no records.")
        positions = slice(process_index, None, process_count)
        self._order = _EpochOrder(self.num_records, seed, shuffle, sampler, positions)
        self.steps_per_epoch = -(-self.num_records // batch_size)
        self._records_per_batch = batch_size // process_count
        self.rows = -(-self._records_per_batch // pad_to_multiple) * pad_to_multiple
        self._decode = BatchDecoder(self.source, _batch_features(dataset, features), self.rows)
        self._identity = {
            "seed": seed,
            "batch_size": batch_size,
            "num_records": self.num_records,
            "content_hash": dataset.split(split).content_hash,
        }
        self._step = self._restored_step(state) if state is not None else start_step
        self._error: BaseException | None = None
        if threads is None:
            threads = default_threads(dataset.feature(name) for name in features)
        self._iterator = self._start(num_epochs, threads)

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        """The next batch; DataError, again at every call, once a record could not be read."""
        if self._error is not None:
            raise self._error
        try:
            batch = next(self._iterator)
        except StopIteration:
            raise
        except BaseException as error:
            self._error = error  # The failed batch is lost to Grain: what it gives next is of a later step.
            raise
        self._step += 1
        return batch

    def state(self) -> dict:
        """JSON values from which `state=` goes on with the batch that `next` would return now."""
        return {"step": self._step, **self._identity}

    def close(self) -> None:
        """Stops the threads that read ahead."""
        self._iterator.close()

    def _start(self, num_epochs: int | None, threads: int) -> grain.DatasetIterator:
        steps = sys.maxsize if num_epochs is None else num_epochs * self.steps_per_epoch
        if not 0 <= self._step <= steps:
            raise ConfigError(f"Cannot start at step {self._step} of {steps}.")
        # A few whole batches in flight keep the threads busy without holding much memory.
        options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=threads + 2 if threads else 0)
        iterator = iter(grain.MapDataset.range(steps).map(self._batch).to_iter_dataset(options))
        iterator.set_state({"next_index": self._step})
        return iterator

    def _batch(self, step: int) -> dict[str, np.ndarray]:
        epoch, step_in_epoch = divmod(step, self.steps_per_epoch)
        start = step_in_epoch * self._records_per_batch
        return self._decode(self._order.records(epoch)[start : start + self._records_per_batch])

    def _restored_step(self, state: Mapping) -> int:
        for name, mine in self._identity.items():
            if state.get(name) != mine:
                raise CheckpointError(
                    f"The data order cannot go on: the checkpoint was made with {name} = {state.get(name)}, "
                    f"this run has {mine}. Use the same data and {name}, or start in a new work directory."
                )
        return int(state["step"])


def default_threads(features: Iterable[Feature]) -> int:
    """Threads that fill batches fastest: one a core, at most 16, where there are pictures to decompress.

    Else one: raw pixels are copied at the speed of memory, and several threads would wait for the interpreter's
    lock (2 cores, 227 px: 32,000 images/s with one thread, 27,000 with two; 2026-11-25).
    """
    if not any(feature.kind == "image" and feature.encoding != "raw" for feature in features):
        return 1
    return min(16, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class _EpochOrder:
    """The record numbers that this process reads, epoch by epoch."""

    def __init__(self, size: int, seed: int, shuffle: bool, weights: np.ndarray | None, positions: slice):
        self._size, self._seed, self._shuffle, self._positions = size, seed, shuffle, positions
        self._cumulative = None if weights is None else _cumulative_probabilities(weights, size)
        # Two, for the threads on either side of the end of an epoch.
        self.records = functools.lru_cache(maxsize=2)(self._records)

    def _records(self, epoch: int) -> np.ndarray:
        # A permutation of 300,000 takes 6 ms. Grain's shuffle needs no array but, with slice and batch, 18 us
        # a record under the interpreter lock: nearly as much as the rest of the work on raw pixels.
        generator = np.random.Generator(np.random.PCG64((self._seed, epoch)))
        if self._cumulative is not None:
            order = np.searchsorted(self._cumulative, generator.random(self._size), side="right")
        elif self._shuffle:
            order = generator.permutation(self._size)
        else:
            order = np.arange(self._size)
        return order[self._positions]


def _require_sizes(batch_size: int, seed: int, process_index: int, process_count: int) -> None:
    if batch_size < 1 or batch_size % process_count:
        raise ConfigError(
            f"batch_size {batch_size} is not a positive multiple of the number of processes, {process_count}."
        )
    if not 0 <= process_index < process_count:
        raise ConfigError(f"Process {process_index} of {process_count} does not exist.")
    if seed < 0:
        raise ConfigError(f"seed {seed} is negative.")


def _batch_features(dataset: Dataset, names: Sequence[str]) -> dict:
    features = {name: dataset.feature(name) for name in names}
    for name, feature in features.items():
        if feature.kind == "bytes":
            raise ConfigError(
                f"Feature {name!r} is a text and stays on the host; it is a column of the data."
            )
    return features


def _cumulative_probabilities(weights: np.ndarray, size: int) -> np.ndarray:
    weights = np.asarray(weights, np.float64)
    if weights.shape != (size,):
        raise ConfigError(f"The sampler has weights of shape {weights.shape} for {size} records.")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ConfigError("Sampler weights must be finite, not negative, and not all zero.")
    cumulative = np.cumsum(weights)
    return cumulative / cumulative[-1]
