"""What categories gain from learning valence and arousal, too (affwild_cnn_rnn spec 7.2, last point)."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from emojax import systems
from emojax.engine.inference import Predictor
from emojax.engine.restored import Restored
from emojax.errors import ConfigError
from emojax.metrics.category_va import information
from emojax.report import style
from emojax.report.page import Picture, Section, Table
from emojax.systems.face_videos.measure import by_record, truth_of

_ALONE, _TOGETHER = "category", "both"  # `config.model.outputs`
_SAME = ("trunk", "pool", "cell", "units", "layers", "fc_units", "head_units", "window")


def compare(
    folder: pathlib.Path, runs: Mapping[str, Restored], data_dir: pathlib.Path | None, split: str
) -> list[Section]:
    """Recall of each category of runs that learn both tasks, minus that of runs of the category alone.

    Args:
        folder: of the PNG.
        runs: name -> checkpoint; several seeds of each kind.
        data_dir: prepared data; None: the first run's.
        split: that is predicted.

    Raises:
        ConfigError: not both kinds, or networks that differ in more than their outputs.
    """
    require_comparable(runs)
    dataset = systems.load_data(next(iter(runs.values())).config, data_dir)
    recalls: dict[str, list[np.ndarray]] = {_ALONE: [], _TOGETHER: []}
    for name, restored in runs.items():
        system = systems.build(restored.config, restored.recipe)
        system.require_data(dataset.recipe)
        predictor = Predictor(system, dataset)
        reads = system.measure.reads
        outputs = predictor.predict(predictor.place(restored.variables), split, reads=reads, title=name)
        frames = by_record(outputs)
        each = system.measure.metrics(frames)["per_class"]
        recalls[restored.config.model.outputs].append(np.array([row["recall"] for row in each.values()]))
    labels = system.labels.classes
    spread = information(truth_of(frames), frames["label"], len(labels)).of_class
    return [gain_section(folder, recalls, spread, labels, split)]


def require_comparable(runs: Mapping[str, Restored]) -> None:
    """Raises ConfigError unless runs of both kinds have the same network."""
    (first, one), *others = runs.items()
    for name, other in others:
        for field in _SAME:
            if one.config.model[field] != other.config.model[field]:
                raise ConfigError(
                    f"{first} has config.model.{field} {one.config.model[field]}, {name} {other.config.model[field]}: "
                    "compare runs whose networks differ in their outputs alone."
                )
    kinds = {restored.config.model.outputs for restored in runs.values()}
    if kinds != {_ALONE, _TOGETHER}:
        raise ConfigError(
            f"These runs learn {', '.join(sorted(kinds))}: give runs of the category alone and of both, e.g. of "
            "cat_vgg19_fc1 and comb_vgg19_fc1."
        )


def gain_section(
    folder: pathlib.Path,
    recalls: Mapping[str, Sequence[np.ndarray]],
    spread: np.ndarray,
    classes: Sequence[str],
    split: str,
) -> Section:
    """Table and figure of the change of each recall, against the class's entropy over the plane.

    Args:
        folder: of the PNG.
        recalls: ``category`` and ``both`` -> recalls ``[C]`` of each run.
        spread: entropy in bits of each category over the cells of the plane ``[C]``.
        classes: C names.
        split: for the text.
    """
    alone, together = (np.array(recalls[kind]) for kind in (_ALONE, _TOGETHER))
    gain = together.mean(axis=0) - alone.mean(axis=0)
    rows = [
        (name, float(bits), float(a), float(b), float(g))
        for name, bits, a, b, g in zip(classes, spread, alone.mean(axis=0), together.mean(axis=0), gain)
    ]
    header = ("category", "entropy over cells, bits", "recall, category alone", "recall, both", "gain")
    related = correlation(spread, gain)
    text = (
        f"{len(alone)} runs of the category alone, {len(together)} of both, {split} split. Correlation of gain and "
        f"entropy: {'undefined' if np.isnan(related) else f'{related:.2f}'}."
    )
    path = folder / "recall_gain.png"
    with style.figure(path, 5.4, 4.2) as fig:
        ax = fig.add_subplot()
        ax.axhline(0, color=style.FAINT, lw=1)
        for c, (name, x, y) in enumerate(zip(classes, spread, gain)):
            ax.plot(x, y, style.marker(c), color=style.colour(c), markersize=8)
            ax.annotate(style.capital(name), (x, y), (6, 4), textcoords="offset points", fontsize=8)
        ax.margins(x=0.18, y=0.15)
        ax.set(
            xlabel="entropy of the category over the plane, bits", ylabel="recall: both minus category alone"
        )
        style.titled(ax, "What each category gains from valence and arousal", f"{split} split")
    return Section(
        "Categories alone and with valence and arousal",
        text=text,
        tables=[Table(rows, header, "Means over the runs.")],
        pictures=[
            Picture(path, "A category that lies in one place would gain most, says the thesis's hypothesis.")
        ],
    )


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation of two ``[C]``; NaN where one is constant."""
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 0 and np.ptp(b) > 0 else float("nan")
