"""Ensembles and pooled folds: found by name, combined, measured by the measure of their family, written as a run is."""

from __future__ import annotations

import dataclasses
import datetime
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from emojax import systems
from emojax.engine.combine import align, fuse, intervals, joined, pool_folds, require_weights
from emojax.engine.evaluation import write_table
from emojax.engine.lock import RESULTS, locked
from emojax.engine.outputs import Outputs, read_meta, read_outputs, write_outputs
from emojax.engine.workdir import result_paths
from emojax.errors import ConfigError, DataError
from emojax.files import explained, write_json

_DEPTH = 4  # folders below --runs that are searched: DIR/runs/SYSTEM/seedN


@dataclasses.dataclass(frozen=True)
class Combined:
    """Outputs of several runs as those of one.

    Attributes:
        outputs: with the labels and, of the first member, config and recipe; `meta.members` has the weights.
        system: built from these; its measure is that of the family.
        protocol: how they were combined, in words.
        members: of an ensemble, the outputs of each by name, of the same examples; for its report.
    """

    outputs: Outputs
    system: Any
    protocol: str
    members: Mapping[str, Mapping[str, np.ndarray]] = dataclasses.field(default_factory=dict)


def locate(run: str | os.PathLike, split: str) -> pathlib.Path:
    """The file of outputs of a run; DataError with the command that makes it."""
    path = pathlib.Path(run)
    file = result_paths(path, split).outputs if path.is_dir() else path
    if not file.is_file():
        raise DataError(
            f"{path} has no outputs of the split {split!r} ({file} is missing). Write them: "
            f"python -m emojax.evaluate --workdir {path if path.is_dir() else 'RUN'} --split {split}"
        )
    return file


def find(folder: str | os.PathLike, names: Sequence[str], split: str) -> list[pathlib.Path]:
    """The files of outputs of systems below a folder, in the order of `names`.

    Raises:
        DataError: there are none of a system, or of several runs of it; the message names them.
    """
    found: dict[str, list[pathlib.Path]] = {name: [] for name in names}
    for depth in range(_DEPTH + 1):
        for file in sorted(pathlib.Path(folder).glob("/".join(["*"] * depth + [f"outputs_{split}.npz"]))):
            name = read_meta(file)["system"]
            if name in found:
                found[name].append(file)
    for name, files in found.items():
        if not files:
            raise DataError(
                f"There are no outputs of {name} on the split {split!r} below {folder}. Train it, then: "
                f"python -m emojax.evaluate --workdir RUN --split {split}"
            )
        if len(files) > 1:
            raise DataError(
                f"There are {len(files)} runs of {name} below {folder}: {', '.join(str(f.parent) for f in files)}. "
                "Give a folder that holds one of each, or name the runs one by one with --runs and --weights."
            )
    return [files[0] for files in found.values()]


def combined(
    runs: Sequence[str | os.PathLike],
    weights: Sequence[float] | None,
    method: str,
    split: str,
    *,
    space: str = "probabilities",
    name: str | None = None,
) -> Combined:
    """The ensemble of runs on a split.

    Args:
        runs: folders of runs, or files of outputs.
        weights: of the runs; they sum to one. None where the method takes none.
        method: mean, weighted_mean or maximum.
        split: of the outputs.
        space: probabilities or logits.
        name: of the ensemble; the names of its members if None.

    Raises:
        ConfigError: a method, weights or a space that does not exist, or members of different families.
        DataError: as `align` and `fuse`; a run has no outputs.
    """
    values = require_weights(weights, len(runs), method)
    members = [read_outputs(locate(run, split)) for run in runs]
    # In an order of their own, so that the order in which they were named does not matter.
    order = sorted(
        range(len(members)), key=lambda i: (members[i].meta["system"], values[i], members[i].where)
    )
    members, values = [members[i] for i in order], values[order]
    if len(families := {str(member.config.family) for member in members}) > 1:
        raise ConfigError(
            f"Members of different families are measured differently: {', '.join(sorted(families))}."
        )
    system = systems.build(members[0].config, members[0].recipe)
    names = {one.meta["system"]: float(w) for one, w in zip(members, values)}
    if len(names) < len(members):  # runs of one system
        names = {f"{one.meta['system']} {i}": float(w) for i, (one, w) in enumerate(zip(members, values), 1)}
    together = _together(system, members, values, method, space)

    def predict_split(other: str) -> Mapping[str, np.ndarray]:
        """What the measure chooses something on: the same ensemble on another split."""
        if other == split:
            return together.arrays
        beside = [read_outputs(locate(_beside(member, other), other)) for member in members]
        return _together(system, beside, values, method, space).arrays

    name = name or "+".join(names)
    meta = {**together.meta, "system": name, "step": 0, "members": names}
    arrays = system.measure.complete(together.arrays, predict_split)
    how = f"{method} of {', '.join(f'{n} ({w:g})' for n, w in names.items())}, of {space}"
    outputs = dataclasses.replace(together, arrays=arrays, meta=meta, where=name)
    alone = {one: aligned.arrays for one, aligned in zip(names, align(members, system.inputs.columns))}
    return Combined(outputs, system, f"{meta['dataset']} {split}, {how}", alone)


def _together(system, members: Sequence[Outputs], weights: np.ndarray, method: str, space: str) -> Outputs:
    measure = system.measure
    aligned = align(members, system.inputs.columns)
    everywhere = set.intersection(*(set(member.arrays) for member in aligned))
    links = {n: link for n, link in measure.links.items() if n in measure.reads or n in everywhere}
    fused = fuse(aligned, weights, method, links, space=space)
    return joined(aligned, fused, {*measure.reads, *measure.links})


def _beside(member: Outputs, split: str) -> pathlib.Path:
    """Where the outputs of the same run on another split lie."""
    return result_paths(pathlib.Path(member.where).parent, split).outputs


def pooled(runs: Sequence[str | os.PathLike], split: str, name: str | None = None) -> Combined:
    """The validation outputs of the folds of a system, joined.

    Raises:
        DataError: as `pool_folds`; a run has no outputs.
    """
    outputs = pool_folds([read_outputs(locate(run, split)) for run in runs])
    system = systems.build(outputs.config, outputs.recipe)
    name = name or outputs.meta["system"]
    arrays = system.measure.complete(outputs.arrays, lambda _: outputs.arrays)
    protocol = f"{outputs.meta['protocol']}, {len(runs)} folds pooled"
    meta = {**outputs.meta, "system": name, "protocol": protocol}
    return Combined(dataclasses.replace(outputs, arrays=arrays, meta=meta), system, protocol)


def measure(made: Combined) -> dict[str, Any]:
    """What ``metrics.json`` holds."""
    meta = made.outputs.meta
    return {
        "system": meta["system"],
        "members": meta["members"],
        "protocol": made.protocol,
        "split": {
            "name": meta["split"],
            "records": made.outputs.num_examples,
            "content_hash": meta["content_hash"],
        },
        "labels": meta["labels"],
        "config": meta["config"],
        "metrics": made.system.measure.metrics(made.outputs.arrays),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def bootstrap(made: Combined, draws: int, groups: tuple[str, np.ndarray]) -> dict[str, Any]:
    """Intervals of the metrics over groups, a name and the group of each example; see `intervals`.

    Thresholds and the like that were chosen on the validation split stay as they are.
    """
    name, of_example = groups
    count = made.outputs.num_examples
    fixed = {k: v for k, v in made.outputs.arrays.items() if np.shape(v)[:1] != (count,)}
    rows = {k: np.asarray(v) for k, v in made.outputs.arrays.items() if k not in fixed}
    found = intervals(rows, of_example, lambda a: made.system.measure.metrics({**fixed, **a}), draws=draws)
    return {**found, "grouped_by": name}


def submit(made: Combined, out: pathlib.Path) -> tuple[str, list[str], pathlib.Path]:
    """The file for the evaluation server of the data set, what the user should know, and the path of the outputs.

    Nothing is measured: the split may have no public labels.

    Raises:
        ConfigError: emojax knows no server of this data set.
    """
    prepare = getattr(made.system.measure, "submission", None)
    if prepare is None:
        raise ConfigError(f"{made.outputs.meta['dataset']} has no evaluation server that emojax knows.")
    text, notes = prepare(made.outputs)
    path = result_paths(out, made.outputs.meta["split"]).outputs
    with locked(out, RESULTS), explained(out):
        write_outputs(path, made.outputs)
    return text, notes, path


def write(made: Combined, results: Mapping[str, Any], out: pathlib.Path) -> tuple[pathlib.Path, ...]:
    """Writes metrics, predictions and outputs, and a report where the family has one of ensembles; returns paths."""
    outputs = made.outputs
    paths = result_paths(out, outputs.meta["split"])
    rows = {k: v for k, v in outputs.arrays.items() if np.shape(v)[:1] == (outputs.num_examples,)}
    with locked(out, RESULTS), explained(out):
        write_table(paths.predictions, made.system, outputs.arrays, outputs.ids.get("source_id"))
        write_outputs(paths.outputs, dataclasses.replace(outputs, arrays=rows))
        if made.members and (draw := getattr(made.system.report, "write_ensemble", None)):
            draw(paths.page.parent, outputs.arrays, made.members, results)
        write_json(paths.metrics, results)
    return paths.metrics, paths.predictions, paths.outputs
