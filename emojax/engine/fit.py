"""Systems and estimators that are fitted at once, on a whole split, instead of trained step by step (design 7.7).

- `fit_at_once`: a whole system, e.g. random forests on columns. Its checkpoint is what `System.fit` returned, so it is
  evaluated, combined and exported as every other.
- `fit_estimator`: what comes after a trained network, e.g. an SVM on its features. It is fitted once and stored in the
  work directory; later evaluations read it, on other data, too.

Principal components are neither: they are constants of a system (`emojax.estimators.pca`, `System.constants`).
"""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, TypedDict

import jax
import jax.numpy as jnp
import numpy as np

from emojax.data.dataset import Dataset
from emojax.engine.checksums import fingerprint
from emojax.engine.inference import Predictor, make_batches
from emojax.engine.lock import locked
from emojax.engine.mesh import replicated
from emojax.engine.processes import alone
from emojax.engine.restore import Restored, Stored
from emojax.engine.result import TrainResult
from emojax.engine.runlog import RunLog
from emojax.engine.state import TrainState
from emojax.engine.workdir import require_own_config, write_recipe
from emojax.errors import ConfigError, DataError
from emojax.files import parse_json, read_npz, write_npz

Arrays = Mapping[str, np.ndarray]
Examples = Callable[[str], Arrays]
_META = "meta"
_MEND = "Delete it: the next evaluation fits it again."


class Estimator(Protocol):
    """What is fitted on the outputs of a trained network.

    Attributes:
        title: for messages.
        settings: how it is fitted, JSON values; other settings make another estimator.
        reads: outputs of `System.predict` that it is fitted on and applied to.
    """

    title: str
    settings: Mapping[str, Any]
    reads: tuple[str, ...]

    def fit(self, train: Arrays) -> dict[str, np.ndarray]:
        """Plain arrays from the outputs and the truth ``[N, ...]`` of the training split, not augmented."""

    def apply(self, fitted: Arrays, outputs: Arrays) -> dict[str, np.ndarray]:
        """What it adds to outputs ``[N, ...]``."""


class _Meta(TypedDict):
    """Of what a stored estimator is made: the network's fingerprint, the training split, the settings."""

    schema: Literal[1]
    network: int
    content_hash: str
    settings: dict[str, Any]


def fit_estimator(
    folder: pathlib.Path, restored: Restored, system, dataset: Dataset, *, results: pathlib.Path | None = None
) -> dict[str, np.ndarray]:
    """The estimator of a run: the stored one, or where there is none yet one that is fitted now and stored.

    Args:
        folder: the run's; the file is ``fitted/STEP.npz``.
        restored: the checkpoint.
        system: with an `estimator`.
        dataset: data with the training split of the run, where it has to be fitted.
        results: where it is stored, and looked for first, if not in the run's folder: rows of a table that share a
            network have each their own.

    Raises:
        DataError: there is none yet and the data are other ones than the run was trained on, or the file is damaged.
        OutputError: the file cannot be written.
    """
    paths = [pathlib.Path(place, "fitted", f"{restored.step}.npz") for place in (results or folder, folder)]
    estimator, data = system.estimator, restored.meta["dataset"]["content_hash"]
    meta = {
        "schema": 1,
        "network": fingerprint(restored.variables),
        "content_hash": data,
        "settings": json.loads(json.dumps(dict(estimator.settings))),
    }
    for path in paths:
        if path.exists() and (stored := _read(path, meta)) is not None:
            return stored
    there = dataset.splits.get("train")
    if there is None or there.content_hash != data:
        raise DataError(
            f"The {estimator.title} of {restored.where} has not been fitted yet, and {dataset.path} does not hold the "
            f"records that the run was trained on. Run python -m emojax.evaluate --workdir {folder} without --data_dir "
            "first: it fits and stores it."
        )
    predictor = Predictor(system, dataset)
    train = predictor.predict(
        predictor.place(restored.variables), "train", reads=estimator.reads, title=f"fit {estimator.title}"
    )
    fitted = estimator.fit(train)
    write_npz(paths[0], {**fitted, _META: np.frombuffer(json.dumps(meta).encode(), np.uint8)})
    return fitted


def _read(path: pathlib.Path, meta: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
    """The stored arrays; None where they are those of another checkpoint, other data or other settings."""
    arrays = read_npz(path, mend=_MEND)
    if _META not in arrays:
        raise DataError(f"{path} is damaged: it has no description. {_MEND}")
    found = parse_json(arrays.pop(_META).tobytes(), _Meta, what=str(path), mend=_MEND)
    return arrays if found == meta else None


def with_estimator(system, predict_split: Examples, split: str) -> Arrays:
    """The predictions of a split with those of the system's estimator, fitted on the training split and not stored."""
    outputs = predict_split(split)
    if system.estimator is None:
        return outputs
    return {**outputs, **system.estimator.apply(system.estimator.fit(predict_split("train")), outputs)}


def fit_at_once(run, workdir: pathlib.Path) -> TrainResult:
    """Fits a system on the training split and saves it as the only checkpoint of a run; keeps one that is there.

    Args:
        run: of a `FittedSystem`.
        workdir: folder of the run; made when missing.

    Raises:
        ConfigError, CheckpointError, DataError, OutputError: as `emojax.engine.loop.train`.
    """
    if not alone():
        raise ConfigError(
            f"{run.config.name} is fitted at once, by one process: start it without --distributed."
        )
    with locked(workdir):
        require_own_config(workdir, run.config)
        Stored(workdir).require_finished()
        checkpoints = run.checkpoints(workdir)
        try:
            if (step := checkpoints.latest_step()) is not None:
                meta = checkpoints.stored.read_meta(step)
                run.require_same_data(meta, checkpoints.folder / str(step))
                run.system.recall(meta)
                return _result(_state(run, checkpoints.stored.read_variables(step)), {}, step)
            state = _state(run, run.system.fit(lambda split: _examples(run, split)))
            write_recipe(workdir, run.config, run.system.recipe)
            checkpoints.create()
            metrics = run.evaluate(state.variables, title="validate")
            scores = {k: float(v) for k, v in metrics.items() if isinstance(v, (int, float))}
            log = RunLog(workdir, 0)
            log.write("eval", 1, 1.0, scores)
            log.close()
            states = {"loader": {}, "log": {"sums": {}, "count": 0}, "early_stopping": {}}
            checkpoints.save(
                state, step=1, meta={**run.meta(scores, **states), "total_steps": 1}, metrics=scores
            )
            checkpoints.wait()
            return _result(state, metrics, 1)
        finally:
            checkpoints.close()


def _result(state: TrainState, metrics: Mapping, step: int) -> TrainResult:
    ending = "fitted at once" if metrics else "it was fitted before"
    return TrainResult(state, step, True, ending, dict(metrics), step, int(bool(metrics)), 0.0, 0.0)


def _state(run, variables: Mapping[str, Any]) -> TrainState:
    """The state of step 1, on every device."""
    state = TrainState.create(dict(variables), {}).replace(step=jnp.ones((), jnp.int32))
    return jax.device_put(state, replicated(run.mesh))


def _examples(run, split: str) -> dict[str, np.ndarray]:
    """What a batch holds of all examples of a split, in order; padding is left out."""
    batches = make_batches(run.system, run.dataset, split, run.mesh, train=False)
    parts = []
    with contextlib.closing(batches):
        for batch in batches:
            real = np.flatnonzero(batch["mask"] > 0)
            parts.append({name: values[real] for name, values in batch.items()})
    together = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(together["index"], kind="stable")
    return {name: values[order] for name, values in together.items()}
