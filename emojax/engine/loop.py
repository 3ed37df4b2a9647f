"""Training: steps, evaluations, checkpoints, and resuming where a killed run stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import time

import numpy as np
from tqdm import tqdm

from emojax.data.columns import Columns
from emojax.data.dataset import Dataset
from emojax.engine.cadence import length
from emojax.engine.checkpoint import Checkpoints
from emojax.engine.finite import require_finite
from emojax.engine.fit import fit_at_once
from emojax.engine.lock import locked
from emojax.engine.mesh import no_silent_copies
from emojax.engine.monitor import EarlyStopping
from emojax.engine.prefetch import DevicePrefetcher, Prefetched
from emojax.engine.processes import AgreedStop, agreed, leads, others_explained
from emojax.engine.restore import Stored
from emojax.engine.result import TrainResult
from emojax.engine.run import Run
from emojax.engine.runlog import LateLogs, NoLog, RunLog, require_no_progress
from emojax.engine.state import TrainState
from emojax.engine.stop import StopSignal
from emojax.engine.workdir import require_own_config, write_recipe
from emojax.models.constants import CONSTANTS
from emojax.progress import bar as progress_bar


def train(config, system, dataset: Dataset, workdir, *, mesh=None, progress: bool = True) -> TrainResult:
    """Trains a system, or goes on with it where `workdir` stopped, bit for bit; fits one that is fitted at once.

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
        ConfigError: the work directory holds a run of another config, or is in use.
        CheckpointError: a checkpoint cannot be read or written, or has other labels or data.
        DataError: a record is damaged.
        OutputError: the disk is full; the same command resumes once there is space.
        TrainingError: the loss or a parameter is not finite.
    """
    workdir = pathlib.Path(workdir)
    dataset.split("validation")  # needed at the first evaluation, and reported now
    run = Run(config, system, dataset, mesh)
    if system.is_fitted:
        return fit_at_once(run, workdir)
    with contextlib.ExitStack() as stack:
        stack.enter_context(others_explained())
        with agreed():
            if leads():
                stack.enter_context(locked(workdir))
            require_own_config(workdir, config)
            Stored(workdir).require_finished()
            checkpoints = run.checkpoints(workdir)
        stack.enter_context(contextlib.closing(checkpoints))
        state, meta = _start(run, checkpoints)
        batches = run.batches("train", train=True, start=meta["loader"] if meta else 0)
        # From here on it is written; what could not go together has been refused.
        with agreed():
            if leads():
                write_recipe(workdir, config, system.recipe)
                checkpoints.create()
        prefetcher = stack.enter_context(contextlib.closing(DevicePrefetcher(batches, run.mesh)))
        start = int(state.step)
        log = stack.enter_context(contextlib.closing(RunLog(workdir, start) if leads() else NoLog()))
        if meta is None and system.initialised_from:
            log.write_start({"initialised_from": system.initialised_from})
            for note in system.origin_notes() if leads() else ():
                print(f"note     {note}", flush=True)
        late = LateLogs(
            lambda records: _name_records(dataset.columns("train"), records), meta and meta["log"]
        )
        early = EarlyStopping(run.monitor, **config.early_stopping, state=meta and meta["early_stopping"])
        stop = stack.enter_context(StopSignal())
        shown = {"desc": "train", "unit": "step", "disable": not (progress and leads())}
        bar = progress_bar(total=run.total_steps, initial=start, **shown)
        stack.enter_context(contextlib.closing(bar))
        agreed_stop = AgreedStop(run.mesh)
        return _Loop(
            run, state, start, prefetcher, checkpoints, log, late, early, stop, agreed_stop, bar
        ).go()


def _start(run: Run, checkpoints: Checkpoints) -> tuple[TrainState, dict | None]:
    """A fresh state, or the latest checkpoint's with its meta."""
    step = checkpoints.latest_step()
    if step is None:
        with agreed():
            require_no_progress(checkpoints.folder)
            state = run.initial_state()
        return state, None
    meta = checkpoints.stored.read_meta(step)
    run.require_same_data(meta, checkpoints.folder / str(step))
    run.system.recall(meta)  # the next checkpoints say it too
    constants = checkpoints.stored.variable_shapes(step).get(CONSTANTS, {})
    return checkpoints.restore(step, run.abstract_state(constants)), meta


def _name_records(columns: Columns, records: np.ndarray) -> str:
    """Record numbers, with the source of the first few where the data name it."""
    sources = columns.sources(records[:3])
    named = (
        [str(i) for i in records[:3]] if sources is None else [f"{i} ({s})" for i, s in zip(records, sources)]
    )
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
    log: RunLog | NoLog
    late: LateLogs
    early: EarlyStopping
    stop: StopSignal
    agreed_stop: AgreedStop
    bar: tqdm
    metrics: dict = dataclasses.field(default_factory=dict)
    timer: StepTimer = dataclasses.field(default_factory=StepTimer)

    def go(self) -> TrainResult:
        run, saved = self.run, self.step
        while not (ending := self._ending()):
            item = next(self.prefetcher)
            with no_silent_copies():
                self.state, logs = run.train_step(self.state, item.arrays)
                self.step += 1
                self.late.push(self.step, logs, item.records)
            self.timer.step()
            self.bar.update()
            if self._after_step(item):
                saved = self.step
        if saved != self.step:  # stopped between two checkpoints
            self._require_finite()
            self._save(item, None)
        self.checkpoints.wait()
        return TrainResult(
            state=self.state,
            step=self.step,
            finished=self.step >= run.total_steps or self.early.stopped,
            ending=ending,
            metrics=self.metrics,
            best_step=self.checkpoints.best_step(),
            compilations=run.train_step._cache_size(),
            seconds_per_step=self.timer.seconds_per_step,
            data_wait_share=self._data_wait_share(),
        )

    def _ending(self) -> str:
        """Why no further step is taken; empty while the run goes on."""
        if self.step >= self.run.total_steps:
            return f"all {length(self.run.config)}"
        if self.early.stopped:
            return self.early.reason()
        if 0 < self.run.config.run.stop_after_steps <= self.step:
            return f"run.stop_after_steps is {self.run.config.run.stop_after_steps}"
        return "it was asked to" if self.agreed_stop(self.stop.requested) else ""

    def _after_step(self, item: Prefetched) -> bool:
        """Logs, evaluates and saves where it is due; True when it saved."""
        cadence = self.run.cadence
        if cadence.logs(self.step):
            self._log_train()
        if not cadence.saves(self.step):
            return False
        with self.timer.paused():
            self._require_finite()
            self._save(item, self._evaluate() if cadence.evaluates(self.step) else None)
        return True

    def _require_finite(self) -> None:
        """What is not finite is neither evaluated nor saved: the losses up to here, and the new parameters."""
        self.late.flush()
        require_finite(self.state, self.step)

    def _save(self, item: Prefetched, scores: dict[str, float] | None) -> None:
        states = {"log": self.late.state(), "early_stopping": self.early.state()}
        meta = self.run.meta(scores, loader=item.loader_state, **states)
        self.checkpoints.save(self.state, step=self.step, meta=meta, metrics=scores)

    def _log_train(self) -> None:
        means = self.late.means()
        if not means:
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
        self.early.observe(scores, self.step)
        epoch = self.step / self.run.steps_per_epoch
        self.log.write("eval", self.step, epoch, scores)
        if self.early.stopped:
            self._log_train()
        if not self.bar.disable:
            shown = ", ".join(f"{k} {scores[k]:.4f}" for k in self.run.system.headline if k in scores)
            self.bar.write(f"epoch {epoch:g}, step {self.step}: {shown}")
        return scores
