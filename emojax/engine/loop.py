"""Training: steps, evaluation at epoch ends, checkpoints, and going on where a killed run stopped."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import signal
import time

import jax
from tqdm import tqdm

import emojax
from emojax.data.dataset import Dataset
from emojax.data.loader import Batches
from emojax.engine.checkpoint import Checkpoints
from emojax.engine.inference import predict_split, with_truth
from emojax.engine.mesh import data_mesh, put_batch, replicated
from emojax.engine.prefetch import DevicePrefetcher
from emojax.engine.runlog import LateLogs, RunLog
from emojax.engine.state import TrainState
from emojax.engine.step import make_predict_step, make_train_step
from emojax.errors import CheckpointError, ConfigError
from emojax.labels import Labels

# Fields that change neither the parameters nor the data order: a run may go on with other values.
_FREE_FIELDS = ("run", "data_dir", "init_from")


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What a run ended with.

    Attributes:
        state: the last state, replicated on the mesh.
        step: its step number.
        finished: False when the run was asked to stop (SIGTERM, `config.run.stop_after_steps`).
        metrics: metrics of the last evaluation; empty when there was none.
        compilations: number of compiled versions of the training step (1 unless a shape changed).
    """

    state: TrainState
    step: int
    finished: bool
    metrics: dict
    compilations: int


class Run:
    """One training run: everything built from the config, in the order of `train`."""

    def __init__(self, config, system, dataset: Dataset, workdir: str | pathlib.Path, mesh=None):
        self.config, self.system, self.dataset = config, system, dataset
        self.workdir = pathlib.Path(workdir)
        self.mesh = data_mesh() if mesh is None else mesh
        self.steps_per_epoch = -(-dataset.splits["train"].num_records // config.batch_size)
        self.total_steps = self.steps_per_epoch * config.num_epochs
        self.tx = system.optimizer(self.steps_per_epoch)
        self.train_step = make_train_step(system.make_update(self.tx), self.mesh, config.seed)
        self.predict_step = make_predict_step(with_truth(system.predict), self.mesh)

    def batches(self, split: str, *, train: bool, state: dict | None = None) -> Batches:
        config = self.config
        return Batches(
            self.dataset,
            split,
            self.system.features,
            batch_size=config.batch_size if train else config.eval_batch_size,
            shuffle=train,
            seed=config.seed,
            num_epochs=config.num_epochs if train else 1,
            state=state,
            threads=config.run.threads,
            pad_to_multiple=self.mesh.size,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
            sampler=self.system.sample_weights(split) if train else None,
        )

    def initial_state(self) -> TrainState:
        """Fresh state, replicated; weights named by `config.init_from` are already in place."""
        variables = self.system.initial_variables(jax.random.key(self.config.seed))
        create = jax.jit(lambda v: TrainState.create(v, self.tx), out_shardings=replicated(self.mesh))
        return create(variables)

    def evaluate(self, state: TrainState, *, title: str | None = None) -> dict:
        """Metrics of the validation split with the given state."""
        batches = self.batches("validation", train=False)
        outputs = predict_split(self.predict_step, state.variables, batches, self.mesh, title=title)
        return self.system.metrics(outputs)

    def meta(self, loader_state: dict, logs: LateLogs) -> dict:
        """What a checkpoint says of its run."""
        return {
            "config": json.loads(self.config.to_json_best_effort()),
            "labels": self.system.labels.to_json(),
            "dataset": {"name": self.dataset.name, "content_hash": self.dataset.splits["train"].content_hash},
            "initialised_from": self.system.initialised_from,
            "loader": loader_state,
            "log_sums": logs.state(),
            "versions": {"emojax": emojax.__version__, "jax": jax.__version__},
        }


def train(config, system, dataset: Dataset, workdir, *, mesh=None, progress: bool = True) -> TrainResult:
    """Trains a system, or goes on with it where `workdir` stopped; continues bit for bit.

    Args:
        config: resolved config.
        system: what is trained (see `emojax.systems.base.System`).
        dataset: prepared data with splits ``train`` and ``validation``.
        workdir: folder of the run; made when missing.
        mesh: devices; all by default.
        progress: show a progress bar.

    Returns:
        The last state and the last evaluation.

    Raises:
        ConfigError: the work directory holds a run of another config.
        CheckpointError: a checkpoint cannot be read or written, or has other labels.
        DataError: a record is damaged.
        TrainingError: the loss is not finite.
    """
    run = Run(config, system, dataset, workdir, mesh)
    claim_workdir(run.workdir, config)
    checkpoints = Checkpoints(run.workdir, system.monitor)
    state, meta = _start(run, checkpoints)
    start = int(state.step)
    log = RunLog(run.workdir, start) if jax.process_index() == 0 else None
    batches = run.batches("train", train=True, state=meta and meta["loader"])
    prefetcher = DevicePrefetcher(batches, run.mesh)
    late = LateLogs(_describe_records(batches), meta and meta["log_sums"])
    try:
        with StopSignal() as stop:
            return _steps(run, state, start, prefetcher, late, log, checkpoints, stop, progress)
    finally:
        prefetcher.close()
        if log:
            log.close()
        checkpoints.close()


def _start(run: Run, checkpoints: Checkpoints) -> tuple[TrainState, dict | None]:
    """A fresh state, or the latest checkpoint's with its meta."""
    state = run.initial_state()
    step = checkpoints.latest_step()
    if step is None:
        return state, None
    meta = checkpoints.read_meta(step)
    require_labels(meta, run.system.labels, checkpoints.folder / str(step), run.dataset.path)
    saved_hash, this_hash = meta["dataset"]["content_hash"], run.dataset.splits["train"].content_hash
    if saved_hash != this_hash:
        raise CheckpointError(
            f"{checkpoints.folder / str(step)} was trained on other records (content hash {saved_hash[:12]}) than "
            f"those in {run.dataset.path} ({this_hash[:12]}). Use that data, or another --workdir."
        )
    return checkpoints.restore(step, state), meta


def _steps(run, state, start, prefetcher, late, log, checkpoints, stop, progress) -> TrainResult:
    config, metrics = run.config, {}
    end = run.total_steps
    if config.run.stop_after_steps:
        end = min(end, config.run.stop_after_steps)
    step, clock = start, _Clock(start, config.batch_size, prefetcher)
    bar = tqdm(total=run.total_steps, initial=start, desc="train", unit="step", disable=not progress)
    for step in range(start + 1, end + 1):
        item = next(prefetcher)
        state, logs = run.train_step(state, item.arrays)
        late.push(step, logs, item.records)
        bar.update()
        epoch_ends = step % run.steps_per_epoch == 0
        if step % config.run.log_every == 0 or epoch_ends:
            _log_train(late, log, bar, step, run, clock)
        saves = _saves(config, step, epoch_ends, last=step == end or stop.requested)
        if epoch_ends and (step // run.steps_per_epoch) % config.run.eval_every_epochs == 0 or step == run.total_steps:
            late.flush()
            metrics = run.evaluate(state, title="validate" if progress else None)
            _log_eval(metrics, log, bar, step, run)
            saves = True
        if saves:
            late.flush()  # a state whose loss is not finite is never saved
            at_eval = _scalars(metrics) if metrics and epoch_ends else None
            checkpoints.save(state, step=step, meta=run.meta(item.loader_state, late), metrics=at_eval)
        if stop.requested:
            break
    late.flush()
    bar.close()
    return TrainResult(state, step, step >= run.total_steps, metrics, run.train_step._cache_size())


def _saves(config, step: int, epoch_ends: bool, last: bool) -> bool:
    every = config.run.checkpoint_every_steps
    return last or epoch_ends or (every > 0 and step % every == 0)
