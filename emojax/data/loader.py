"""Batches in an order that depends on the seed alone, and that can be taken up again at any step.

The order of an epoch is one array of example numbers, a function of (seed, epoch): a fresh shuffle of all examples, or
draws with replacement for a weighted sampler. The batch of any step follows from it, so a jump to a step costs no
reading. Grain runs that function ahead of the consumer in threads, in order, and keeps the position. The global batch
of a step is `order[s B : (s + 1) B]`; process p of P takes every P-th of it, from the p-th on, so it holds the same
examples for any P.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import sys
from collections.abc import Iterable, Mapping

import grain
import numpy as np

from emojax.data.columns import Columns
from emojax.data.dataset import Dataset, Feature
from emojax.data.decode import BatchDecoder
from emojax.data.inputs import Inputs
from emojax.data.plan import PADDING, Plan
from emojax.data.ranges import label_ranges
from emojax.data.select import Pictures
from emojax.errors import CheckpointError, ConfigError, DataError

_INT32 = np.iinfo(np.int32)


@dataclasses.dataclass(frozen=True)
class Order:
    """How the examples of a split are put in order and dealt out.

    Attributes:
        batch_size: examples a step, over all processes.
        train: a new order in every epoch, and the selection of training; else one fixed order and that of evaluation.
        seed: of the order and of what a selection draws, 0 or more.
        num_epochs: after which the batches end; None goes on for ever.
        pad_to_multiple: the rows of a process are rounded up to a multiple of this, e.g. its number of devices.
        process_index: this process.
        process_count: number of processes. Each gets equally many batches; where a batch has too few examples for all,
            some get (only) padding.

    Raises:
        ConfigError: a number is out of range.
    """

    batch_size: int
    train: bool = False
    seed: int = 0
    num_epochs: int | None = 1
    pad_to_multiple: int = 1
    process_index: int = 0
    process_count: int = 1

    def __post_init__(self):
        if self.batch_size < 1:
            raise ConfigError(f"batch_size {self.batch_size} must be at least 1.")
        if not 0 <= self.process_index < self.process_count:
            raise ConfigError(f"Process {self.process_index} of {self.process_count} does not exist.")
        if self.seed < 0:
            raise ConfigError(f"seed {self.seed} is negative.")

    @property
    def rows(self) -> int:
        """Rows of one process's batches, padding included."""
        share = -(-self.batch_size // self.process_count)
        return -(-share // self.pad_to_multiple) * self.pad_to_multiple


class Batches:
    """Iterator over the batches of a split.

    A batch is a dict of arrays for B rows:

    - the features and columns of `Inputs`: `[B, ...]`, or `[B, T, ...]` where an example is T records; columns of
      sequences are `[B, ...]` always. Zeros where there is padding;
    - `index` int32 `[B]`: number of the example within the split, -1 for padding. Of single pictures that is the
      number of the record;
    - `mask` float32 `[B]`: 1 for an example, 0 for padding;
    - `position` int32 `[B]`: place in the global batch, from which random keys come;
    - where an example is T records: `record` int32 `[B, T]`, their numbers, -1 for padding, and `frame_mask` float32
      `[B, T]`.

    The last batch of an epoch is padded to the full size, so shapes never change and every example comes exactly once
    an epoch.

    Attributes:
        rows: B, the rows of this process's batches, padding included.
        num_examples: examples of an epoch, over all processes.
        steps_per_epoch: batches in an epoch, the same on every process.
    """

    def __init__(
        self,
        dataset: Dataset,
        split: str,
        inputs: Inputs,
        order: Order,
        *,
        weights: np.ndarray | None = None,
        start: int | Mapping = 0,
        threads: int | None = None,
    ):
        """Opens a split.

        Args:
            dataset: a prepared data set.
            split: name of the split.
            inputs: what a batch holds.
            order: see `Order`.
            weights: `[num_examples]`, not negative: each epoch is then num_examples draws with replacement, each
                example in proportion to its weight.
            start: the step to begin with, or what `state()` gave.
            threads: batches decoded at the same time; 0 decodes in the caller's thread when asked; None: see
                `default_threads`.

        Raises:
            ConfigError: a feature or column of text, bad weights, a step that does not exist.
            DataError: no such split, feature or column; missing, damaged or incomplete files.
            CheckpointError: `start` belongs to another order.
        """
        select = inputs.selection(order.train)
        plan = _plan(dataset, split, inputs, order.train)
        self.num_examples, self.rows = plan.num_examples, order.rows
        self.steps_per_epoch = -(-self.num_examples // order.batch_size)
        self._order = order
        self._epochs = _Epochs(self.num_examples, order, weights)
        self._reader = _Reader(dataset, split, inputs, plan, order)
        described = dataset.split(split)
        self._identity = {
            "seed": order.seed,
            "batch_size": order.batch_size,
            "num_records": described.num_records,
            "content_hash": described.content_hash,
            "select": repr(select),
        }
        self._step = start if isinstance(start, int) else self._restored_step(start)
        self._error: BaseException | None = None
        if threads is None:
            threads = default_threads(dataset.feature(name) for name in inputs.features)
        self._iterator = self._start(threads)

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
        """JSON values from which `start=` goes on with the batch that `next` would return now."""
        return {"step": self._step, **self._identity}

    def close(self) -> None:
        """Stops the threads that read ahead."""
        self._iterator.close()

    def _start(self, threads: int) -> grain.DatasetIterator:
        epochs = self._order.num_epochs
        steps = sys.maxsize if epochs is None else epochs * self.steps_per_epoch
        if not 0 <= self._step <= steps:
            raise ConfigError(f"Cannot start at step {self._step} of {steps}.")
        # A few whole batches in flight keep the threads busy without holding much memory.
        options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=threads + 2 if threads else 0)
        iterator = iter(grain.MapDataset.range(steps).map(self._batch).to_iter_dataset(options))
        iterator.set_state({"next_index": self._step})
        return iterator

    def _batch(self, step: int) -> dict[str, np.ndarray]:
        epoch, step_in_epoch = divmod(step, self.steps_per_epoch)
        size, order = self._order.batch_size, self._order
        whole = self._epochs.examples(epoch)[step_in_epoch * size : (step_in_epoch + 1) * size]
        return self._reader(epoch, whole[order.process_index :: order.process_count])

    def _restored_step(self, state: Mapping) -> int:
        for name, mine in self._identity.items():
            if state.get(name) != mine:
                raise CheckpointError(
                    f"The data order cannot be resumed: the checkpoint was made with {name} = {state.get(name)}, "
                    f"this run has {mine}. Use the same data and {name}, or start in a new work directory."
                )
        return int(state["step"])


def count_examples(dataset: Dataset, split: str, inputs: Inputs, *, train: bool) -> int:
    """Examples of a split in training or in evaluation; of single pictures that is the number of records."""
    if isinstance(inputs.selection(train), Pictures):
        return dataset.split(split).num_records
    return _plan(dataset, split, inputs, train).num_examples


def default_threads(features: Iterable[Feature]) -> int:
    """Threads that fill batches fastest: one a core, at most 16, where there are pictures to decompress.

    Else one: raw pixels are copied at the speed of memory, and several threads would wait for the interpreter's
    lock (2 cores, 227 px: 32,000 images/s with one thread, 27,000 with two; 2026-11-25).
    """
    if not any(feature.kind == "image" and feature.encoding != "raw" for feature in features):
        return 1
    return min(16, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _plan(dataset: Dataset, split: str, inputs: Inputs, train: bool) -> Plan:
    if not dataset.split(split).num_records:
        raise DataError(f"Split {split!r} of {dataset.path} holds no records.")
    return inputs.selection(train).plan(dataset.columns(split).layout, train)


class _Epochs:
    """The example numbers of the epochs, in order."""

    def __init__(self, size: int, order: Order, weights: np.ndarray | None):
        self._size, self._seed, self._shuffle = size, order.seed, order.train
        self._cumulative = None if weights is None else _cumulative_probabilities(weights, size)
        # Two, for the threads on either side of the end of an epoch.
        self.examples = functools.lru_cache(maxsize=2)(self._examples)

    def _examples(self, epoch: int) -> np.ndarray:
        # A permutation of 300,000 takes 6 ms. Grain's shuffle needs no array but, with slice and batch, 18 us
        # a record under the interpreter lock: nearly as much as the rest of the work on raw pixels.
        generator = np.random.Generator(np.random.PCG64((self._seed, epoch)))
        if self._cumulative is not None:
            return np.searchsorted(self._cumulative, generator.random(self._size), side="right")
        return generator.permutation(self._size) if self._shuffle else np.arange(self._size)


class _Reader:
    """From example numbers to the arrays of a batch."""

    def __init__(self, dataset: Dataset, split: str, inputs: Inputs, plan: Plan, order: Order):
        self._plan, self._rows, self._seed = plan, order.rows, order.seed
        self._position = (order.process_index + order.process_count * np.arange(order.rows)).astype(np.int32)
        self._time = inputs.selection(order.train).time
        self._is_record = isinstance(inputs.selection(order.train), Pictures)
        # A system that takes columns alone opens no shard.
        features = _batch_features(dataset, inputs)
        self._decode = None
        if features:
            self._decode = BatchDecoder(dataset.source(split), features, label_ranges(dataset.labels))
        columns = dataset.columns(split)
        self._of_record = {n: as_numbers(columns, n) for n in inputs.columns if n not in columns.sequences}
        self._of_sequence = {
            n: as_numbers(columns.sequences, n) for n in inputs.columns if n in columns.sequences
        }

    def __call__(self, epoch: int, examples: np.ndarray) -> dict[str, np.ndarray]:
        """The batch of these examples, at most as many as there are rows."""
        index = np.full(self._rows, PADDING, np.int32)
        index[: len(examples)] = examples
        records = self._records(epoch, index)
        batch = self._decode(records.reshape(-1)) if self._decode else {}
        if self._time is not None:
            batch = {k: v.reshape(self._rows, self._time, *v.shape[1:]) for k, v in batch.items()}
        taken = records if self._time is not None else records[:, 0]
        batch |= {name: _gather(values, taken) for name, values in self._of_record.items()}
        sequence = np.where(index >= 0, self._plan.sequence[index], PADDING)
        batch |= {name: _gather(values, sequence) for name, values in self._of_sequence.items()}
        if not self._is_record:
            batch["record"] = taken
        if self._time is not None:
            batch["frame_mask"] = (records >= 0).astype(np.float32)
        mask = (index >= 0).astype(np.float32)
        return {**batch, "index": index, "mask": mask, "position": self._position.copy()}

    def _records(self, epoch: int, index: np.ndarray) -> np.ndarray:
        """Records of the examples, int32 [B, T]; all -1 for padding."""
        if not self._plan.is_random:
            return np.where(index[:, None] >= 0, self._plan.table[index], np.int32(PADDING))
        records = np.full((len(index), self._time or 1), PADDING, np.int32)
        for row, example in enumerate(index.tolist()):
            if example >= 0:
                # From 1: to NumPy (seed, epoch, 0) is the seed (seed, epoch), which the order is drawn from.
                generator = np.random.Generator(np.random.PCG64((self._seed, epoch, 1 + example)))
                records[row] = self._plan.records(example, generator)
        return records


def _batch_features(dataset: Dataset, inputs: Inputs) -> dict[str, Feature]:
    features = {name: dataset.feature(name) for name in inputs.features}
    for name, feature in features.items():
        if feature.kind == "bytes":
            raise ConfigError(
                f"Feature {name!r} is a text and stays on the host; it is a column of the data."
            )
    return features


def as_numbers(columns: Columns | Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """A column as a batch holds it: int32 or float32."""
    values = columns[name]
    if values.dtype.kind == "U":
        raise ConfigError(f"Column {name!r} is a text and stays on the host.")
    if values.dtype.kind == "f":
        return values.astype(np.float32, copy=False)
    if values.size and not (values.min() >= _INT32.min and values.max() <= _INT32.max):
        raise DataError(f"Column {name!r} holds {values.min()} to {values.max()}, more than int32 takes.")
    return values.astype(np.int32, copy=False)


def _gather(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """`values[rows]`, zeros where a row is -1."""
    taken = values[rows]
    taken[rows < 0] = 0
    return taken


def _cumulative_probabilities(weights: np.ndarray, size: int) -> np.ndarray:
    weights = np.asarray(weights, np.float64)
    if weights.shape != (size,):
        raise ConfigError(f"The sampler has weights of shape {weights.shape} for {size} examples.")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ConfigError("Sampler weights must be finite, not negative, and not all zero.")
    cumulative = np.cumsum(weights)
    return cumulative / cumulative[-1]
