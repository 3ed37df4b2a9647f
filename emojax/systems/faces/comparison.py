"""Several runs of face systems side by side, on the same records (thesis 001, section 6.4)."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from emojax import systems
from emojax.data.dataset import Dataset
from emojax.engine.inference import Predictor
from emojax.engine.restore import read_variables
from emojax.engine.workdir import require_run
from emojax.errors import ConfigError, DataError
from emojax.metrics.similarity import cosine_similarity
from emojax.report import classification, features, matrices, samples
from emojax.report.page import Picture, Section, Table
from emojax.systems.faces.report import feature_set
from emojax.systems.faces.system import FaceSystem

_SAMPLES = 8
_METRICS = ("accuracy", "mean_class_accuracy", "macro_f1", "ccc_valence", "ccc_arousal", "region_accuracy")


@dataclasses.dataclass(frozen=True)
class EvaluatedRun:
    """A trained system and what it says of the records of a split.

    Attributes:
        system: the system.
        dataset: what it has predicted.
        step: of the checkpoint.
        variables: parameters and other collections.
        outputs: predictions and truth ``[N, ...]``, as `Predictor.predict` gives them.
    """

    system: FaceSystem
    dataset: Dataset
    step: int
    variables: Mapping
    outputs: Mapping[str, np.ndarray]


def load_runs(
    workdirs: Sequence[str], data_dir: str | None, which: str, split: str
) -> dict[str, EvaluatedRun]:
    """Restores runs and lets them predict a split.

    Args:
        workdirs: folders of runs.
        data_dir: prepared data; None: what each run was trained on.
        which: ``best``, ``latest`` or a step number.
        split: name of the split.

    Returns:
        The runs by name, see `run_names`.

    Raises:
        CheckpointError: a folder holds no run or no such checkpoint.
        ConfigError: a folder is given twice, or its run is no face system.
        DataError: the runs do not have the same labels and the same records.
    """
    names = run_names(workdirs)
    for workdir in workdirs:
        require_run(pathlib.Path(workdir))
    restored = [read_variables(workdir, which) for workdir in workdirs]
    datasets = [systems.load_data(one.config, data_dir) for one in restored]
    require_same_records(dict(zip(names, datasets)), split)
    runs = {}
    for name, workdir, one, dataset in zip(names, workdirs, restored, datasets):
        system = systems.build(one.config, one.recipe)
        if not isinstance(system, FaceSystem):
            raise ConfigError(
                f"{workdir} is a run of the family {one.config.family!r}; only faces are compared."
            )
        system.require_data(dataset.recipe)
        predictor = Predictor(system, dataset)
        outputs = predictor.predict(predictor.place(one.variables), split, title=name)
        runs[name] = EvaluatedRun(system, dataset, one.step, one.variables, outputs)
    return runs


def run_names(workdirs: Sequence[str]) -> list[str]:
    """Short names of several runs: the end of each path, without what all end in.

    ``out/base7/seed0`` and ``out/emotion_gcn/seed0`` are ``base7`` and ``emotion_gcn``.

    Raises:
        ConfigError: a run is given twice.
    """
    paths = [pathlib.Path(path).resolve() for path in workdirs]
    if len(set(paths)) < len(paths):
        raise ConfigError(f"A run is given twice: --workdir {' --workdir '.join(workdirs)}.")
    while len(paths) > 1 and len({path.name for path in paths}) == 1:
        paths = [path.parent for path in paths]
    depths = range(1, max(len(path.parts) for path in paths) + 1)
    ends = (["/".join(path.parts[-depth:]) for path in paths] for depth in depths)
    return next(names for names in ends if len(set(names)) == len(names))


def require_same_records(datasets: Mapping[str, Dataset], split: str) -> None:
    """Raises DataError when the runs' data differ in labels or in the records of the split."""
    (first, one), *others = datasets.items()
    for name, other in others:
        one.labels.require_equal(other.labels, mine=f"the run {first}", theirs=f"the run {name}")
        mine, theirs = (d.split(split).content_hash[:12] for d in (one, other))
        if mine != theirs:
            raise DataError(
                f"The runs {first} and {name} do not have the same {split} records: {one.path} has the content hash "
                f"{mine}, {other.path} {theirs}. What they say of other pictures cannot stand side by side: "
                "name data that fits both with --data_dir."
            )


def compare(folder: pathlib.Path, runs: Mapping[str, EvaluatedRun], read_records: Callable) -> list[Section]:
    """Draws the figures of runs that were evaluated on the same records with the same labels.

    Args:
        folder: where the PNGs go.
        runs: by the name that the figures show.
        read_records: (record numbers ``[n]``, names of features) -> arrays ``[n, ...]`` by name.
    """
    metrics = {name: run.system.measure.metrics(run.outputs) for name, run in runs.items()}
    classes = next(iter(runs.values())).system.labels.classes
    sections = [_numbers(runs, metrics)]
    telling = {name: run for name, run in runs.items() if "probabilities" in run.outputs}
    if telling:
        counts = {name: np.array(metrics[name]["confusion_matrix"]) for name in telling}
        path = classification.confusion_figures(folder / "confusion.png", counts, classes)
        caption = "Percent of each row; rows are the truth."
        sections.append(Section("Expression", pictures=[Picture(path, caption, wide=True)]))
        sections.append(_samples(folder, telling, read_records))
    sections.append(_similarity(folder, runs))
    sections.append(_features(folder, runs, classes))
    return [s for s in sections if s.pictures or s.tables]


def _numbers(runs: Mapping[str, EvaluatedRun], metrics: Mapping[str, Mapping]) -> Section:
    shown = [m for m in _METRICS if any(m in values for values in metrics.values())]
    rows = [
        (name, run.system.config.name, run.step, *(metrics[name].get(m, float("nan")) for m in shown))
        for name, run in runs.items()
    ]
    header = ("run", "system", "step", *(m.replace("_", " ") for m in shown))
    first = next(iter(runs.values()))
    text = f"{len(first.outputs['label']):,} records of {first.dataset.name}, the same for every run."
    return Section("Numbers", text, tables=[Table(rows, header)])


def _samples(folder: pathlib.Path, runs: Mapping[str, EvaluatedRun], read_records) -> Section:
    first = next(iter(runs.values()))
    truth, names = first.outputs["label"], first.system.labels.classes
    dimensions = np.stack([first.outputs[d] for d in first.system.labels.dimensions], axis=-1)
    said = {name: run.outputs["probabilities"].argmax(axis=1) for name, run in runs.items()}
    chosen = disagreeing(list(said.values()))[:_SAMPLES]
    path = samples.comparison_figure(
        folder / "samples.png",
        read_records(first.outputs["index"][chosen], ["image"])["image"],
        (truth[chosen], dimensions[chosen]),
        {name: (said[name][chosen], _values(run.outputs, chosen)) for name, run in runs.items()},
        names,
    )
    caption = "Drawn at random, first among the records that the runs do not agree on."
    return Section("Samples", pictures=[Picture(path, caption, wide=True)])


def disagreeing(predictions: Sequence[np.ndarray]) -> np.ndarray:
    """All record numbers in random order, those on which the predictions ``[N]`` differ first."""
    stacked = np.stack(predictions)
    order = np.random.default_rng(0).permutation(stacked.shape[1])
    agree = (stacked == stacked[0]).all(axis=0)
    return order[np.argsort(agree[order], kind="stable")]


def _values(outputs: Mapping[str, np.ndarray], chosen: np.ndarray) -> np.ndarray | None:
    return outputs["valence_arousal"][chosen] if "valence_arousal" in outputs else None


def _similarity(folder: pathlib.Path, runs: Mapping[str, EvaluatedRun]) -> Section:
    maps = {name: cosine_similarity(vectors) for name, vectors in label_vectors(runs).items()}
    if not maps:
        return Section("Label vectors")
    labels = next(iter(runs.values())).system.labels
    path = matrices.similarity_heatmaps(
        folder / "similarity.png",
        maps,
        (*labels.classes, *labels.dimensions),
        num_classes=len(labels.classes),
    )
    caption = (
        "Cosine similarity of the vectors that stand for the expressions and the dimensions. Networks of one "
        "task each make a pair: the expressions of one, the dimensions of the other."
    )
    return Section("Label vectors", pictures=[Picture(path, caption, wide=True)])


def label_vectors(runs: Mapping[str, EvaluatedRun]) -> dict[str, np.ndarray]:
    """Vectors ``[C + 2, D]`` by run; a network of expressions and one of dimensions make a pair (spec 6)."""
    found, halves = {}, {"single": {}, "va_single": {}}
    for name, run in runs.items():
        vectors, kind = run.system.label_vectors(run.variables), run.system.config.model.head
        if vectors is not None:
            found[name] = vectors
        elif kind in halves:
            (layer,) = run.variables["params"]["head"].values()
            halves[kind][name] = np.asarray(layer["kernel"]).T
    pairs = {
        f"{one} + {other}": np.concatenate([expressions, dimensions])
        for one, expressions in halves["single"].items()
        for other, dimensions in halves["va_single"].items()
        if expressions.shape[1] == dimensions.shape[1]
    }
    return pairs | found


def _features(folder: pathlib.Path, runs: Mapping[str, EvaluatedRun], classes: Sequence[str]) -> Section:
    sets = {name: feature_set(run.variables, run.outputs) for name, run in runs.items()}
    path = features.feature_figure(folder / "features.png", sets, classes)
    caption = "Squares: the centres that a run has learned; without any, the means of its classes."
    return Section("Features", pictures=[Picture(path, caption, wide=True)])
