"""A sweep over the folds of a division: trained and evaluated one after another, pooled before they are measured."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np

from emojax import systems
from emojax.data.folds import Fold
from emojax.engine.evaluation import evaluate
from emojax.engine.loop import train
from emojax.engine.outputs import read_meta
from emojax.engine.restore import read_variables
from emojax.engine.workdir import result_paths
from emojax.errors import DataError
from emojax.sweeps import ensemble


def cross_validate(config, folds: str, workdir: pathlib.Path, *, draws: int = 0) -> dict[str, Any] | None:
    """Trains and evaluates every fold in ``workdir/foldK``, then measures their pooled outputs.

    Args:
        config: of a system, without a fold.
        folds: their number, or `all` to leave one subject out.
        workdir: folder of all.
        draws: of the bootstrap over the groups that the folds keep together; 0 for none.

    Returns:
        What ``metrics.json`` holds: that of `ensemble.measure`, ``over_folds`` metric -> [mean, standard deviation]
        and perhaps intervals. None where the user stopped a training; the same call goes on.
    """
    first = _view(config, f"1/{folds}")
    for k in range(1, first.of + 1):
        if not _one_fold(config, f"{k}/{folds}", workdir / f"fold{k}"):
            return None
    runs = [workdir / f"fold{k}" for k in range(1, first.of + 1)]
    made = ensemble.pooled(runs, "validation")
    each = [json.loads(result_paths(run, "validation").metrics.read_text())["metrics"] for run in runs]
    results = ensemble.measure(made)
    results["over_folds"] = {
        name: [float(np.mean(values)), float(np.std(values, ddof=1))]
        for name, value in results["metrics"].items()
        if isinstance(value, float) and len(values := [one[name] for one in each if name in one]) == len(each)
    }
    if draws:
        groups = made.outputs.ids.get(first.by)
        if groups is None:
            raise DataError(f"The outputs hold no {first.by!r}: there is nothing to compute intervals over.")
        results |= ensemble.bootstrap(made, draws, (first.by, groups))
    ensemble.write(made, results, workdir)
    return results


def _view(config, fold: str) -> Fold:
    return systems.load_data(_with_fold(config, fold))


def _with_fold(config, fold: str):
    config = config.copy_and_resolve_references()
    config.update_from_flattened_dict({"fold": fold})
    return config


def _one_fold(config, fold: str, workdir: pathlib.Path) -> bool:
    """Trains and evaluates a fold as far as it is not done; False when the user stopped it."""
    config, view = _with_fold(config, fold), _view(config, fold)
    system = systems.build(config, view.recipe)
    print(f"fold {fold} by {view.by}: {view.split('train').num_records:,} records train it", flush=True)
    result = train(config, system, view, workdir)
    if not result.finished and not 0 < config.run.stop_after_steps <= result.step:
        return False
    restored = read_variables(workdir)
    if not _is_evaluated(workdir, view, restored.step):
        evaluate(workdir, restored, system, view)
    return True


def _is_evaluated(workdir: pathlib.Path, view: Fold, step: int) -> bool:
    """Whether the results of this checkpoint on this fold are there."""
    paths = result_paths(workdir, "validation")
    if not paths.metrics.is_file() or not paths.outputs.is_file():
        return False
    meta = read_meta(paths.outputs)
    return (meta["step"], meta["content_hash"]) == (step, view.split("validation").content_hash)
