"""Training: steps, evaluation at epoch ends, checkpoints, and going on where a killed run stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import time

import jax
import numpy as np
from tqdm import tqdm

from emojax.data.columns import Columns
from emojax.data.dataset import Dataset
from emojax.engine.checkpoint import Checkpoints
from emojax.engine.prefetch import DevicePrefetcher, Prefetched
from emojax.engine.run import Run, claim_workdir
from emojax.engine.runlog import LateLogs, RunLog
from emojax.engine.state import TrainState
from emojax.engine.stop import StopSignal
from emojax.progress import bar as progress_bar


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What a run ended with.

    Attributes:
        state: the last state, replicated on the mesh.
        step: its step number.
        finished: False when the run was asked to stop (SIGTERM, `config.run.stop_after_steps`).
        metrics: metrics of the last evaluation of this call; empty when there was none.
        best_step: step of the best checkpoint, None before the first evaluation.
        compilations: compiled versions of the training step (1 unless a shape changed on the way).
        seconds_per_step: mean wall time of a step after the first, evaluation and checkpoints left out.
        data_wait_share: share of the steps' wall time spent waiting for a batch.
    """

    state: TrainState
    step: int
    finished: bool
    metrics: dict
    best_step: int | None
    compilations: int
    seconds_per_step: float
    data_wait_share: float


def train(config, system, dataset: Dataset, workdir, *, mesh=None, progress: bool = True) -> TrainResult:
    """Trains a system, or goes on with it where `workdir` stopped, bit for bit.

    Args:
        config: resolved config.
        system: what is trained (see `emojax.systems.base.System`).
        dataset: prepared data with splits ``train`` and ``validation``.
        workdir: folder of the run; made when missing.
        mesh: devices; all by default.
        progress: show progress bars.

    Returns:
        The last state and the last evaluation.

    Raises:
        ConfigError: the work directory holds a run of another config.
        CheckpointError: a checkpoint cannot be read or written, or has other labels or data.
        DataError: a record is damaged.
        TrainingError: the loss is not finite.
    """
    workdir = pathlib.Path(workdir)
    run = Run(config, system, dataset, mesh)
    _ = run.sampler_weights  # first: data that the sampler cannot use leaves no folder behind
    claim_workdir(workdir, config)
    with contextlib.ExitStack() as stack:
        checkpoints = stack.enter_context(contextlib.closing(Checkpoints(workdir, system.monitor)))
        state, meta = _start(run, checkpoints)
        batches = run.batches("train", train=True, state=meta and meta["loader"])
        prefetcher = stack.enter_context(contextlib.closing(DevicePrefetcher(batches, run.mesh)))
        start = int(state.step)
        log = stack.enter_context(contextlib.closing(RunLog(workdir, start)))
        if meta is None and system.initialised_from and not jax.process_index():
            log.write_start({"initialised_from": system.initialised_from})
        late = LateLogs(
            lambda records: _name_records(dataset.columns("train"), records), meta and meta["log"]
        )
        stop = stack.enter_context(StopSignal())
        shown = {"desc": "train", "unit": "step", "disable": not progress}
        bar = progress_bar(total=run.total_steps, initial=start, **shown)
        stack.enter_context(contextlib.closing(bar))
        return _Loop(run, state, start, prefetcher, checkpoints, log, late, stop, bar).go()


def _start(run: Run, checkpoints: Checkpoints) -> tuple[TrainState, dict | None]:
    """A fresh state, or the latest checkpoint's with its meta."""
    step = checkpoints.latest_step()
    if step is None:
        return run.initial_state(), None
    meta = checkpoints.read_meta(step)
    run.require_same_data(meta, checkpoints.folder / str(step))
    run.system.initialised_from = meta["initialised_from"]  # the next checkpoints say it too
    return checkpoints.restore(step, run.abstract_state()), meta


def _name_records(columns: Columns, records: np.ndarray) -> str:
    """Record numbers, with the source of the first few where the data name it."""
    named = [f"{i} ({columns['source_id'][i]})" if "source_id" in columns else str(i) for i in records[:3]]
    return ", ".join(named + [str(i) for i in records[3:]])


class StepTimer:
    """Wall time of the steps, without the first (compilation), evaluations and checkpoints."""

    def __init__(self):
        self.seconds, self._steps, self._last = 0.0, 0, None

    def step(self) -> None:
        now = time.perf_counter()
        if self._last is not None:
            self.seconds += now - self._last
            self._steps += 1
        self._last = now

    @property
    def seconds_per_step(self) -> float:
        return self.seconds / self._steps if self._steps else 0.0

    @contextlib.contextmanager
    def paused(self):
        yield
        self._last = time.perf_counter()


@dataclasses.dataclass
class _Loop:
    """The moving parts of a run while it trains."""

    run: Run
    state: TrainState
    step: int
    prefetcher: DevicePrefetcher
    checkpoints: Checkpoints
    log: RunLog
    late: LateLogs
    stop: StopSignal
    bar: tqdm
    metrics: dict = dataclasses.field(default_factory=dict)
    timer: StepTimer = dataclasses.field(default_factory=StepTimer)

    def go(self) -> TrainResult:
        limit = self.run.config.run.stop_after_steps or self.run.total_steps
        while self.step < min(limit, self.run.total_steps) and not self.stop.requested:
            item = next(self.prefetcher)
            self.state, logs = self.run.train_step(self.state, item.arrays)
            self.step += 1
            self.late.push(self.step, logs, item.records)
            self.timer.step()
            self.bar.update()
            self._after_step(item, last=self.step == limit or self.stop.requested)
        self.checkpoints.wait()
        return TrainResult(
            state=self.state,
            step=self.step,
            finished=self.step >= self.run.total_steps,
            metrics=self.metrics,
            best_step=self.checkpoints.best_step(),
            compilations=self.run.train_step._cache_size(),
            seconds_per_step=self.timer.seconds_per_step,
            data_wait_share=self._data_wait_share(),
        )

    def _after_step(self, item: Prefetched, last: bool) -> None:
        config = self.run.config.run
        epochs, rest = divmod(self.step, self.run.steps_per_epoch)
        finished = self.step == self.run.total_steps
        evaluates = finished or (rest == 0 and epochs % config.eval_every_epochs == 0)
        saves = (
            evaluates
            or last
            or (config.checkpoint_every_steps and self.step % config.checkpoint_every_steps == 0)
        )
        if self.step % config.log_every == 0 or finished:
            self._log_train()
        if not saves:
            return
        with self.timer.paused():
            # All logs up to here are checked first: a state whose loss is not finite is never saved.
            self.late.flush()
            scores = self._evaluate() if evaluates else None
            meta = self.run.meta(item.loader_state, self.late.state())
            self.checkpoints.save(self.state, step=self.step, meta=meta, metrics=scores)

    def _log_train(self) -> None:
        means = self.late.means()
        if not means or jax.process_index():
            return
        rates = {
            "time/images_per_second": self.run.config.batch_size / max(self.timer.seconds_per_step, 1e-9),
            "time/data_wait_share": self._data_wait_share(),
        }
        self.log.write("train", self.step, self.step / self.run.steps_per_epoch, {**means, **rates})
        self.bar.set_postfix_str(f"loss {means['loss']:.4g}", refresh=False)

    def _data_wait_share(self) -> float:
        return self.prefetcher.wait_seconds / max(self.timer.seconds, 1e-9)

    def _evaluate(self) -> dict[str, float]:
        title = None if self.bar.disable else "validate"
        self.metrics = self.run.evaluate(self.state.variables, title=title)
        self.state = self.run.after_evaluation(self.state, self.metrics)
        scores = {
            k: float(v) for k, v in self.metrics.items() if np.ndim(v) == 0 and not isinstance(v, (str, dict))
        }
        epoch = self.step / self.run.steps_per_epoch
        self.log.write("eval", self.step, epoch, scores)
        if not self.bar.disable:
            shown = ", ".join(f"{k} {scores[k]:.4f}" for k in self.run.system.headline if k in scores)
            self.bar.write(f"epoch {epoch:g}, step {self.step}: {shown}")
        return scores
