"""Batches on the device before the step asks for them."""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
from collections.abc import Iterator

import jax
import numpy as np
from jax.sharding import Mesh

from emojax.data.frames import example_records
from emojax.engine.mesh import put_batch


@dataclasses.dataclass(frozen=True)
class Prefetched:
    """A batch on the device and what the host must still know of it.

    Attributes:
        arrays: the batch, split over the mesh.
        records: the (first) record of each of this process's rows, int32 ``[B]``; -1 where the row is padding.
        loader_state: where the loader continues after this batch (JSON-able).
    """

    arrays: dict[str, jax.Array]
    records: np.ndarray
    loader_state: dict


class DevicePrefetcher:
    """Reads a loader in a thread and keeps `depth` batches on the devices.

    `wait_seconds` adds up the time the consumer spent waiting: the share of a run that is bound by data.
    An error of the loader is raised by `__next__`.
    """

    def __init__(self, batches, mesh: Mesh, depth: int = 2):
        self._batches, self._mesh = batches, mesh
        self._queue: queue.Queue = queue.Queue(depth)
        self._closed = threading.Event()
        self.wait_seconds = 0.0
        self._thread = threading.Thread(target=self._fill, name="prefetch", daemon=True)
        self._thread.start()

    def _fill(self) -> None:
        try:
            for batch in self._batches:
                records = example_records(batch)
                item = Prefetched(put_batch(batch, self._mesh), records, self._batches.state())
                if not self._offer(item):
                    return
            self._offer(StopIteration())
        except BaseException as error:  # raised again in the consumer's thread
            self._offer(error)

    def _offer(self, item) -> bool:
        while not self._closed.is_set():
            try:
                self._queue.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def __iter__(self) -> Iterator[Prefetched]:
        return self

    def __next__(self) -> Prefetched:
        start = time.perf_counter()
        item = self._queue.get()
        self.wait_seconds += time.perf_counter() - start
        if isinstance(item, BaseException):
            self._queue.put(item)  # a later call gets the same answer
            raise item
        return item

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        self._batches.close()
